import csv
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import encoders
import numpy as np
import pytest
from PIL import Image

from cifake_core.__main__ import main
from cifake_core.samples import samples

COLUMNS = ["path", "verdict", "p_fake", "model", "width", "height", "error"]
COLUMNS += ["in_domain", "doubts"]


@pytest.fixture
def folder(tmp_path):
    """Two good images, one of them deeper, one broken one, and things that are no images."""
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "a.png").write_bytes(samples()[0].png)
    (tmp_path / "in" / "deep" / "b.PNG").write_bytes(samples()[5].png)
    (tmp_path / "in" / "c.jpg").write_bytes(b"<html>not found</html>")
    (tmp_path / "in" / "notes.txt").write_text("no image")
    (tmp_path / "in" / "no_extension").write_bytes(samples()[1].png)
    return tmp_path / "in"


def rows(text):
    return [json.loads(line) for line in text.splitlines()]


def test_json_has_a_line_for_each_file(folder, capsys):
    assert main(["check", str(folder), "--format", "json"]) == 1
    found = {os.path.relpath(r["path"], folder): r for r in rows(capsys.readouterr().out)}
    assert sorted(found) == ["a.png", "c.jpg", "deep/b.PNG"]
    for row in found.values():
        assert list(row) == COLUMNS
        assert row["model"] == "lens"
    assert found["a.png"]["verdict"] in {"real", "fake", "uncertain"}
    assert 0 <= found["a.png"]["p_fake"] <= 1
    assert (found["deep/b.PNG"]["width"], found["deep/b.PNG"]["height"]) == (640, 480)
    assert found["deep/b.PNG"]["verdict"] == "uncertain"
    assert "exactly 32x32 pixels" in " ".join(found["deep/b.PNG"]["doubts"])
    assert bool(found["a.png"]["doubts"]) == (found["a.png"]["verdict"] == "uncertain")
    assert found["c.jpg"]["doubts"] == []
    assert "web page" in found["c.jpg"]["error"]
    assert found["c.jpg"]["verdict"] is None


def test_width_and_height_are_those_of_the_file_as_stored(tmp_path, capsys):
    for way in (1, 6):
        (tmp_path / f"{way}.png").write_bytes(encoders.oriented("PNG", way))
    assert main(["check", str(tmp_path), "--format", "json"]) == 0
    plain, turned = rows(capsys.readouterr().out)
    assert (turned["width"], turned["height"]) == (48, 40)
    assert turned | {"path": ""} == plain | {"path": ""}


def test_all_files_tries_every_name(folder, capsys):
    assert main(["check", str(folder), "--format", "json", "--all-files"]) == 1
    assert len(rows(capsys.readouterr().out)) == 5


def test_exit_0_where_all_was_read(folder):
    assert main(["check", str(folder / "a.png")]) == 0


def test_exit_2_where_nothing_is_to_do(tmp_path, capsys):
    assert main(["check", str(tmp_path)]) == 2
    assert "no image file in there" in capsys.readouterr().err


def test_missing_file_is_a_row(tmp_path, folder, capsys):
    argv = ["check", str(tmp_path / "gone.png"), str(folder / "a.png"), "--format", "json"]
    assert main(argv) == 1
    gone, there = rows(capsys.readouterr().out)
    assert "no such file" in gone["error"]
    assert there["error"] is None


def test_unknown_model_is_one_sentence(folder, capsys):
    assert main(["check", str(folder), "--model", "no_such"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: There is no model of that name")
    assert "lens" in said


def test_output_that_cannot_be_written_is_one_sentence(folder, capsys):
    out = folder / "a.png" / "result.csv"
    assert main(["check", str(folder), "--out", str(out)]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_csv_can_be_read_back(folder, tmp_path):
    out = tmp_path / "new" / "result.csv"
    assert main(["check", str(folder), "--format", "csv", "--out", str(out)]) == 1
    found = list(csv.DictReader(io.StringIO(out.read_text())))
    assert len(found) == 3
    assert list(found[0]) == COLUMNS
    assert {r["error"] != "" for r in found} == {True, False}
    (large,) = [r for r in found if r["path"].endswith("b.PNG")]
    assert large["in_domain"] == "False"
    assert large["doubts"].startswith("Only images of exactly 32x32 pixels")


def test_table_names_every_file(folder, capsys):
    main(["check", str(folder)])
    text = capsys.readouterr().out
    assert "a.png" in text
    assert "b.PNG" in text
    assert "error" in text


def test_order_survives_batches(tmp_path, capsys, monkeypatch):
    from cifake_core.commands import check

    monkeypatch.setattr(check, "BATCH", 3)
    for i in range(8):
        data = samples()[0].png if i % 3 else b"broken"
        (tmp_path / f"{i}.png").write_bytes(data)
    main(["check", str(tmp_path), "--format", "json"])
    found = rows(capsys.readouterr().out)
    assert [Path(r["path"]).name for r in found] == [f"{i}.png" for i in range(8)]
    assert [r["error"] is None for r in found] == [bool(i % 3) for i in range(8)]


@pytest.mark.parametrize("name", ["\x1b[31mred.png", "new\nline.png", b"\xff\xfe.png"])
def test_hostile_names_stay_text(tmp_path, capsys, name):
    path = tmp_path / os.fsdecode(name)
    path.write_bytes(samples()[0].png)
    assert main(["check", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert len(out.splitlines()) == 2
    assert main(["check", str(tmp_path), "--format", "json"]) == 0
    (row,) = rows(capsys.readouterr().out)
    assert row["path"] == str(path)


@pytest.fixture
def heeded_interrupts():
    """A shell's background jobs ignore Ctrl-C, and so would every child of such a pytest."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeded_interrupts")
def test_ctrl_c_ends_it_soon(tmp_path):
    large = Image.fromarray(np.zeros((4000, 4000, 3), np.uint8))
    large.save(tmp_path / "0.png")
    for i in range(1, 400):
        (tmp_path / f"{i}.png").hardlink_to(tmp_path / "0.png")
    process = subprocess.Popen(
        [sys.executable, "-m", "cifake_core", "check", str(tmp_path), "--out", tmp_path / "o.csv"],
        cwd=Path(__file__).parents[1],
        stderr=subprocess.PIPE,
    )
    while not (tmp_path / "o.csv").exists():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)  # all of it takes minutes
    assert process.returncode == 130
    assert b"Traceback" not in said


def test_fifo_does_not_hang(tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe.png")
    assert main(["check", str(tmp_path), "--format", "json"]) == 1
    assert "plain file" in rows(capsys.readouterr().out)[0]["error"]


def test_heatmaps_inside_the_folder_are_not_judged(folder, capsys):
    for _ in range(2):
        main(["check", str(folder), "--format", "json", "--heatmaps", str(folder / "maps")])
        assert len(rows(capsys.readouterr().out)) == 3
    assert list((folder / "maps").iterdir())


def test_names_that_the_terminal_cannot_show(tmp_path):
    (tmp_path / "日本.png").write_bytes(samples()[0].png)
    result = subprocess.run(
        [sys.executable, "-m", "cifake_core", "check", str(tmp_path)],
        cwd=Path(__file__).parents[1],
        env=os.environ | {"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"},
        capture_output=True,
    )
    assert result.returncode == 0, result.stderr
    assert b"\\u65e5" in result.stdout


def test_heatmaps_are_written_under_names_of_our_own(folder, tmp_path):
    out = tmp_path / "maps"
    (folder / "..evil$(x).png").write_bytes(samples()[2].png)
    main(["check", str(folder), "--heatmaps", str(out)])
    names = sorted(p.name for p in out.iterdir())
    assert 1 <= len(names) <= 3
    for path in out.iterdir():
        assert set(path.stem) <= set(
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
        )
        with Image.open(path) as image:
            assert np.asarray(image).shape == (384, 384, 3)


def test_thorough_asks_for_stability_where_there_is_a_verdict(tmp_path, capsys, monkeypatch):
    from cifake_core import pipeline

    asked, real = [], pipeline.Detector.with_stability

    def counted(detector, analysis):
        asked.append(analysis.verdict)
        return real(detector, analysis)

    monkeypatch.setattr(pipeline.Detector, "with_stability", counted)
    for sample in samples():
        (tmp_path / f"{sample.name}.png").write_bytes(sample.png)
    assert main(["check", str(tmp_path), "--format", "json"]) == 0
    quick = rows(capsys.readouterr().out)
    assert not asked
    assert main(["check", str(tmp_path), "--format", "json", "--thorough"]) == 0
    assert rows(capsys.readouterr().out) == quick  # no tiny change reverses one of these
    verdicts = [row["verdict"] for row in quick if row["verdict"] != "uncertain"]
    assert [v.value for v in asked] == verdicts == ["real"]
