"""What may change between two sittings of a run, and what is kept of it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from runs import SMALL
from shipping import shipping_to

from cifake_core import artifacts
from cifake_core.errors import ConfigError
from train import export, runs
from train.config import load_recipe
from train.runs import OF_MACHINE, open_run


def sittings(folder: Path) -> list[dict]:
    return json.loads((folder / "config.json").read_text()).get("sittings", [])


def test_settings_of_the_machine_may_change_and_are_on_record(tmp_path):
    config = dataclasses.replace(load_recipe(str(SMALL)), devices=2)
    open_run(tmp_path, config, "small", "data")
    before = json.loads((tmp_path / "config.json").read_text())
    open_run(tmp_path, config, "small", "data", step=3)
    assert sittings(tmp_path) == []
    elsewhere = dataclasses.replace(config, devices=1, checkpoint_every=7, jit=True)
    for _ in range(2):
        open_run(tmp_path, elsewhere, "small", "data", step=5)
    open_run(tmp_path, config, "small", "data", step=8)
    assert json.loads((tmp_path / "config.json").read_text())["config"] == before["config"]
    found = [(s["after_step"], s["settings"]) for s in sittings(tmp_path)]
    first = {key: before["config"][key] for key in OF_MACHINE}
    assert found == [(5, {"devices": 1, "jit": True, "checkpoint_every": 7}), (8, first)]
    with pytest.raises(ConfigError, match="other settings"):
        open_run(tmp_path, dataclasses.replace(elsewhere, batch_size=8), "small", "data")


def test_a_move_to_another_device_is_on_record(tmp_path, monkeypatch):
    config = load_recipe(str(SMALL))
    open_run(tmp_path, config, "small", "data")
    record = json.loads((tmp_path / "config.json").read_text())
    assert record["device"] == runs.device() != ""
    del record["device"]  # as in runs that are older
    (tmp_path / "config.json").write_text(json.dumps(record))
    monkeypatch.setattr(runs, "device", lambda: "NVIDIA Something")
    for _ in range(2):
        open_run(tmp_path, config, "small", "data", step=3)
    assert [(s["after_step"], s["device"]) for s in sittings(tmp_path)] == [(3, "NVIDIA Something")]


def test_a_card_says_on_which_device_a_net_was_trained(finished, data, tmp_path):
    with shipping_to(tmp_path):
        export.export("small", finished, data)
        training = artifacts.read_card("small").raw["training"]
    record = json.loads((finished / "config.json").read_text())
    assert training["device"] == record["device"] == runs.device()
    known = training["training_versions"]
    assert {"keras", "pillow"} < known.keys()
    assert {"opencv-python", "opencv-python-headless"} & known.keys()


def test_more_cycles_on_another_machine_keep_the_settings_of_the_first(tmp_path):
    config = dataclasses.replace(load_recipe(str(SMALL)), devices=2)
    open_run(tmp_path, config, "small", "data")
    (tmp_path / "result.json").write_text("{}")
    open_run(tmp_path, dataclasses.replace(config, devices=1), "small", "data", step=9)
    assert (tmp_path / "result.json").exists(), "it is still finished"
    longer = dataclasses.replace(config, devices=1, then=({"epochs": 1},))
    open_run(tmp_path, longer, "small", "data", step=9)
    assert not (tmp_path / "result.json").exists()
    record = json.loads((tmp_path / "config.json").read_text())
    assert record["config"]["devices"] == 2
    assert record["config"]["then"]
    assert [s["settings"]["devices"] for s in record["sittings"]] == [1]
