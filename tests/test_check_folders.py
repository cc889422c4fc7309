"""Paths that `check` is given, and folders and names that a system refuses."""

import io
import json
import os
import sys
from pathlib import Path

import pytest
from encoders import encode, picture

from cifake_core import pipeline
from cifake_core.__main__ import main
from cifake_core.commands import output
from cifake_core.samples import samples


@pytest.fixture
def folder(tmp_path):
    inside = tmp_path / "in"
    (inside / "open").mkdir(parents=True)
    (inside / "shut").mkdir()
    for name in ("a.png", "open/b.png", "shut/c.png"):
        (inside / name).write_bytes(samples()[0].png)
    return inside


@pytest.fixture
def shut(folder, monkeypatch):
    """As for a user without the right to read ``shut``; root has it always."""
    scan = os.scandir

    def refuse(path="."):
        if Path(path).name == "shut":
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)


def rows(text: str) -> dict[str, dict]:
    return {Path(row["path"]).name: row for row in map(json.loads, text.splitlines())}


def test_a_folder_that_cannot_be_read_is_a_row(folder, shut, capsys):
    assert main(["check", str(folder), "--format", "json"]) == 1
    found = rows(capsys.readouterr().out)
    assert found.keys() == {"a.png", "b.png", "shut"}
    assert found["shut"]["error"] == "The folder cannot be read: Permission denied."
    assert not found["a.png"]["error"]


def test_so_is_one_that_is_named(folder, shut, capsys):
    assert main(["check", str(folder / "shut"), "--format", "json"]) == 1
    assert "Permission denied" in rows(capsys.readouterr().out)["shut"]["error"]


def test_a_name_that_is_too_long_does_not_end_the_run(folder, capsys):
    long = "a" * 300 + ".png"
    assert main(["check", str(folder / "a.png"), str(folder / long), "--format", "json"]) == 1
    found = rows(capsys.readouterr().out)
    assert found["a.png"]["verdict"]
    assert found[long]["error"] == "The file cannot be read: File name too long."


def test_links_in_a_circle_get_a_sentence(folder, capsys):
    loop = folder / "loop"
    loop.symlink_to(loop)
    assert main(["check", str(folder), "--heatmaps", str(loop)]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert str(loop) in said


@pytest.mark.parametrize(
    "words", [["check", ""], ["check", "x", "--out", ""], ["check", "x", "--heatmaps", ""]]
)
def test_an_empty_name_is_refused(words, folder, monkeypatch, capsys):
    """As of a shell's variable that is not set: it would be the current folder."""
    monkeypatch.chdir(folder)
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2
    assert "an empty name names nothing" in capsys.readouterr().err


def test_no_preview_is_kept_where_none_is_shown(folder, monkeypatch):
    data = encode(picture(900, 700), "PNG")
    with_one, without = (pipeline.Detector("lens", 1, 1, previews=p) for p in (True, False))
    assert max(with_one.open(data).preview.shape) == pipeline.PREVIEW_SIDE
    assert without.open(data).preview.size == 3
    asked = []
    made = pipeline.Detector
    monkeypatch.setattr(pipeline, "Detector", lambda *a, **k: asked.append(k) or made(*a, **k))
    assert main(["check", str(folder)]) == 0
    assert [k["previews"] for k in asked] == [False]


def test_a_name_that_is_no_unicode_can_be_said(monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="utf-8"))
    output.say("se\udcfft")
    assert written.getvalue().strip() == rb"se\udcfft"
