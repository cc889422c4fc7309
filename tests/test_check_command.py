import csv
import io
import json
import os
import signal
import string
import subprocess
import sys
from pathlib import Path

import encoders
import numpy as np
import pytest
from PIL import Image

from cifake_core.__main__ import main
from cifake_core.commands import output
from cifake_core.samples import samples

ROOT = Path(__file__).parents[1]
COLUMNS = ["path", "verdict", "p_fake", "model", "width", "height", "error", "in_domain"]
COLUMNS += ["doubts", "logit", "thorough", "sha256"]


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
    assert turned == plain | {key: turned[key] for key in ("path", "sha256")}


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


def contents(folder):
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("given", ["in/a.png", "in"])
@pytest.mark.parametrize("out", ["in/a.png", "in/deep/../a.png", "soft.csv", "hard.csv"])
def test_out_is_no_image_to_be_judged(folder, tmp_path, monkeypatch, capsys, given, out):
    monkeypatch.chdir(tmp_path)
    Path("soft.csv").symlink_to("in/a.png")
    Path("hard.csv").hardlink_to("in/a.png")
    before = contents(tmp_path)
    assert main(["check", given, "--out", out]) == 2
    assert capsys.readouterr().err.startswith("error: --out names a file that is to be judged: in/")
    assert contents(tmp_path) == before


@pytest.mark.parametrize("options", [[], ["--all-files"]])
def test_out_takes_no_images_place(folder, tmp_path, capsys, options):
    (tmp_path / "link.csv").symlink_to("in/new.JPG")
    before = contents(tmp_path)
    for out, said in (("in/new.png", "name of an image"), ("in/no_extension", "is no text"),
                      ("link.csv", "name of an image")):  # fmt: skip
        assert main(["check", str(folder), "--out", str(tmp_path / out), *options]) == 2
        assert said in capsys.readouterr().err
    assert contents(tmp_path) == before


def test_out_inside_the_folder_is_not_judged(folder):
    out = folder / "verdicts"
    (folder / f".1{output.PART}").write_bytes(samples()[0].png)  # of a run at the same time
    for _ in range(2):
        main(["check", str(folder), "--format", "json", "--all-files", "--out", str(out)])
        assert len(rows(out.read_text())) == 5
    assert len(list(folder.iterdir())) == 7


def test_out_appears_whole_and_only_if_all_went_well(folder, tmp_path, monkeypatch, capsys):
    from cifake_core.commands import check

    out = tmp_path / "results" / "r.json"
    argv = ["check", str(folder), "--format", "json", "--out", str(out)]
    assert main(argv) == 1
    first = out.read_text()

    def fails(*_args):
        raise OSError

    with monkeypatch.context() as patch:
        patch.setattr(check, "_save_heatmap", fails)
        few = ["check", str(folder / "a.png"), *argv[2:]]
        assert main([*few, "--heatmaps", str(tmp_path / "maps")]) == 2
    assert contents(out.parent) == {out: first.encode()}
    with output.result(out) as other:  # a run that ends later, with more rows
        other.write(first)
        assert main(few) == 0
        assert len(rows(out.read_text())) == 1
        other.write(first)
    assert contents(out.parent) == {out: 2 * first.encode()}


def test_out_has_the_permissions_of_any_new_file_and_keeps_those_it_had(folder, tmp_path):
    new, private, link = (tmp_path / name for name in ("new.csv", "private.csv", "link.csv"))
    private.touch(0o600)
    link.symlink_to(private)
    before = os.umask(0o027)
    try:
        for out in (new, link):
            main(["check", str(folder), "--out", str(out)])
    finally:
        os.umask(before)
    assert new.stat().st_mode & 0o777 == 0o640
    assert private.stat().st_mode & 0o777 == 0o600
    assert (link.is_symlink(), private.read_text()) == (True, new.read_text())


def shell(line, *arguments):
    """``$check`` in the line is the command's beginning."""
    line = line.replace("$check", f'"{sys.executable}" -m cifake_core check')
    line = ["bash", "-c", line, "bash", *arguments]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=60)


def test_out_may_be_a_device_or_a_pipe(folder, tmp_path):
    for line in (
        '(echo before; $check "$1" --out /dev/stdout) | cat',
        '(echo before; $check "$1" --out /dev/stdout) > "$2"; cat "$2"',
        'echo before > "$2"; $check "$1" --out /dev/fd/5 5>> "$2"; cat "$2"',
        'echo before; mkfifo "$2.pipe"; $check "$1" --out "$2.pipe" & cat "$2.pipe"',
    ):
        made = shell(line, str(folder / "a.png"), str(tmp_path / "there.csv"))
        first = [row.split()[0] for row in made.stdout.splitlines()]
        assert first == ["before", "verdict", "uncertain"], line


def test_closed_stderr_or_all_of_them(folder, tmp_path):
    image, out = str(folder / "a.png"), tmp_path / "o.csv"
    made = shell('$check "$1" 2>&-', image)
    assert (made.returncode, made.stderr, "a.png" in made.stdout) == (0, "", True)
    assert shell('$check "$1" --out "$2" <&- >&- 2>&-', image, str(out)).returncode == 0
    assert out.read_text() == made.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_full_disk_is_named(folder, capsys):
    assert main(["check", str(folder / "a.png"), "--out", "/dev/full"]) == 2
    assert capsys.readouterr().err == "error: No space left on device: /dev/full\n"


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
    Image.fromarray(np.zeros((4000, 4000, 3), np.uint8)).save(tmp_path / "0.png")
    for i in range(1, 400):
        (tmp_path / f"{i}.png").hardlink_to(tmp_path / "0.png")
    command = [sys.executable, "-m", "cifake_core", "check", tmp_path, "--out", tmp_path / "o.csv"]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE)
    while not list(tmp_path.glob("*.cifake-part")):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)  # all of it takes minutes
    assert process.returncode == 130
    assert b"Traceback" not in said
    assert {p.suffix for p in tmp_path.iterdir()} == {".png"}, "nothing half done is left"


def test_fifo_does_not_hang(tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe.png")
    assert main(["check", str(tmp_path), "--format", "json"]) == 1
    assert "plain file" in rows(capsys.readouterr().out)[0]["error"]


def test_heatmaps_inside_the_folder_are_not_judged(folder, capsys):
    for _ in range(2):
        main(["check", str(folder), "--format", "json", "--heatmaps", str(folder / "maps")])
        assert len(rows(capsys.readouterr().out)) == 3
    assert list((folder / "maps").iterdir())


def test_heatmaps_spare_what_is_judged(folder, tmp_path, capsys):
    maps, named = folder / "maps", folder / "maps" / "000001-a.png"
    maps.mkdir()
    named.write_bytes(samples()[1].png)
    (tmp_path / "link.png").symlink_to(named)
    before = contents(tmp_path)
    for image in (named, tmp_path / "link.png"):
        assert main(["check", str(folder), str(image), "--heatmaps", str(maps)]) == 2
        assert "could take the place of a file to be judged" in capsys.readouterr().err
        assert contents(tmp_path) == before
    named.unlink()
    named.symlink_to(folder / "a.png")
    assert main(["check", str(folder / "a.png"), "--heatmaps", str(maps)]) == 0
    assert (folder / "a.png").read_bytes() == before[folder / "a.png"]
    assert [(p, p.is_symlink()) for p in maps.iterdir()] == [(named, False)]


def test_names_that_the_terminal_cannot_show(tmp_path):
    (tmp_path / "日本.png").write_bytes(samples()[0].png)
    command = [sys.executable, "-m", "cifake_core", "check", str(tmp_path)]
    env = os.environ | {"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"}
    result = subprocess.run(command, cwd=ROOT, env=env, capture_output=True)
    assert result.returncode == 0, result.stderr
    assert b"\\u65e5" in result.stdout


def test_heatmaps_are_written_under_names_of_our_own(folder, tmp_path):
    out = tmp_path / "maps"
    (folder / "..evil$(x).png").write_bytes(samples()[2].png)
    main(["check", str(folder), "--heatmaps", str(out)])
    assert 1 <= len(list(out.iterdir())) <= 3
    for path in out.iterdir():
        assert set(path.stem) <= set(string.ascii_letters + string.digits + "-_")
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
    assert rows(capsys.readouterr().out) == [r | {"thorough": not r["thorough"]} for r in quick]
    verdicts = [row["verdict"] for row in quick if row["verdict"] != "uncertain"]
    assert [v.value for v in asked] == verdicts
    assert set(verdicts) == {"real", "fake"}
