"""``python -m cifake_core data ...``: exit status, what is printed and what is written."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from cifake_core import dataset, locate, stats
from cifake_core.__main__ import main


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No ./data is found by itself."""
    monkeypatch.chdir(tmp_path)


def test_check_of_something_else_lists_what_is_off(tiny_cifake, capsys):
    assert main(["data", "check", "--data", str(tiny_cifake)]) == 1
    out, err = capsys.readouterr()
    lines = out.splitlines()
    report, problems = stats.check(tiny_cifake)
    assert lines == [*report, *(f"off: {p}" for p in problems), "something is off"]
    assert len(problems) == 7
    assert err == ""


def test_check_of_a_set_as_expected(tiny_cifake, capsys, monkeypatch):
    monkeypatch.setattr(dataset, "EXPECTED_COUNTS", {"train": 100, "test": 40})
    known = {"test_fake_also_in_train": 1, "pairs_in_train": 2, "pairs_in_test": 1}
    monkeypatch.setattr(stats, "KNOWN_DUPLICATES", known)
    assert main(["data", "check", "--data", str(tiny_cifake)]) == 0
    out = capsys.readouterr().out
    assert out.endswith("all is as it should be\n")
    assert "off:" not in out


def test_check_names_every_broken_file(tiny_cifake, tmp_path, capsys):
    root = tmp_path / "cifake"
    shutil.copytree(tiny_cifake, root)
    broken = ("test/REAL/0001 (2).jpg", "train/FAKE/0009 (10).jpg")
    for name in broken:
        (root / name).write_bytes(b"junk")
    assert main(["data", "check", "--data", str(root)]) == 1
    out = capsys.readouterr().out
    for name in broken:
        assert f"off: {name}: not a readable JPEG" in out


def test_check_prints_a_file_name_that_is_no_text(tiny_cifake, tmp_path):
    root = tmp_path / "cifake"
    shutil.copytree(tiny_cifake, root)
    (root / "test/REAL/0001\udcff.jpg").write_bytes(b"junk")
    made = run("check", "--data", str(root), PYTHONIOENCODING="utf-8:strict")
    assert made.returncode == 1
    assert "off: test/REAL/0001\\udcff.jpg: not a readable JPEG" in made.stdout
    assert made.stderr == ""


def run(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cifake_core", "data", *words],
        cwd=Path(dataset.__file__).parents[1],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_process_ends_with_the_status(tiny_cifake, tmp_path):
    found = run("check", CIFAKE_DATA=str(tiny_cifake))
    assert found.returncode == 1
    assert found.stdout.endswith("something is off\n")
    missing = run("check", "--data", str(tmp_path / "missing"))
    assert missing.returncode == 2
    assert missing.stdout == ""
    assert missing.stderr.startswith("error: ")
    assert missing.stderr.count("\n") == 1, "one sentence and no traceback"


@pytest.mark.parametrize("action", ["check", "stats"])
def test_no_data_set_is_one_sentence(action, capsys, tmp_path):
    out = tmp_path / "dataset.json"
    assert main(["data", action, *(["--out", str(out)] if action == "stats" else [])]) == 2
    assert capsys.readouterr() == ("", f"error: {locate.HOW_TO_GET_IT}\n")
    assert not out.exists()


def test_stats_writes_the_summary(tiny_cifake, tmp_path, capsys):
    out = tmp_path / "new" / "dataset.json"
    assert main(["data", "stats", "--data", str(tiny_cifake), "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"wrote {out}\n"
    text = out.read_text(encoding="utf-8")
    assert json.loads(text) == stats.summarise(dataset.load(tiny_cifake))
    assert text.endswith("}\n")
    assert text.count("\n{") == 44, "a line for each group, so that changes can be read"
    main(["data", "stats", "--data", str(tiny_cifake), "--out", str(out)])
    assert out.read_text(encoding="utf-8") == text


def test_stats_take_their_name_when_they_are_whole(tiny_cifake, tmp_path):
    (out := tmp_path / "dataset.json").write_text("old")
    with out.open() as reader:
        assert main(["data", "stats", "--data", str(tiny_cifake), "--out", str(out)]) == 0
        assert reader.read() == "old"
    assert out.read_text() != "old"
    assert [p.name for p in tmp_path.iterdir()] == ["dataset.json"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_full_disk_is_named(tiny_cifake, capsys):
    assert main(["data", "stats", "--data", str(tiny_cifake), "--out", "/dev/full"]) == 2
    assert capsys.readouterr().err == "error: No space left on device: /dev/full\n"


def test_stats_of_a_set_with_a_broken_file_writes_nothing(tiny_cifake, tmp_path, capsys):
    root, out = tmp_path / "cifake", tmp_path / "dataset.json"
    shutil.copytree(tiny_cifake, root)
    (root / "train/REAL/0001.jpg").write_bytes(b"junk")
    assert main(["data", "stats", "--data", str(root), "--out", str(out)]) == 2
    assert "train/REAL/0001.jpg" in capsys.readouterr().err
    assert not out.exists()


def test_fetch(tiny_cifake, monkeypatch, capsys):
    found = SimpleNamespace(dataset_download=lambda _handle: str(tiny_cifake))
    monkeypatch.setitem(sys.modules, "kagglehub", found)
    assert main(["data", "fetch"]) == 0
    assert capsys.readouterr().out == f"{tiny_cifake}\n"
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    assert main(["data", "fetch"]) == 2
    assert "pip install kagglehub" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["data"], ["data", "burn"], ["data", "check", "--out", "x"]])
def test_wrong_usage(words, capsys):
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert "usage: " in capsys.readouterr().err


def test_check_of_the_real_set(real_cifake, capsys):
    assert main(["data", "check", "--data", str(real_cifake.root)]) == 0
    out = capsys.readouterr().out
    assert real_cifake.sha256 in out
    assert "378 test/FAKE images that are also in train" in out
    assert "19,622 test images that do not leak" in out
    assert out.endswith("all is as it should be\n")
