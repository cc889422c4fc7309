import json
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from cifake_core import artifacts
from cifake_core.__main__ import main
from cifake_core.artifacts import ASSETS
from cifake_core.samples import samples

FILES = {"model.weights.h5": {"sha256": "aa", "bytes": 1_500_000}, "model.onnx": {"bytes": 750_000}}
RESULTS = {"official": {"n": 20000, "accuracy": 0.9, "accuracy_interval_95": [0.89, 0.91]}}
EVIDENCE = {
    "weights_sha256": "aa",
    "calibration": asdict(artifacts.read_card("lens").calibration),
    "gate_sha256": None,
    "test": {
        "official": RESULTS["official"]
        | {"accuracy": 0.925, "auroc": 0.98765, "ece": 0.0123, "ece_p_fake": 0.0456},
        "leak_free": {"n": 19622, "accuracy": 0.924, "accuracy_interval_95": [0.92, 0.928]},
    },
    "cost": {"ms_per_image": 0.4567},
}


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Empty folders of models and evidence, and a function that writes a card of a name."""
    monkeypatch.setenv("CIFAKE_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("CIFAKE_EVIDENCE", str(tmp_path / "evidence"))
    (tmp_path / "evidence").mkdir()
    shipped = json.loads((ASSETS / "models" / "lens" / "card.json").read_text())
    shipped.pop("results", None)

    def write(name, evidence=None, **changes):
        folder = tmp_path / "models" / name
        folder.mkdir(parents=True)
        card = shipped | {"name": name, "title": f"{name}: a title", "files": FILES} | changes
        (folder / "card.json").write_text(json.dumps(card))
        if evidence is not None:
            (tmp_path / "evidence" / f"{name}.json").write_text(json.dumps(evidence))

    return write


def listed(capsys, status=0):
    assert main(["models", "--json"]) == status
    return json.loads(capsys.readouterr().out)


def test_json_reads_card_and_evidence(folders, capsys):
    folders("one", EVIDENCE, parameters=1234)
    (row,) = listed(capsys)
    assert (row["name"], row["title"], row["parameters"]) == ("one", "one: a title", 1234)
    assert row["bytes"] == 2_250_000
    assert row["official"] == {
        "n": 20000,
        "accuracy": 0.925,
        "accuracy_interval_95": [0.89, 0.91],
        "auroc": 0.98765,
        "ece": 0.0123,
        "ece_p_fake": 0.0456,
    }
    assert row["leak_free"]["accuracy"] == 0.924
    assert row["ms_per_image"] == 0.4567


def test_table_says_it_in_words(folders, capsys):
    folders("one", EVIDENCE, parameters=1234)
    assert main(["models"]) == 0
    head, line = capsys.readouterr().out.splitlines()
    assert head.split()[:3] == ["model", "parameters", "MB"]
    assert line.split("  ")[0] == "one"
    for text in ("1,234", "2.2", "92.50% (89.00% to 91.00%)", "92.40% (92.00% to 92.80%)"):
        assert text in line
    for text in ("0.9877", "0.0456", "0.46", "one: a title"):
        assert text in line


@pytest.mark.parametrize("evidence", [None, {}, {"weights_sha256": "aa", "test": None}, [1]])
def test_what_nobody_measured_is_a_dash_or_null(folders, capsys, evidence):
    folders("one", evidence, files=FILES, parameters=None)
    (row,) = listed(capsys)
    assert set(row["official"].values()) == set(row["leak_free"].values()) == {None}
    assert row["ms_per_image"] is row["parameters"] is None
    assert main(["models"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[1:8] == ["-", "2.2", *"-----"]


@pytest.mark.parametrize(
    "other", [{"weights_sha256": "bb"}, {"gate_sha256": "bb"}, {"calibration": {}}]
)
def test_evidence_of_another_card_is_not_shown(folders, capsys, other):
    folders("one", EVIDENCE | other, results=RESULTS)
    (row,) = listed(capsys)
    assert row["official"]["accuracy"] == 0.9  # the card's own
    assert row["ms_per_image"] is None


@pytest.mark.parametrize("of", ["evidence", "card"])
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("accuracy", "0.9"),
        ("accuracy", float("nan")),
        ("accuracy_interval_95", [0.9]),
        ("accuracy_interval_95", "wide"),
        ("n", [20_000]),
        ("auroc", -1),
    ],
)
def test_figures_that_are_no_numbers_are_like_none(folders, capsys, of, key, value):
    damaged = {"official": RESULTS["official"] | {key: value}}
    if of == "evidence":
        folders("one", EVIDENCE | {"test": damaged}, results=RESULTS)
    else:
        folders("one", results=damaged)
    (row,) = listed(capsys)
    assert row["official"]["accuracy"] == (0.9 if of == "evidence" else None)
    assert row["ms_per_image"] is None
    assert main(["models"]) == 0
    assert ("90.00% (89.00% to 91.00%)" in capsys.readouterr().out) == (of == "evidence")


@pytest.mark.parametrize("text", ["[" * 100_000, "{", "5"])
def test_evidence_that_is_no_json_is_like_none(folders, capsys, tmp_path, text):
    folders("one", results=RESULTS)
    (tmp_path / "evidence" / "one.json").write_text(text)
    (row,) = listed(capsys)
    assert row["official"]["accuracy"] == 0.9


def test_a_bad_card_is_one_sentence_and_the_rest_goes_on(folders, capsys):
    folders("bad", classes=["REAL", "FAKE"])
    folders("good")
    assert main(["models", "--json"]) == 1
    out, err = capsys.readouterr()
    assert [row["name"] for row in json.loads(out)] == ["good"]
    assert err.startswith("error: The card of bad")


def test_exit_2_where_there_is_no_model(folders, capsys):
    assert main(["models"]) == 2
    assert capsys.readouterr().err.startswith("error: there is no model")


@pytest.mark.parametrize(
    ("end", "said"),
    [(">&-", "Standard output is closed"), (">/dev/full", "No space left on device: standard out")],
)
@pytest.mark.parametrize("command", ["models", 'check "$1"'])
def test_stdout_that_takes_nothing_is_one_sentence(tmp_path, command, end, said):
    (tmp_path / "a.png").write_bytes(samples()[0].png)
    line = ["bash", "-c", f'"{sys.executable}" -m cifake_core {command} {end}', "bash", tmp_path]
    root = Path(__file__).parents[1]
    made = subprocess.run(line, cwd=root, capture_output=True, text=True)
    assert made.returncode == 2
    assert made.stderr.startswith(f"error: {said}")
    assert made.stderr.count("\n") == 1


def test_shipped_models_are_listed_from_their_cards_alone(tmp_path):
    shutil.copytree(ASSETS / "models", tmp_path, dirs_exist_ok=True)
    for file in [*tmp_path.glob("*/*.onnx"), *tmp_path.glob("*/*.h5")]:
        file.unlink()
    code = (
        "import os, sys; from cifake_core.__main__ import main;"
        f"os.environ['CIFAKE_MODELS'] = {str(tmp_path)!r}; status = main(['models']);"
        "heavy = {'tensorflow', 'keras', 'tf_keras_vis', 'streamlit'} & set(sys.modules);"
        "print(heavy or 'light'); sys.exit(status)"
    )
    root = Path(__file__).parents[1]
    result = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "light"
    assert "\nlens " in result.stdout
