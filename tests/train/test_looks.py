"""Every set of weights that the official test split judged is counted, and counted once."""

import json
import subprocess

import pytest

from cifake_core import artifacts
from cifake_core.errors import ConfigError
from train import looks


def found(name: str, weights: str, accuracy: float = 0.9) -> dict:
    test = {"official": {"n": 20, "accuracy": accuracy}}
    return {"name": name, "weights_sha256": weights, "test": test}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CIFAKE_EVIDENCE", str(tmp_path))
    return tmp_path


def test_each_set_of_weights_is_kept_once_the_oldest_first(folder):
    assert looks.of_model("a") == []
    looks.keep(found("a", "11"), "2026-03-02")
    looks.keep(found("b", "22"), "2026-03-03")
    looks.keep(found("a", "33", 0.95), "2026-01-01")
    looks.keep(found("a", "11", 0.5), "2026-05-05")
    assert [(x["date"], x["model"]) for x in looks.read()] == [
        ("2026-01-01", "a"),
        ("2026-03-02", "a"),
        ("2026-03-03", "b"),
    ]
    assert [x["accuracy"] for x in looks.of_model("a")] == [0.95, 0.9]


@pytest.fixture
def repository(tmp_path):
    """Two versions of one model's evidence, one of another's, and what is none."""

    def git(*words: str, date: str = "2026-02-03T12:00:00Z"):
        who = ["-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
        env = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date, "PATH": "/usr/bin:/bin"}
        subprocess.run(["git", *who, *words], cwd=tmp_path, check=True, env=env)

    evidence = tmp_path / "assets" / "evidence"
    evidence.mkdir(parents=True)
    git("init", "-q")
    (evidence / "a.json").write_text(json.dumps(found("a", "11", 0.5)))
    (evidence / "outside.json").write_text(json.dumps({"models": []}))
    (evidence / "broken.json").write_text("{")
    git("add", "-A")
    git("commit", "-qm", "one")
    (evidence / "a.json").write_text(json.dumps(found("a", "22", 0.6)))
    (evidence / "b.json").write_text(json.dumps(found("b", "33", 0.7)))
    (evidence / "outside.json").unlink()
    git("add", "-A", date="2026-02-05T12:00:00Z")
    git("commit", "-qm", "two", date="2026-02-05T12:00:00Z")
    return tmp_path


def test_the_history_has_what_was_replaced(repository):
    seen = [(date, e["name"], e["weights_sha256"]) for date, e in looks.history(repository)]
    assert seen == [
        ("2026-02-03", "a", "11"),
        ("2026-02-05", "a", "22"),
        ("2026-02-05", "b", "33"),
    ]


def test_without_a_history_there_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(ConfigError, match="git repository"):
        list(looks.history(tmp_path))


@pytest.mark.parametrize("name", artifacts.available())
def test_what_ships_is_among_the_looks(name):
    evidence = json.loads((artifacts.evidence_dir() / f"{name}.json").read_text())
    last = looks.of_model(name)[-1]
    assert last["weights_sha256"] == artifacts.read_card(name).weights_sha256
    assert last["accuracy"] == evidence["test"]["official"]["accuracy"]
    assert last["n"] == evidence["test"]["official"]["n"]
