"""Loading refuses whatever is not exactly what the card says; each check has its own test."""

import base64
import json
import shutil

import numpy as np
import pytest

from cifake_core import artifacts
from cifake_core.errors import ArtifactError
from cifake_core.models import BUILDERS

SHIPPED = artifacts.ASSETS / "models"


@pytest.fixture
def lens(tmp_path, monkeypatch):
    """A private copy of the shipped model; ``edit`` changes its card."""
    folder = tmp_path / "models" / "lens"
    shutil.copytree(SHIPPED / "lens", folder)
    monkeypatch.setenv("CIFAKE_MODELS", str(tmp_path / "models"))
    return folder


def edit(folder, **changes):
    path = folder / artifacts.CARD
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def accept_hash_of(folder, file):
    """Make the card agree with a changed file, so that the checks behind the hash are reached."""
    path = folder / artifacts.CARD
    card = json.loads(path.read_text())
    card["files"][file] = artifacts.file_record(folder / file)
    path.write_text(json.dumps(card))


def flip_byte(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_every_shipped_model_loads():
    names = artifacts.available()
    assert "lens" in names
    for name in names:
        card = artifacts.read_card(name)
        assert artifacts.load_engine(card).image_size == card.image_size
        assert artifacts.load_keras(card).count_params() == card.raw["parameters"]


def test_lens_is_what_was_promised():
    card = artifacts.read_card("lens")
    model = artifacts.load_keras(card)
    assert model.count_params() <= 1_000_000
    assert model.input_shape == (None, 32, 32, 3)
    assert model.inputs[0].dtype == "uint8"
    assert model.output_shape == (None, 1)
    assert min(model.get_layer(card.target_layer).output.shape[1:3]) >= 8
    twice = (artifacts.WEIGHTS, artifacts.GRAPH)  # the same weights, for Keras and for ONNX Runtime
    assert sum(card.raw["files"][file]["bytes"] for file in twice) <= 4_000_000


def test_available_asks_by_domain():
    assert "lens" in artifacts.available("cifake")
    assert artifacts.available("paintings") == []


@pytest.mark.parametrize("name", ["", "no_such", "../lens", "/etc", "lens/../lens", "Lens"])
def test_unknown_names_are_refused(name):
    with pytest.raises(ArtifactError, match=r"no model of that name.*lens"):
        artifacts.read_card(name)


def test_flipped_byte_in_graph_is_refused(lens):
    flip_byte(lens / artifacts.GRAPH)
    with pytest.raises(ArtifactError, match="damaged"):
        artifacts.load_engine(artifacts.read_card("lens"))


def test_flipped_byte_in_weights_is_refused(lens):
    flip_byte(lens / artifacts.WEIGHTS)
    with pytest.raises(ArtifactError, match="damaged"):
        artifacts.load_keras(artifacts.read_card("lens"))


def test_missing_file_is_refused(lens):
    (lens / artifacts.GRAPH).unlink()
    with pytest.raises(ArtifactError, match="damaged or was replaced"):
        artifacts.load_engine(artifacts.read_card("lens"))


def test_wrong_class_order_is_refused(lens):
    edit(lens, classes=["REAL", "FAKE"])
    with pytest.raises(ArtifactError, match="order the classes FAKE, REAL"):
        artifacts.read_card("lens")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": 99}, "another format"),
        ({"name": "other"}, "another model"),
        ({"logit_grows_with": "FAKE"}, "wrong class"),
        ({"preprocess": "stretch-1"}, "prepared in another way"),
        ({"builder": "unheard_of"}, "architecture"),
        ({"files": None}, "does not list its files"),
        ({"files": {"model.onnx": "here"}}, "does not list its files"),
        ({"files": {"model.onnx": {"bytes": "many"}}}, "does not list its files"),
        ({"files": {"model.onnx": {"sha256": 5}}}, "does not list its files"),
        ({"format": 99, "builder": [], "files": 5}, "another format"),
    ],
)
def test_card_that_must_not_be_acted_on_is_refused(lens, changes, words):
    edit(lens, **changes)
    with pytest.raises(ArtifactError, match=words):
        artifacts.read_card("lens")


CALIBRATION = {"temperature": 1.0, "bias": 0.0, "real_to": 0.1, "fake_from": 0.9}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"title": 5}, "“title” is not text"),
        ({"domain": ["cifake"]}, "“domain” is not text"),
        ({"builder": []}, "“builder” is not text"),
        ({"target_layer": {}}, "“target_layer” is not text"),
        ({"parameters": "many"}, "“parameters” is not a whole number"),
        ({"parameters": True}, "“parameters” is not a whole number"),
        ({"image_size": "big"}, "“image_size” is not a whole number"),
        ({"builder_arguments": "none"}, "“builder_arguments” is not a group of fields"),
        ({"storage": {"of": "all"}}, "“storage.of” is not a whole number"),
        ({"calibration": None}, "“calibration.temperature” is missing"),
        ({"calibration": CALIBRATION | {"bias": float("nan")}}, "“calibration.bias” is not a num"),
        ({"calibration": CALIBRATION | {"bias": 10**400}}, "“calibration.bias” is not a number"),
        ({"calibration": CALIBRATION | {"temperature": 0}}, "no calibration can be so"),
        ({"calibration": CALIBRATION | {"promised_error": "1"}}, "“calibration.promised_error” is"),
    ],
)
def test_card_whose_fields_are_of_another_kind_is_refused_in_plain_words(lens, changes, words):
    edit(lens, **changes)
    with pytest.raises(ArtifactError) as refused:
        artifacts.read_card("lens")
    assert str(refused.value).startswith(f"card.json of lens is damaged: {words}")
    assert not any(python in str(refused.value) for python in ("'", "(", "Error"))


@pytest.mark.parametrize("field", ["calibration", "title", "builder", "image_size"])
def test_card_that_lacks_a_field_is_refused_in_plain_words(lens, field):
    card = json.loads((lens / artifacts.CARD).read_text())
    del card[field]
    (lens / artifacts.CARD).write_text(json.dumps(card))
    with pytest.raises(ArtifactError, match=rf"^card.json of lens is damaged: “{field}.*” is miss"):
        artifacts.read_card("lens")


@pytest.mark.parametrize("text", ["{", "[" * 100_000, "\xff", ""])
def test_card_that_is_not_json_is_refused(lens, text):
    (lens / artifacts.CARD).write_bytes(text.encode("latin-1"))
    with pytest.raises(ArtifactError, match=r"^card.json of lens is damaged: it cannot be read"):
        artifacts.read_card("lens")


@pytest.mark.parametrize("text", ["[]", "5", "null"])
def test_card_that_is_no_object_is_refused(lens, text):
    (lens / artifacts.CARD).write_text(text)
    with pytest.raises(ArtifactError, match="it has no fields"):
        artifacts.read_card("lens")


@pytest.mark.parametrize("layer", ["featurs", "pool"])
def test_target_layer_without_maps_is_named(lens, layer):
    edit(lens, target_layer=layer)
    with pytest.raises(
        ArtifactError, match=r"^card.json of lens is damaged: “target_layer” fits no"
    ):
        artifacts.load_keras(artifacts.read_card("lens"))


def test_arguments_that_the_architecture_does_not_know_are_one_plain_sentence(lens):
    edit(lens, builder_arguments={"unheard_of": 1})
    with pytest.raises(ArtifactError, match=r"^lens cannot be built as its card says\.$"):
        artifacts.load_keras(artifacts.read_card("lens"))


def test_missing_layer_is_refused(lens):
    """The file of a shallower net fits every layer it has; Keras alone would say nothing."""
    card = artifacts.read_card("lens")
    shallow = artifacts.build("lens", **card.builder_arguments | {"blocks": (1, 0)})
    shallow.save_weights(lens / artifacts.WEIGHTS)
    accept_hash_of(lens, artifacts.WEIGHTS)
    with pytest.raises(ArtifactError, match=r"lacks \d+ weights|does not fit"):
        artifacts.load_keras(artifacts.read_card("lens"))


def test_layer_without_its_weights_is_refused(lens):
    import h5py

    with h5py.File(lens / artifacts.WEIGHTS, "r+") as file:
        del file["layers"]["dense"]
    accept_hash_of(lens, artifacts.WEIGHTS)
    with pytest.raises(ArtifactError, match=r"lacks|does not fit"):
        artifacts.load_keras(artifacts.read_card("lens"))


def test_other_weights_of_the_right_shape_are_refused(lens):
    card = artifacts.read_card("lens")
    artifacts.build("lens", **card.builder_arguments).save_weights(lens / artifacts.WEIGHTS)
    accept_hash_of(lens, artifacts.WEIGHTS)
    with pytest.raises(ArtifactError, match="golden"):
        artifacts.load_keras(artifacts.read_card("lens"))


def test_the_same_bytes_are_tried_once_and_others_anew(lens, monkeypatch):
    artifacts.load_gate(card := artifacts.read_card("lens"), artifacts.load_engine(card))
    ran = []
    real = artifacts.Gate.distances
    monkeypatch.setattr(artifacts.Gate, "distances", lambda *a: ran.append("gate") or real(*a))
    check = artifacts._check_goldens
    monkeypatch.setattr(artifacts, "_check_goldens", lambda *a: ran.append("graph") or check(*a))
    artifacts.load_gate(card, artifacts.load_engine(card))
    assert ran == []
    goldens = json.loads((lens / artifacts.CARD).read_text())["goldens"]
    edit(lens, goldens=goldens[:1])
    artifacts.load_engine(artifacts.read_card("lens"))
    assert ran == ["graph"]
    with np.load(lens / artifacts.GATE) as file:
        np.savez_compressed(lens / artifacts.GATE, **file)  # the same gate in other bytes
    accept_hash_of(lens, artifacts.GATE)
    artifacts.load_gate(artifacts.read_card("lens"), artifacts.load_engine(card))
    assert ran == ["graph", "gate"]
    flip_byte(lens / artifacts.GATE)
    with pytest.raises(ArtifactError, match="damaged"):
        artifacts.load_gate(artifacts.read_card("lens"), artifacts.load_engine(card))


def test_wrong_golden_logit_is_refused(lens):
    goldens = json.loads((lens / artifacts.CARD).read_text())["goldens"]
    goldens[0]["logit"] += 0.5
    edit(lens, goldens=goldens)
    with pytest.raises(ArtifactError, match="golden"):
        artifacts.load_engine(artifacts.read_card("lens"))


@pytest.mark.parametrize("golden", [{"pixels": "AAAA", "logit": 0}, {"logit": 0}, {"pixels": 5}, 5])
def test_golden_of_another_form_is_refused(lens, golden):
    edit(lens, goldens=[golden])
    with pytest.raises(ArtifactError, match=r"golden inputs of lens are damaged\.$"):
        artifacts.load_engine(artifacts.read_card("lens"))


def test_card_without_goldens_is_refused(lens):
    edit(lens, goldens=[])
    with pytest.raises(ArtifactError, match="no golden inputs"):
        artifacts.load_engine(artifacts.read_card("lens"))


def test_graph_that_is_no_graph_is_refused(lens):
    (lens / artifacts.GRAPH).write_bytes(b"not a model")
    accept_hash_of(lens, artifacts.GRAPH)
    with pytest.raises(ArtifactError, match="cannot be opened"):
        artifacts.load_engine(artifacts.read_card("lens"))


def test_goldens_are_arithmetic_and_varied():
    images = artifacts.golden_images(32)
    assert images.shape == (4, 32, 32, 3)
    assert images.dtype == np.uint8
    (first, *_) = artifacts.encode_goldens(images, np.zeros(4))
    assert base64.b64decode(first["pixels"]) == images[0].tobytes()
    assert len({image.tobytes() for image in images}) == 4


def test_every_builder_builds():
    for name in BUILDERS:
        model = artifacts.build(name)
        assert model.output_shape == (None, 1)


def test_what_ships_is_small_and_half_precision_changed_no_verdict():
    folders = [artifacts.ASSETS / "models" / name for name in artifacts.available()]
    assert sum(f.stat().st_size for folder in folders for f in folder.iterdir()) < 80e6
    for folder in folders:
        storage = artifacts.read_card(folder.name).raw["storage"]
        if storage["dtype"] == "float16":
            assert storage["verdicts_changed"] == 0
            assert storage["of"] == 10_000
            calibration = artifacts.read_card(folder.name).calibration
            assert storage["judged_at"] == [calibration.real_to, calibration.fake_from]


@pytest.mark.parametrize("path", sorted(artifacts.ASSETS.rglob("*.json")), ids=lambda p: p.name)
def test_what_ships_as_json_is_json(path):
    """Python's reader takes NaN, which no other does."""

    def refuse(word):
        raise ValueError(f"{word} in {path.name}")

    json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


def test_a_card_of_another_image_size_is_refused(lens):
    edit(lens, image_size=64)
    with pytest.raises(ArtifactError, match="image size"):
        artifacts.load_engine(artifacts.read_card("lens"))


def test_a_gate_with_a_number_that_is_none_is_refused(lens):
    with np.load(lens / artifacts.GATE) as found:
        arrays = dict(found)
    arrays["features_whitening"] = arrays["features_whitening"].copy()
    arrays["features_whitening"][0, 0] = np.nan
    np.savez(lens / artifacts.GATE, **arrays)
    accept_hash_of(lens, artifacts.GATE)
    card = artifacts.read_card("lens")
    with pytest.raises(ArtifactError, match="holds numbers that are none"):
        artifacts.load_gate(card, artifacts.load_engine(card))
