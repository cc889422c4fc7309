"""What a row of the command line holds besides the verdict."""

from __future__ import annotations

import csv
import hashlib
import io
import json

import numpy as np
import pytest

from cifake_core import pipeline
from cifake_core.__main__ import main
from cifake_core.commands import check
from cifake_core.samples import samples


@pytest.fixture
def image(tmp_path):
    (path := tmp_path / "a.png").write_bytes(samples()[0].png)
    return path


@pytest.mark.parametrize("options", [[], ["--thorough"]])
def test_a_row_names_the_file_by_its_hash_and_says_how_it_was_judged(image, capsys, options):
    assert main(["check", str(image), "--format", "json", *options]) == 0
    row = json.loads(capsys.readouterr().out)
    assert row["sha256"] == hashlib.sha256(image.read_bytes()).hexdigest()
    assert row["thorough"] is bool(options)
    assert row["logit"] == pytest.approx(pipeline.analyze(image.read_bytes()).logit, abs=1e-3)
    p_fake = pipeline.load().card.calibration.p_fake(np.float64(row["logit"]))
    assert row["p_fake"] == pytest.approx(float(p_fake), abs=1e-4)


def test_a_file_that_was_not_read_has_neither(tmp_path, capsys):
    assert main(["check", str(tmp_path / "gone.png"), "--format", "json"]) == 1
    row = json.loads(capsys.readouterr().out)
    assert (row["sha256"], row["logit"], row["thorough"]) == (None, None, False)


def test_doubts_of_a_table_can_be_told_apart():
    write = check._writer("csv", out := io.StringIO())
    write(dict.fromkeys(check.FIELDS, "") | {"doubts": ["It is small.", "It is grey."]})
    (row,) = csv.DictReader(io.StringIO(out.getvalue()))
    assert row["doubts"].split("; ") == ["It is small.", "It is grey."]


def test_help_says_that_json_is_lines(capsys):
    with pytest.raises(SystemExit):
        main(["check", "--help"])
    assert "one object a line (JSON Lines)" in " ".join(capsys.readouterr().out.split())
