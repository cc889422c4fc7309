"""The table of ``check`` and what it says in the end, file by file."""

import json

import pytest

from cifake_core.__main__ import main
from cifake_core.samples import samples

CAT, RINGS, ROCKET = (
    next(s.png for s in samples() if s.name == name) for name in ("Cat", "Rings", "Rocket")
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Good, broken, good, and one of which the gate wants to know nothing."""
    monkeypatch.chdir(tmp_path)
    for name, data in (("a.png", CAT), ("b.png", b"GIF87"), ("c.png", ROCKET), ("d.png", RINGS)):
        (tmp_path / name).write_bytes(data)
    return tmp_path


def test_the_number_is_shown_of_what_the_model_is_made_for(folder, capsys):
    main(["check", ".", "--format", "json"])
    found = {row["path"]: row for row in map(json.loads, capsys.readouterr().out.splitlines())}
    assert [found[name]["in_domain"] for name in ("a.png", "c.png", "d.png")] == [True, True, False]
    main(["check", "."])
    lines = {line.split()[3].rstrip(":"): line for line in capsys.readouterr().out.splitlines()[1:]
             if "error" not in line}  # fmt: skip
    for name in ("a.png", "c.png"):
        assert lines[name].split()[1] == f"{found[name]['p_fake']:.4f}"
    assert lines["d.png"].split()[1] == "-"


def test_each_row_is_that_of_its_file_across_batches(folder, capsys, monkeypatch):
    from cifake_core.commands import check

    monkeypatch.setattr(check, "BATCH", 2)
    main(["check", ".", "--format", "json"])
    together = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    for row in together:
        main(["check", row["path"], "--format", "json"])
        (alone,) = map(json.loads, capsys.readouterr().out.splitlines())
        assert {k: alone[k] for k in ("verdict", "doubts", "sha256")} == {
            k: row[k] for k in ("verdict", "doubts", "sha256")
        }
    assert len({row["p_fake"] for row in together}) == 4


def test_files_that_were_not_read_count_too(folder, capsys):
    maps = folder / "maps"
    out = folder / "out.csv"
    assert main(["check", "a.png", "b.png", "c.png", "--heatmaps", str(maps), "--out", str(out)])
    assert "2 read, 1 not" in capsys.readouterr().err
    assert sorted(path.name.split("-")[0] for path in maps.iterdir()) == ["000001", "000003"]
