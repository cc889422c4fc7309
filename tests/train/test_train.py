from __future__ import annotations

import dataclasses
import json
import random
import shutil
import signal
import time
from pathlib import Path

import keras
import made_up
import numpy as np
import pytest
from runs import SMALL, Run, assert_same_result, checkpointed, finished, log, weights

from cifake_core import artifacts, dataset
from cifake_core.errors import ConfigError
from cifake_core.models import build
from train import checkpoint, state, train
from train import runs as runs_module
from train.batches import some
from train.config import load_recipe
from train.runs import MetricLog, open_run
from train.train import run as run_here

EPOCH, STEPS = 11, 11 * 6  # small.toml on tiny_cifake: 180 rows in batches of 16, 6 epochs
LOGGED = sorted({*range(3, STEPS + 1, 3), *range(EPOCH, STEPS + 1, EPOCH)})
KILLS = 20


@pytest.fixture(scope="module")
def whole(tiny_cifake, tmp_path_factory) -> Path:
    """A run that nothing disturbed."""
    return finished(tiny_cifake, tmp_path_factory.mktemp("runs") / "whole")


def test_whole_run_leaves_its_records(whole, tiny_cifake):
    record = json.loads((whole / "config.json").read_text())
    assert record["config"]["batch_size"] == 16
    assert record["data_sha256"] == dataset.load(tiny_cifake).sha256
    assert [e["step"] for e in log(whole)] == LOGGED
    validated = [e["step"] for e in log(whole) if "validation_loss" in e]
    assert validated == list(range(EPOCH, STEPS + 1, EPOCH))
    assert np.all(np.isfinite([e["loss"] for e in log(whole)]))
    result = json.loads((whole / "result.json").read_text())
    # Not the accuracy: in so few steps batch normalisation's running means lag behind.
    assert result["validation_auroc"] > 0.9
    # A bias fitted to those very images: it may only help, but for a tie or two.
    assert result["validation_calibrated"] >= result["validation_accuracy"] - 0.05
    assert result["parameters"] == 2309
    assert sum(w.size for w in weights(whole).values()) == 2309, "more than the model is stored"
    assert not list(whole.glob(".*")), "temporary files are left"


def test_final_weights_are_the_average_and_not_the_last(whole, tiny_cifake, tmp_path):
    plain = finished(tiny_cifake, tmp_path / "plain", "--set", "ema=0")
    a, b = weights(whole), weights(plain)
    kernels = [k for k in a if a[k].ndim == 4]
    assert kernels
    assert not any(np.array_equal(a[k], b[k]) for k in kernels)
    # What training itself computes is the same with and without the average.
    assert [e["loss"] for e in log(whole)] == [e["loss"] for e in log(plain)]


def test_starting_a_finished_run_again_changes_nothing(whole, tiny_cifake):
    before, entries = weights(whole), log(whole)
    finished(tiny_cifake, whole)
    after = weights(whole)
    assert all(np.array_equal(before[k], after[k]) for k in before)
    assert log(whole) == entries


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--set", "learning_rat=1"], "learning_rat"),
        (["--set", "epochs=many"], "epochs"),
        (["--set", "model=lense"], "lense"),
        (["--set", "model_args.width=3"], "model_args"),
        (["--recipe", "no-such-recipe"], "no-such-recipe"),
        (["--data", "no-such-folder"], "no-such-folder"),
        (["--set", "model_args.nets=0"], "model_args do not fit lens: nets must be at least 1."),
        (["--set", "model_args.blocks=[1]"], "model_args do not fit lens: there must be one width"),
        (["--set", "model_args.dropout=2"], "model_args do not fit lens: Invalid value"),
        (["--set", "model_args.image_size=64"], "image_size in model_args must be 32, the size of"),
        (["--set", "export_args={image_size=16}"], "image_size in export_args must be 32"),
        (["--set", "seed=4294967296"], "seed must be at least 0 and less than 4294967296"),
        (["--set", "crop=33"], "crop"),
        (["--set", "crop=16", "--set", "model=paper_cnn", "--set", "model_args={}"], "crop"),
        (["--set", "devices=2", "--set", "batch_size=15"], "devices"),
    ],
)
def test_wrong_setting_is_one_sentence_and_exit_1(tiny_cifake, tmp_path, options, said):
    with Run(tiny_cifake, tmp_path / "run", *options) as run:
        code, text = run.wait()
    assert code == 1
    assert said in text
    assert "Traceback" not in text
    assert len([line for line in text.splitlines() if line.startswith("error: ")]) == 1
    assert not (tmp_path / "run").exists(), "the right settings would be refused next"


def test_folder_of_another_run_is_refused(whole, tiny_cifake):
    before = (whole / "metrics.jsonl").read_bytes()
    with Run(tiny_cifake, whole, "--set", "seed=2") as run:
        code, text = run.wait()
    assert code == 1
    assert "other settings" in text
    assert (whole / "metrics.jsonl").read_bytes() == before


def test_run_with_one_more_cycle_ends_like_one_that_had_it_from_the_start(
    whole, tiny_cifake, tmp_path
):
    more = ("--set", "then=[{epochs = 1, learning_rate = 1e-3}]")
    shutil.copytree(whole, extended := tmp_path / "extended")
    finished(tiny_cifake, extended, *more)
    assert_same_result(extended, finished(tiny_cifake, tmp_path / "at-once", *more))
    (entry,) = json.loads((extended / "config.json").read_text())["extended"]
    assert entry["cycles_before"] == 1


def test_a_run_on_crops_ships_the_same_net_and_goes_on_with_whole_images(
    whole, tiny_cifake, tmp_path
):
    crops, more = ("--set", "crop=16"), ("--set", "then=[{epochs = 1, crop = 0}]")
    at_once = finished(tiny_cifake, tmp_path / "at-once", *crops, *more)
    shapes = [{name: w.shape for name, w in weights(f).items()} for f in (whole, at_once)]
    assert shapes[0] == shapes[1]
    assert json.loads((at_once / "result.json").read_text())["validation_auroc"] > 0.9
    later = finished(tiny_cifake, tmp_path / "later", *crops)
    assert_same_result(finished(tiny_cifake, later, *crops, *more), at_once)


def test_a_run_that_got_more_cycles_is_not_finished_and_loses_none(whole, tiny_cifake, tmp_path):
    config, sha256 = load_recipe(str(SMALL)), dataset.load(tiny_cifake).sha256
    longer = dataclasses.replace(config, then=({"epochs": 1},))
    shutil.copytree(whole, folder := tmp_path / "run")
    open_run(folder, config, "", sha256)
    assert (folder / "result.json").exists()
    for _ in range(2):
        open_run(folder, longer, "", sha256)
        assert not (folder / "result.json").exists()
    assert len(json.loads((folder / "config.json").read_text())["extended"]) == 1
    other = dataclasses.replace(config, then=({"epochs": 2},))
    for wrong in (config, other, dataclasses.replace(longer, seed=5)):
        with pytest.raises(ConfigError, match="other settings"):
            open_run(folder, wrong, "", sha256)


def test_a_sitting_with_other_libraries_is_on_record(whole, tiny_cifake, tmp_path, monkeypatch):
    config, sha256 = load_recipe(str(SMALL)), dataset.load(tiny_cifake).sha256
    shutil.copytree(whole, folder := tmp_path / "run")
    monkeypatch.setattr(runs_module, "versions", lambda _: {"keras": "9.9"})
    open_run(folder, config, "", sha256, step=7)  # finished: there is nothing to go on with
    assert "sittings" not in json.loads((folder / "config.json").read_text())
    (folder / "result.json").unlink()
    for _ in range(2):
        open_run(folder, config, "", sha256, step=7)
    (sitting,) = json.loads((folder / "config.json").read_text())["sittings"]
    assert sitting["after_step"] == 7
    assert sitting["versions"]["keras"] == "9.9"


def test_a_run_older_than_a_setting_goes_on_with_its_default(whole, tiny_cifake, tmp_path):
    config, sha256 = load_recipe(str(SMALL)), dataset.load(tiny_cifake).sha256
    shutil.copytree(whole, folder := tmp_path / "run")
    record = json.loads((folder / "config.json").read_text())
    assert record["config"].pop("mixup") == 0
    (folder / "config.json").write_text(json.dumps(record))
    open_run(folder, config, "", sha256)
    with pytest.raises(ConfigError, match="other settings"):
        open_run(folder, dataclasses.replace(config, mixup=0.2), "", sha256)


@pytest.mark.parametrize("key", ["initial_weights", "teacher"])
def test_weights_and_a_teacher_may_lie_elsewhere_but_must_be_the_same(tmp_path, key):
    def config(source: Path):
        return dataclasses.replace(load_recipe(str(SMALL)), **{key: str(source)})

    def written(place: str, content: bytes) -> Path:
        path = tmp_path / place / artifacts.WEIGHTS
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        return path.parent if key == "teacher" else path

    first = written("here/one", b"weights")
    open_run(folder := tmp_path / "run", config(first), "", "data")
    before = json.loads((folder / "config.json").read_text())
    (folder / "result.json").write_text("{}")
    open_run(folder, config(written("there/other", b"weights")), "", "data")
    open_run(folder, config(tmp_path / "gone" / first.name), "", "data")
    assert json.loads((folder / "config.json").read_text()) == before
    assert (folder / "result.json").exists(), "it is still finished"
    for wrong in (written("there/one", b"others"), tmp_path / "gone" / "two.h5", "", "imagenet"):
        with pytest.raises(ConfigError, match=f"other settings: its {key}, {first}, is not the"):
            open_run(folder, config(wrong), "", "data")


def test_a_teacher_that_ships_is_known_by_its_weights(tmp_path, monkeypatch):
    config = dataclasses.replace(load_recipe(str(SMALL)), teacher="lens")
    open_run(tmp_path, config, "", "data")
    open_run(tmp_path, config, "", "data")
    monkeypatch.setenv("CIFAKE_MODELS", str(tmp_path / "models"))
    made_up.card(tmp_path / "models", "lens")
    open_run(tmp_path, config, "", "data")
    path = tmp_path / "models" / "lens" / artifacts.CARD
    path.write_text(path.read_text().replace(artifacts.read_card("lens").weights_sha256, "0" * 64))
    with pytest.raises(ConfigError, match="its teacher, lens, is not the same as lens here"):
        open_run(tmp_path, config, "", "data")


def test_loss_that_is_not_a_number_stops_the_run(tiny_cifake, tmp_path):
    with Run(tiny_cifake, tmp_path / "run", "--set", "learning_rate=1e38") as run:
        code, text = run.wait()
    assert code == 1
    assert "Traceback" not in text
    assert "Begin anew with another --run and a lower learning_rate.\n" in text
    assert not (tmp_path / "run" / "result.json").exists()
    assert all(np.isfinite(e["loss"]) for e in log(tmp_path / "run"))


def test_weights_that_are_no_numbers_are_not_saved(data, tmp_path, monkeypatch):
    config = dataclasses.replace(load_recipe(str(SMALL)), dtype="mixed_bfloat16")
    monkeypatch.setattr(checkpoint.Saving, "is_due", lambda _: True)  # however slow the disk is
    monkeypatch.setattr(train, "finite", lambda _: checkpointed(tmp_path) < 6)
    with pytest.raises(ConfigError, match=r"at step 9.*another --run and .* or dtype=float32\.$"):
        run_here(config, data, tmp_path)
    assert checkpointed(tmp_path) == log(tmp_path)[-1]["step"] == 6
    assert keras.config.dtype_policy().name == "float32"  # as it was, for whatever comes next


def test_one_weight_that_is_no_number_is_found():
    model = build("lens", widths=(4, 4, 8))
    assert state.finite(model)
    values = model.get_weights()
    for bad in (np.nan, np.inf):
        values[0].flat[-1] = bad
        model.set_weights(values)
        assert not state.finite(model)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stop_keeps_every_step_and_the_run_goes_on(whole, tiny_cifake, tmp_path, number):
    folder = tmp_path / "run"
    with Run(tiny_cifake, folder) as run:
        run.until_step(7)
        code, text = run.end(number)
    assert code == 130, text
    assert "Traceback" not in text
    stopped = checkpointed(folder)
    assert f"after step {stopped}" in text
    assert 7 <= stopped < STEPS
    finished(tiny_cifake, folder)
    assert [e["step"] for e in log(folder)] == sorted({*LOGGED, stopped})
    assert_same_result(folder, whole)


def test_what_was_logged_after_the_last_save_is_logged_again(data, tmp_path, monkeypatch):
    config = dataclasses.replace(load_recipe(str(SMALL)), epochs=2, validate_every=2)
    assert run_here(config, data, tmp_path / "whole") == 0
    folder, write = tmp_path / "run", MetricLog.write

    def crash(self, entry: dict) -> None:
        write(self, entry)
        if entry["step"] == 15:
            raise InterruptedError

    # As if the first save had taken minutes.
    monkeypatch.setattr(checkpoint.Saving, "is_due", lambda _: not checkpointed(folder))
    monkeypatch.setattr(MetricLog, "write", crash)
    with pytest.raises(InterruptedError):
        run_here(config, data, folder)
    assert [e["step"] for e in log(folder)] == [3, 6, 9, 11, 12, 15]
    assert checkpointed(folder) == 3
    monkeypatch.setattr(MetricLog, "write", write)
    assert run_here(config, data, folder) == 0
    assert checkpointed(folder) == 22
    losses = [{e["step"]: e["loss"] for e in log(tmp_path / name)} for name in ("run", "whole")]
    assert list(losses[0]) == [3, 6, 9, 11, 12, 15, 18, 21, 22]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_a_cut_checkpoint_costs_a_few_steps_and_two_stop_the_run(whole, tiny_cifake, tmp_path):
    with Run(tiny_cifake, folder := tmp_path / "run") as run:
        run.until_step(7)
        assert run.end(signal.SIGTERM)[0] == 130
    for slot in checkpoint.SLOTS:
        shutil.copytree(folder, other := tmp_path / slot)
        (other / slot).write_bytes((other / slot).read_bytes()[:-100])
        assert_same_result(finished(tiny_cifake, other), whole)
    for slot in checkpoint.SLOTS:
        (folder / slot).write_bytes((folder / slot).read_bytes()[:-100])
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    with Run(tiny_cifake, folder) as run:
        code, text = run.wait()
    assert code == 1
    assert "Traceback" not in text
    assert f"error: The checkpoints in {folder} are damaged or missing" in text
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


def test_killed_run_ends_like_an_undisturbed_one(whole, tiny_cifake, tmp_path):
    """kill -9 while it starts, trains and writes; each time the same command goes on."""
    folder, moments = tmp_path / "run", random.Random(20)
    for _ in range(4):  # while it imports and builds: nothing is to be lost yet
        with Run(tiny_cifake, folder, fresh=True) as run:
            time.sleep(moments.uniform(0, 2.5))
            assert run.end(signal.SIGKILL)[0] == -signal.SIGKILL
    for i, target in enumerate(sorted(moments.sample(range(STEPS - 12), KILLS - 4))):
        before = checkpointed(folder)
        with Run(tiny_cifake, folder) as run:
            run.until_step(target)
            if i % 3 == 0:
                run.until_writing()
            else:
                time.sleep(moments.uniform(0, 0.05))
            assert run.end(signal.SIGKILL)[0] == -signal.SIGKILL
        kept = checkpoint.load(folder)
        assert (kept[0] if kept else 0) >= max(before, target)
    with Run(tiny_cifake, folder, fresh=True) as run:
        code, text = run.wait()
    assert code == 0, text
    assert "continuing" in text
    assert [e["step"] for e in log(folder)] == LOGGED
    assert [e["loss"] for e in log(folder)] == [e["loss"] for e in log(whole)]
    assert_same_result(folder, whole)


def test_small_recipe_is_what_the_numbers_above_say():
    config = load_recipe(str(Path(__file__).with_name("small.toml")))
    assert (config.epochs, config.batch_size, config.checkpoint_every) == (6, 16, 3)


def test_a_limit_keeps_the_labels_shares():
    labels = np.r_[np.zeros(60, np.uint8), np.ones(40, np.uint8)]
    rows = np.arange(10, 90)  # 50 fake, 30 real
    chosen = some(rows, labels, 16, seed=3)
    assert len(set(chosen)) == 16
    assert set(chosen) <= set(rows)
    assert (labels[chosen] == 0).sum() == 10
    assert not np.array_equal(np.sort(chosen), np.sort(some(rows, labels, 16, seed=4)))
    assert sorted(some(rows, labels, 1000, seed=3)) == sorted(rows)
