"""Damaged files of models and of evidence: each page says so in a sentence, and what to do."""

import json
import shutil
from pathlib import Path

import made_up
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from cifake_core import artifacts, pipeline
from cifake_core.artifacts import ASSETS
from cifake_core.explain import Method
from cifake_core.samples import samples
from pages.parts import evidence, heatmap_evidence

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("check/one_image.py", "explain/side_by_side.py", "explain/what_if.py", "explain/trust.py")
SHIPPED = ASSETS / "evidence"
STATS = json.loads((SHIPPED / "dataset.json").read_text())
VIEWS = ("Curves", "Threshold", "Confidence", "Promise", "Limits", "Stress", "Classes", "Cost")
MEASURED = [p.parent.name for p in (ASSETS / "models").glob("*/card.json")]


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Copies of lens, one under another name, and a folder of evidence, empty at first."""
    st.cache_data.clear()  # all AppTests are one session
    monkeypatch.chdir(ROOT)
    for name in ("lens", "paper_cnn"):
        made_up.card(tmp_path / "models", name)
    (tmp_path / "evidence").mkdir()
    monkeypatch.setenv("CIFAKE_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("CIFAKE_EVIDENCE", str(tmp_path / "evidence"))
    yield tmp_path / "models", tmp_path / "evidence"
    st.cache_data.clear()


def opened(page: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "pages/router.py"), default_timeout=60).run()
    return app.switch_page(page).run()


def words(app: AppTest) -> str:
    kinds = ("title", "header", "markdown", "caption", "info", "warning", "error", "expander")
    return " ".join(e.label if k == "expander" else e.value for k in kinds for e in app.get(k))


def edit(path: Path, change) -> None:
    found = json.loads(path.read_text())
    change(found)
    path.write_text(json.dumps(found))


def flip_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("page", "cam"),
    # With CAM, “What if?” needs nothing else.
    [(p, cam) for p in PAGES for cam in (True, False) if not (cam and "what_if" in p)],
)
def test_damaged_weights_are_not_blamed_on_tensorflow(folders, monkeypatch, page, cam):
    flip_byte(folders[0] / "lens" / artifacts.WEIGHTS)
    model = pipeline.load("lens")
    monkeypatch.setattr(model.engine, "has_cam", cam)
    assert model.load_explainer().exception() is not None
    app = opened(page)
    (number,) = [i for i, sample in enumerate(samples()) if sample.name == "Clouds"]
    app.button(f"sample{number}").click().run()
    if "side" in page:
        (pills,) = [w for w in app.button_group if w.label == "Methods"]
        pills.set_value([Method.SMOOTHGRAD]).run()
    assert not app.exception
    assert "model.weights.h5 of lens is damaged or was replaced" in words(app)
    assert "could not be loaded" not in words(app)


@pytest.mark.parametrize("cam", [True, False])
def test_a_layer_that_is_not_there_is_not_blamed_on_tensorflow(folders, monkeypatch, cam):
    edit(folders[0] / "lens" / artifacts.CARD, lambda card: card.update(target_layer="featurs"))
    model = pipeline.load("lens")
    monkeypatch.setattr(model.engine, "has_cam", cam)
    assert model.load_explainer().exception() is not None
    app = opened(PAGES[0])
    app.button("sample0").click().run()
    assert not app.exception
    assert "“target_layer” fits no layer" in words(app)
    assert "could not be loaded" not in words(app)


@pytest.mark.parametrize("page", PAGES)
def test_a_damaged_default_model_leaves_a_way_out(folders, page):
    flip_byte(folders[0] / "lens" / artifacts.GRAPH)
    app = opened(page)
    assert not app.exception
    assert "model.onnx of lens is damaged" in app.error[0].value
    assert "Pick another one above" in words(app)
    app.selectbox(key="model").set_value("paper_cnn").run()
    assert not app.error
    assert "Pick another one above" not in words(app)


@pytest.mark.parametrize(
    ("card", "why"),
    [(None, "It is missing."), ("{}", "card.json of lens is damaged: “name” is missing.")],
)
@pytest.mark.parametrize("others", [1, 2])
def test_another_model_does_not_answer_for_the_default_one_in_silence(folders, card, why, others):
    if others == 2:
        made_up.card(folders[0], "resnet50")
    path = folders[0] / "lens" / artifacts.CARD
    path.unlink() if card is None else path.write_text(card)
    app = opened(PAGES[0])
    assert not app.exception
    assert not app.error
    said = f"The usual model, lens, cannot be used, so another one answers. {why}"
    assert said in words(app)


def test_of_sound_models_no_warning_is_given(folders):
    text = words(opened(PAGES[0]))
    assert "cannot be used" not in text


DAMAGED_STATS = {
    "empty": {},
    "nulls": dict.fromkeys(STATS),
    "strings": STATS | {"n": "120000"},
    "no number": STATS | {"auc": STATS["auc"] | {"file_size": float("nan")}},
    "no groups": STATS | {"groups": []},
    "a group less": STATS | {"groups": STATS["groups"][1:]},
    "an odd label": STATS | {"groups": [STATS["groups"][0] | {"label": []}, *STATS["groups"][1:]]},
    "nobody": STATS | {"groups": [g | {"n": 0} for g in STATS["groups"]]},
    "counts": STATS
    | {
        "histograms": STATS["histograms"]
        | {"brightness": STATS["histograms"]["brightness"] | {"counts": {"REAL": "x"}}}
    },
    "duplicates": STATS | {"duplicates": 5},
}


@pytest.mark.parametrize("damage", [*DAMAGED_STATS, "no JSON", "nested", "missing"])
def test_damaged_figures_of_the_data_set_are_a_sentence(folders, damage):
    path = folders[1] / "dataset.json"
    other = {"no JSON": "{", "nested": "[" * 100_000}
    if damage != "missing":
        path.write_text(other.get(damage) or json.dumps(DAMAGED_STATS[damage]))
    app = opened("study/dataset.py")
    assert not app.exception
    state = "missing" if damage == "missing" else "damaged"
    (error,) = app.error
    assert error.value == (
        f"assets/evidence/dataset.json is {state}: `python -m cifake_core data stats` writes it."
    )
    assert not app.metric
    assert "Browse" in words(app)
    assert "How to read this" in words(app)


def spoilt(found: dict, path: str, value) -> None:
    *way, last = path.split(".")
    for key in way:
        found = found[int(key) if key.isdigit() else key]
    found[int(last) if last.isdigit() else last] = value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("test.official.accuracy", "0.98"),
        ("test.official.accuracy", [0.98]),
        ("test.official.accuracy", True),
        ("test.official.accuracy", float("inf")),
        ("test.official.accuracy_interval_95", "0.97 to 0.99"),
        ("test.official.accuracy_interval_95", [0.97]),
        ("test.official.accuracy_interval_95", [0.97, None]),
        ("test.official.fake.f1", {}),
        ("test.official.ece_p_fake", "small"),
        ("test.official.real_called_fake.share", "0.1"),
        ("test.accuracy_by_class.cat.REAL", "0.9"),
        ("cost.weights_bytes", "2 MB"),
        ("cost.ms_per_image", -1),
        ("cost.parameters", "many"),
        ("abstention.0.accuracy", "0.98"),
        ("stress.0.n", "20000"),
        ("seeds", 5),
    ],
)
def test_figures_that_are_no_numbers_are_like_no_evidence(folders, path, value):
    shutil.copy(SHIPPED / "lens.json", folders[1])
    shutil.copytree(ASSETS / "models" / "lens", folders[0] / "lens", dirs_exist_ok=True)
    shutil.rmtree(folders[0] / "paper_cnn")
    edit(folders[1] / "lens.json", lambda e: spoilt(e, path, value))
    app = opened("study/models.py")
    assert not app.exception
    assert "lens.json is damaged: some of its figures are no numbers, so the figures" in words(app)
    assert "`python -m train.evaluate --model lens` measures again" in words(app)
    for view in VIEWS:
        app.segmented_control(key="view").set_value(view).run()
        assert not app.exception, view
    first = opened(PAGES[0])  # the picker and the notes below have figures, too
    assert not first.exception
    assert "98.12% of CIFAKE's 20,000 test images right" in words(first)  # from the card


def test_a_card_whose_results_are_no_numbers_counts_as_not_measured(folders):
    results = {"official": {"n": 20_000, "accuracy": "all"}}
    edit(folders[0] / "lens" / "card.json", lambda c: c.update(results=results))
    first = opened(PAGES[0])
    assert not first.exception
    assert "not measured on the test images yet" in words(first)
    app = opened("study/models.py")
    assert not app.exception
    assert app.table[0].value["lens"].tolist()[0] == "–"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("reduced", 5),
        ("reduced.0.auroc", "0.7"),
        ("reduced.0.auroc_interval_95", [0.7]),
        ("recognised.0.n", "187"),
        ("recognised.0.share", "all"),
        ("changed.0.turned_away", None),
    ],
)
def test_damaged_figures_of_other_images_are_like_none(folders, path, value):
    shutil.copy(SHIPPED / "outside.json", folders[1])
    shutil.copytree(ASSETS / "models" / "lens", folders[0] / "lens", dirs_exist_ok=True)
    change = f"models.lens.{path}"
    edit(folders[1] / "outside.json", lambda e: spoilt(e, change, value))
    app = opened("study/models.py")
    app.segmented_control(key="view").set_value("Limits").run()
    assert not app.exception
    assert "Not measured yet for these weights" in words(app)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("planted", 5),
        ("planted.rows.0.changed.hit_share", "all"),
        ("planted.rows.0.changed.hit_interval_95", [0.5]),
        ("planted.rows.0.changed.by_patch.FAKE.n", "some"),
        ("planted.chance.changed.hit", {}),
        ("curves.rows.0.deletion", [None]),
        ("curves.rows.2.over_random.both.mean", "5"),
        ("randomised.rows.0.passes", "yes"),
        ("randomised.rows.0.spearman", 0.5),
        ("randomised.layers", [5]),
        ("quantus.rows.0.ours", None),
    ],
)
def test_damaged_figures_of_heatmaps_are_like_none(folders, path, value):
    shutil.copy(SHIPPED / "explanations.json", folders[1])
    shutil.copytree(ASSETS / "models" / "lens", folders[0] / "lens", dirs_exist_ok=True)
    names = [r["name"] for r in json.loads((SHIPPED / "explanations.json").read_text())["models"]]
    change = f"models.{names.index('lens')}.{path}"
    edit(folders[1] / "explanations.json", lambda e: spoilt(e, change, value))
    app = opened("explain/trust.py")
    assert not app.exception
    assert "explanations.json is damaged: some of its figures are not what" in words(app)
    assert not app.table


@pytest.mark.parametrize("name", MEASURED)
def test_what_ships_is_sound(name):
    assert evidence.measured(artifacts.read_card(name)).problem is None
    assert evidence.sound(artifacts.read_card(name).raw["results"])
    outside = json.loads((SHIPPED / "outside.json").read_text())["models"]
    assert evidence.sound(outside[name])
    assert heatmap_evidence.of(artifacts.read_card(name))
