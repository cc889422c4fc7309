"""What README.md and RESULTS.md say is so: figures are the evidence's, commands and links exist."""

import importlib.util
import json
import re
import shutil
from pathlib import Path

import pytest

from cifake_core import artifacts
from cifake_core.errors import ConfigError
from cifake_core.perturb import STRESS
from train import report

ROOT = Path(__file__).resolve().parent.parent
TEXTS = {file: (ROOT / file).read_text(encoding="utf-8") for file in report.BLOCKS}
README = TEXTS["README.md"]


@pytest.mark.parametrize("file", TEXTS)
def test_figures_are_those_of_the_evidence(file):
    assert report.filled(file, TEXTS[file]) == TEXTS[file]


def test_a_figure_written_by_hand_is_overwritten():
    forged = README.replace("| `lens` |", "| `lens` (better) |")
    assert forged != README
    assert report.filled("README.md", forged) == README


@pytest.fixture
def evidence(tmp_path, monkeypatch):
    """A copy of the evidence to change."""
    folder = tmp_path / "evidence"
    shutil.copytree(artifacts.evidence_dir(), folder)
    monkeypatch.setenv("CIFAKE_EVIDENCE", str(folder))
    return folder


def edit(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_every_model_has_its_rows_and_its_column():
    names = artifacts.available()
    assert [row.count("| `") for row in report.results()].count(1) == 2 * len(names)
    assert [row.count("| `") for row in report.costs()].count(1) == len(names)
    header, _, *rows = report.stress()
    assert [f"`{name}`" for name in names] == [c.strip() for c in header.split("|")[2:-1]]
    assert len(rows) == len(STRESS) + 2
    assert rows[0].startswith("| number of images | ")


def test_a_changed_figure_changes_the_text(evidence):
    def worse(content):
        content["stress"][4]["accuracy"] = 0.12345

    edit(evidence / "lens.json", worse)
    changed = report.filled("RESULTS.md", TEXTS["RESULTS.md"])
    assert changed != TEXTS["RESULTS.md"]
    assert "| 12.35% (" in changed or "| 12.34% (" in changed


@pytest.mark.parametrize("file", ["lens", "outside", "explanations"])
def test_evidence_of_another_model_is_refused(evidence, file):
    """Also of other thresholds: what was promised and what was measured belong together."""

    def other(content):
        if file == "explanations":
            content = next(m for m in content["models"] if m["name"] == "lens")
        elif file == "outside":
            content = content["models"]["lens"]
        content["calibration"]["fake_from"] = 0.7

    edit(evidence / f"{file}.json", other)
    with pytest.raises(ConfigError, match="on lens is not of what ships now: run `python -m"):
        [report.filled(file, text) for file, text in TEXTS.items()]


@pytest.mark.parametrize("key", ["cost", "stress"])
def test_evidence_of_an_older_version_names_the_command(evidence, capsys, key):
    edit(evidence / "lens.json", lambda content: content.pop(key))
    assert report.main(["--check"]) == 1
    assert "python -m train.evaluate --model lens" in capsys.readouterr().err


def test_missing_evidence_names_the_command(evidence):
    (evidence / "lens.json").unlink()
    with pytest.raises(ConfigError, match=r"missing: run `python -m train.evaluate --model lens`"):
        report.filled("README.md", README)
    for file, command in report.TIMED.items():
        (evidence / file).rename(evidence / "away")
        with pytest.raises(ConfigError, match=f"missing: run `{command}`"):
            report.timings()
        (evidence / "away").rename(evidence / file)


def test_ablations_are_a_table_with_their_commands(evidence):
    (evidence / "ablations.json").unlink(missing_ok=True)
    assert report.ablations() == ["None has been measured yet."]
    row = {
        "what": "no noise",
        "recipe": "lens",
        "command": "python -m train.train --recipe lens --set noise=0.0",
        "seeds": [1, 2],
        "validation_accuracy": 0.98765,
        "validation_auroc": 0.99876,
        "stress_accuracy": {"JPEG 40": 0.9, "noise 0.10": 0.8},
    }
    (evidence / "ablations.json").write_text(json.dumps({"n": 10_000, "rows": [row]}))
    header, rule, line = report.ablations()
    assert header.count("|") == rule.count("|") == line.count("|")
    assert line == (
        "| no noise | 2 (seeds 1, 2) | 98.77% | 0.9988 | 90.00% | 80.00% "
        "| `python -m train.train --recipe lens --set noise=0.0` |"
    )


def test_commands_exist():
    modules = set(re.findall(r"python -m ([\w.]+)", "".join(TEXTS.values())))
    assert {"cifake_core", "train.train", "train.evaluate", "train.report", "benchmarks"} <= modules
    for module in modules:
        assert importlib.util.find_spec(module), module
    assert "pip install -r requirements.txt && streamlit run streamlit_app.py" in README
    assert "pip install -r requirements-dev.txt && pytest" in README


def test_local_links_lead_somewhere():
    links = re.findall(r"\]\(([^)]+)\)", "".join(TEXTS.values()))
    targets = [target for target in links if "://" not in target]
    assert targets
    for target in targets:
        assert (ROOT / target).is_file(), target
