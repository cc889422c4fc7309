"""What README.md and RESULTS.md say is so: figures are the evidence's, commands and links exist."""

import importlib.util
import json
import re
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from cifake_core import artifacts
from cifake_core.errors import ConfigError
from cifake_core.perturb import STRESS
from train import report
from train.config import load_recipe
from train.of_several import left_out

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
    assert len([row for row in rows if row.startswith("|")]) == len(STRESS) + 2
    assert rows[0].startswith("| number of images | ")


def test_the_text_names_no_other_number_of_images_under_stress_than_the_evidence():
    measured = {
        row["n"] for name in artifacts.available() for row in report.of_model(name)["stress"]
    }
    named = {int(n) for n in re.findall(r"--stress-images (\d+)", "".join(TEXTS.values()))}
    assert named == measured - {20_000}


def test_a_changed_figure_changes_the_text(evidence):
    def worse(content):
        content["stress"][4]["accuracy"] = 0.12345

    edit(evidence / "lens.json", worse)
    changed = report.filled("RESULTS.md", TEXTS["RESULTS.md"])
    assert changed != TEXTS["RESULTS.md"]
    assert "| 12.35% (" in changed or "| 12.34% (" in changed


def test_evidence_of_another_model_is_refused(evidence):
    """Also of other thresholds: what was promised and what was measured belong together."""
    edit(evidence / "lens.json", lambda content: content["calibration"].update(fake_from=0.7))
    with pytest.raises(ConfigError, match="on lens is not of what ships now: run `python -m"):
        [report.filled(file, text) for file, text in TEXTS.items()]


def test_nothing_that_ships_is_left_out():
    assert left_out() == []


@pytest.fixture
def texts(tmp_path, monkeypatch):
    """Copies of the texts, which ``train.report`` writes."""
    monkeypatch.setattr(report, "ROOT", tmp_path)
    for file, text in TEXTS.items():
        (tmp_path / file).write_text(text, encoding="utf-8")
    return tmp_path


def of_lens(content):
    """What a file on several models has of lens."""
    models = content["models"]
    return models["lens"] if "lens" in models else next(m for m in models if m["name"] == "lens")


@pytest.mark.parametrize(
    ("file", "table", "command"),
    [("outside.json", report.outside, "train.outside --pictures PICTURES.tar"),
     ("explanations.json", report.heatmaps, "train.explanations --model lens")],
)  # fmt: skip
@pytest.mark.parametrize("damage", ["other", "missing", "no file"])
def test_a_model_not_measured_is_left_out_with_a_line(
    evidence, texts, capsys, file, table, command, damage
):
    def other(content):
        of_lens(content)["calibration"]["fake_from"] = 0.7

    def missing(content):
        of_lens(content)["name"] = "other"
        if isinstance(content["models"], dict):
            del content["models"]["lens"]

    if damage == "no file":
        (evidence / file).unlink()
        command = command.replace("lens", " ".join(artifacts.available()))
    else:
        edit(evidence / file, {"other": other, "missing": missing}[damage])
    edit(evidence / "lens.json", lambda content: content["stress"][4].update(accuracy=0.12345))
    assert report.main(["--check"]) == 1
    capsys.readouterr()
    assert report.main([]) == 0
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert f"`python -m {command}`" in said[0]
    assert "lens" in said[0].split(":")[1]
    written = (texts / "RESULTS.md").read_text(encoding="utf-8")
    assert "| 12.35% (" in written or "| 12.34% (" in written, "the rest is written"
    if damage == "no file":
        assert table() == ["None has been measured yet."]
    else:
        assert not any("`lens`" in line for line in table())
        assert any("`resnet50`" in line for line in table())
    assert report.main(["--check"]) == 1, "what ships must be whole"


def test_heatmaps_of_a_single_method_are_no_row_yet(evidence):
    edit(evidence / "explanations.json", lambda content: of_lens(content).pop("command"))
    assert "python -m train.explanations --model lens" in "".join(left_out())
    assert not any("`lens`" in line for line in report.heatmaps())


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
    header, rule, line, _, note, _, known = report.ablations()
    # Wilson's interval of 9,876 in 10,000.
    assert note.endswith("accuracy, 98.77%, is 98.52% to 98.96%, those of lower ones are wider.")
    assert header.count("|") == rule.count("|") == line.count("|")
    assert line == (
        "| no noise | 2 (seeds 1, 2) | 98.77% | 0.9988 | 90.00% | 80.00% "
        "| `python -m train.train --recipe lens --set noise=0.0` |"
    )
    assert known.endswith("so without: all rows.")
    hashes = {"weights_sha256": ["a", "b"], "data_sha256": "c"}
    new = row | {"what": "new", "n": 400, "validation_accuracy": 0.99} | hashes
    edit(evidence / "ablations.json", lambda content: content["rows"].append(new))
    *_, note, _, known = report.ablations()
    # Wilson's interval of 396 in 400.
    assert note.startswith("Each on 400 or 10,000 images: ")
    assert note.endswith("99.00%, is 97.46% to 99.61%.")
    assert known.endswith("so without: no noise.")
    edit(evidence / "ablations.json", lambda content: content["rows"].pop(0))
    assert report.ablations()[-1] == "The evidence has the SHA-256 of each row's weights and data."


def test_commands_exist():
    modules = set(re.findall(r"python -m ([\w.]+)", "".join(TEXTS.values())))
    assert {"cifake_core", "train.train", "train.evaluate", "train.report", "benchmarks"} <= modules
    for module in modules:
        assert importlib.util.find_spec(module), module
    assert "pip install -r requirements.txt && streamlit run streamlit_app.py" in README
    assert "pip install -r requirements-dev.txt && pytest" in README


def training_commands() -> list[tuple[dict[str, str], list[str]]]:
    """Of each in RESULTS.md its options and what it sets."""
    text, found = TEXTS["RESULTS.md"].replace("\\\n", " "), []
    for command in re.findall(r"python -m train\.train (--recipe [^`\n#]+)", text):
        words = shlex.split(command)
        options = list(zip(words[::2], words[1::2], strict=True))
        found.append((dict(options), [value for key, value in options if key == "--set"]))
    return found


def test_training_commands_are_accepted():
    commands = training_commands()
    assert len(commands) > 10
    for options, sets in commands:
        assert options.keys() <= {"--recipe", "--run", "--weights", "--set"}
        load_recipe(options["--recipe"], sets)


def test_the_commands_of_the_second_net_are_its_recipe_in_two_parts():
    runs = {o.get("--run"): load_recipe(o["--recipe"], sets) for o, sets in training_commands()}
    first, second = runs["runs/first"], runs["runs/second"]
    assert (first.seed, second.seed) == (1, 2)
    cycles = [*first.phases(), *(replace(cycle, seed=1) for cycle in second.phases())]
    assert cycles == load_recipe("lens").phases()


def test_readme_trains_in_an_order_that_works():
    lines = README.partition("## Train it yourself")[2].split("```")[1].splitlines()
    at = {part: i for i, line in enumerate(lines) for part in line.split() if "--" in part}
    assert next(i for i, line in enumerate(lines) if "data fetch" in line) < at["--smoke"]
    (export,) = (line.split() for line in lines if "train.evaluate" in line)
    assert export[export.index("--model") + 1] not in artifacts.available()


def test_local_links_lead_somewhere():
    links = re.findall(r"\]\(([^)]+)\)", "".join(TEXTS.values()))
    targets = [target for target in links if "://" not in target]
    assert targets
    for target in targets:
        assert (ROOT / target).is_file(), target
