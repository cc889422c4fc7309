"""The README says what is so: its figures are the evidence's, its commands and links exist."""

import importlib.util
import re
from pathlib import Path

from train import report

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_figures_are_those_of_the_evidence():
    assert report.filled(README) == README


def test_a_figure_written_by_hand_is_overwritten():
    forged = README.replace("| `lens` |", "| `lens` (better) |")
    assert forged != README
    assert report.filled(forged) == README


def test_commands_exist():
    modules = set(re.findall(r"python -m ([\w.]+)", README))
    assert {"cifake_core", "train.train", "train.evaluate", "train.report", "benchmarks"} <= modules
    for module in modules:
        assert importlib.util.find_spec(module), module
    assert "pip install -r requirements.txt && streamlit run streamlit_app.py" in README
    assert "pip install -r requirements-dev.txt && pytest" in README


def test_local_links_lead_somewhere():
    targets = [t for t in re.findall(r"\]\(([^)]+)\)", README) if "://" not in t]
    assert targets
    for target in targets:
        assert (ROOT / target).is_file(), target
