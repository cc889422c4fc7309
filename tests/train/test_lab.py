"""What the lab offers around the loop: lists, smoke runs, weights to start from, TensorBoard."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from runs import ROOT, Run, assert_same_result, finished, log
from tiny import write_cifake

from cifake_core.errors import ConfigError
from cifake_core.models import build
from train import runs as record
from train import smoke
from train.compile import load_initial_weights
from train.config import RECIPES, from_mapping, load_recipe, read_recipe
from train.train import main

RECIPE_NAMES = sorted(path.stem for path in RECIPES.glob("*.toml"))


def lab(*arguments: str, **env: str) -> str:
    result = subprocess.run(
        [sys.executable, "-m", "train.train", *arguments],
        cwd=ROOT,
        env=os.environ | {"CIFAKE_NO_PROGRESS": "1", "TF_CPP_MIN_LOG_LEVEL": "2"} | env,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stdout


def test_list_names_every_recipe_with_its_parameters(capsys):
    assert main(["--list"]) == 0
    text = capsys.readouterr().out
    paragraphs = dict(p.split(": ", 1) for p in text.strip().split("\n\n"))
    assert list(paragraphs) == RECIPE_NAMES
    for said in paragraphs.values():
        keys = [line.split()[0] for line in said.splitlines()[1:]]
        assert keys == ["parameters", "epochs", "source", "cost", "expect"]
    assert "473,569" in text
    assert "24,146,305" in text


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_every_recipe_runs_end_to_end(backend, tmp_path, capsys):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"the {backend} backend is not installed")
    # More than the 512 images that a smoke run trains on.
    data = write_cifake(tmp_path / "data", {"train": 30, "test": 1})
    text = lab("--smoke", "--data", str(data), KERAS_BACKEND=backend)
    with capsys.disabled():  # how long each took
        print(f"\n{text}", file=sys.stderr)
    done = [line.split(":")[0] for line in text.splitlines() if f"read again on {backend}" in line]
    assert done == RECIPE_NAMES


def test_smoke_runs_try_half_precision_where_it_is_quick(monkeypatch):
    config = load_recipe("lens")
    for found, dtype in (("cpu", "float32"), ("NVIDIA A100", "mixed_bfloat16")):
        monkeypatch.setattr(smoke, "device", lambda found=found: found)
        assert smoke.shortened(config).dtype == dtype


def test_without_a_recipe_it_says_how_to_find_one():
    result = subprocess.run(
        [sys.executable, "-m", "train.train"], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 2
    assert "--list" in result.stderr


def test_another_machine_continues_a_copied_run(tiny_cifake, tmp_path):
    whole = finished(tiny_cifake, tmp_path / "whole")
    with Run(tiny_cifake, tmp_path / "here") as run:
        run.until_step(30)
        run.process.kill()
    # Other folders for both; only what the run folder holds goes along.
    there = shutil.copytree(tmp_path / "here", tmp_path / "there" / "copied")
    data = shutil.copytree(tiny_cifake, tmp_path / "there" / "data")
    shutil.rmtree(tmp_path / "here")
    finished(data, there, fresh=True)
    assert_same_result(there, whole)
    assert [e["loss"] for e in log(there)] == [e["loss"] for e in log(whole)]


def test_early_stopping_ends_with_the_best_weights(tiny_cifake, tmp_path):
    options = ("schedule=constant", "early_stopping=2", "plateau=1", "epochs=40", "ema=0")
    # Far too high a rate: the loss goes up and down, so the best epoch comes before the last.
    sets = [w for o in (*options, "learning_rate=0.3") for w in ("--set", o)]
    run = finished(tiny_cifake, tmp_path / "run", *sets)
    losses = [e["validation_loss"] for e in log(run) if "validation_loss" in e]
    assert len(losses) < 40
    assert len(losses) - 1 - losses.index(min(losses)) == 2
    result = json.loads((run / "result.json").read_text())
    assert result["validation_loss"] == pytest.approx(min(losses), rel=1e-4)


def test_tensorboard_reads_what_was_logged(tiny_cifake, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = finished(tiny_cifake, tmp_path / "run", "--tensorboard", "--set", "epochs=2")
    finished(tiny_cifake, run, "--tensorboard", "--set", "epochs=2")  # no line comes twice
    events = EventAccumulator(str(run / "tensorboard")).Reload()
    shown = events.Scalars("loss")
    assert [e.step for e in shown] == [e["step"] for e in log(run)]
    assert [e.value for e in shown] == pytest.approx([e["loss"] for e in log(run)], rel=1e-6)
    assert "validation_accuracy" in events.Tags()["scalars"]


@pytest.mark.parametrize("name", ["mobilenet_v2", "resnet50"])
def test_published_weights_reach_the_backbone_and_only_it(name, tmp_path):
    from importlib import import_module

    donor = import_module(f"cifake_core.models.{name}").backbone(weights=None)
    donor.set_weights([w + 0.25 for w in donor.get_weights()])
    path = tmp_path / "backbone.weights.h5"
    donor.save_weights(path)
    model = build(name)
    head = model.get_layer("logit").get_weights()
    config = from_mapping({"model": name, "epochs": 1, "initial_weights": str(path)})
    load_initial_weights(model, config)
    for layer in donor.layers:
        for mine, theirs in zip(
            model.get_layer(layer.name).get_weights() if layer.weights else [],
            layer.get_weights(),
            strict=True,
        ):
            assert np.array_equal(mine, theirs)
    assert np.array_equal(model.get_layer("logit").get_weights()[0], head[0])


@pytest.mark.parametrize(
    ("model", "content", "said"),
    [("mobilenet_v2", None, "no weights file"), ("mobilenet_v2", b"no", "do not fit"),
     ("lens", b"no", "do not fit")],
)  # fmt: skip
def test_weights_that_do_not_fit_are_one_sentence(model, content, said, tmp_path):
    path = tmp_path / "some.weights.h5"
    if content:
        path.write_bytes(content)
    config = from_mapping({"model": model, "epochs": 1, "initial_weights": str(path)})
    with pytest.raises(ConfigError, match=said):
        load_initial_weights(build("mobilenet_v2"), config)


def test_without_a_network_imagenet_says_how_to_go_on(monkeypatch):
    from cifake_core.models import mobilenet_v2

    model = build("mobilenet_v2")

    def fetch(weights):
        raise Exception("URL fetch failure on https://example.com/a.h5: None -- no route\nmore")

    monkeypatch.setattr(mobilenet_v2, "backbone", fetch)
    config = from_mapping({"model": "mobilenet_v2", "epochs": 1, "initial_weights": "imagenet"})
    said = r"could not be fetched: URL fetch failure .* no route\. .*--weights PATH$"
    with pytest.raises(ConfigError, match=said):
        load_initial_weights(model, config)


def test_a_net_without_a_backbone_starts_from_all_of_a_runs_weights(tmp_path):
    settings = {"model": "lens", "epochs": 1, "model_args": {"widths": [4, 6, 8]}}
    donor, model = (build("lens", widths=(4, 6, 8)) for _ in range(2))
    donor.save_weights(path := tmp_path / "model.weights.h5")
    load_initial_weights(model, from_mapping(settings | {"initial_weights": str(path)}))
    assert all(map(np.array_equal, donor.get_weights(), model.get_weights()))
    with pytest.raises(ConfigError, match="no backbone"):
        load_initial_weights(model, from_mapping(settings | {"initial_weights": "imagenet"}))


@pytest.mark.parametrize("more", [{"blocks": (1, 2)}, {"nets": 2}])
def test_weights_of_a_larger_net_are_refused(more, tmp_path):
    path = tmp_path / "model.weights.h5"
    settings = {"model": "lens", "epochs": 1, "model_args": {"widths": [4, 6, 8]}}
    model, larger = build("lens", widths=(4, 6, 8)), build("lens", widths=(4, 6, 8), **more)
    before = model.get_weights()
    larger.save_weights(path)
    said = rf"do not fit lens: it holds {len(larger.weights)} weights instead of {len(before)}$"
    with pytest.raises(ConfigError, match=said):
        load_initial_weights(model, from_mapping(settings | {"initial_weights": str(path)}))
    # Of such a file Keras drops what is too much, too.
    larger.save(path := tmp_path / "model.keras")
    with pytest.raises(ConfigError, match=r"must be a \.weights\.h5, \.h5 or \.hdf5"):
        load_initial_weights(model, from_mapping(settings | {"initial_weights": str(path)}))
    assert all(map(np.array_equal, before, model.get_weights()))


@pytest.mark.parametrize("trained", [False, True])
def test_weights_saved_by_keras_fit_with_dropout_and_with_an_optimizer(trained, tmp_path):
    args = {"widths": [4, 6, 8], "dropout": 0.1}
    donor, model = (build("lens", **args) for _ in range(2))
    if trained:
        donor.compile("adam", "binary_crossentropy")
        donor.train_on_batch(np.zeros((2, 32, 32, 3), np.uint8), np.zeros((2, 1)))
    donor.save_weights(path := tmp_path / "model.weights.h5")
    settings = {"model": "lens", "epochs": 1, "model_args": args, "initial_weights": str(path)}
    load_initial_weights(model, from_mapping(settings))
    assert all(map(np.array_equal, donor.get_weights(), model.get_weights()))


def test_a_whole_nets_weights_may_go_into_its_backbone(tmp_path):
    from cifake_core.models.mobilenet_v2 import backbone

    donor, model = (build("mobilenet_v2") for _ in range(2))
    donor.set_weights([w + 0.25 for w in donor.get_weights()])
    donor.save_weights(path := tmp_path / "model.weights.h5")
    settings = {"model": "mobilenet_v2", "epochs": 1, "initial_weights": str(path)}
    load_initial_weights(model, from_mapping(settings))
    same = list(map(np.array_equal, donor.get_weights(), model.get_weights()))
    assert same.count(False) == len(donor.weights) - len(backbone(weights=None).weights)


def multiply_adds(model) -> int:
    """Of the convolutions, for one image; what else there is hardly counts."""
    kernels = [layer for layer in model.layers if hasattr(layer, "kernel_size")]
    return sum(math.prod(k.kernel.shape) * math.prod(k.output.shape[1:3]) for k in kernels)


def test_lens_large_costs_what_its_recipe_says():
    small, large = build("lens"), build("lens_large")
    found = [multiply_adds(large) / multiply_adds(small)]
    found += [multiply_adds(model) / 1e6 for model in (large, small)]
    said = re.findall(r"\d[\d.]*", read_recipe("lens_large")["about"]["cost"])
    assert [float(x) for x in said] == pytest.approx(found, rel=0.02)


def test_recipes_say_what_they_are():
    for name in RECIPE_NAMES:
        assert read_recipe(name)["about"]["what"]
        assert load_recipe(name).model in name or name == "lens_fast"


def test_a_run_says_from_which_commit_and_whether_it_was_changed(tmp_path, monkeypatch):
    def git(*words: str) -> str:
        who = ("-c", "user.name=A", "-c", "user.email=a@b.c")
        command = ["git", *who, *words]
        return subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout.strip()

    monkeypatch.setattr(record, "__file__", str(tmp_path / "runs.py"))
    git("init")
    (tmp_path / "a.txt").write_text("one")
    git("add", "a.txt")
    git("commit", "-m", "one")
    head = git("rev-parse", "HEAD")
    (tmp_path / "untracked.txt").write_text("a run's own files are no change")
    assert record._git_commit() == head
    (tmp_path / "a.txt").write_text("two")
    assert record._git_commit() == f"{head}-dirty"
