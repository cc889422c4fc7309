"""The same training on every backend that is installed, in mixed precision and on two devices."""

from __future__ import annotations

import importlib.util
import json

import pytest
from runs import Run, Several, assert_same_result, checkpointed, finished, log

BACKENDS = ("tensorflow", "jax", "torch")


def options(*settings: str) -> list[str]:
    return [word for setting in settings for word in ("--set", setting)]


@pytest.fixture(scope="module")  # so that the tests of one come together
def backend(request) -> str:
    """KERAS_BACKEND of the parameter, where it is installed."""
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"the {request.param} backend is not installed")
    return request.param


@pytest.mark.parametrize("backend", BACKENDS, indirect=True)
def test_training_learns_and_resumes_to_the_same_weights(backend, tiny_cifake, tmp_path):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    finished(tiny_cifake, whole, KERAS_BACKEND=backend)
    record = json.loads((whole / "config.json").read_text())
    assert record["backend"] == backend
    assert record["device"]
    result = json.loads((whole / "result.json").read_text())
    assert result["validation_auroc"] > 0.9
    assert log(whole)[-1]["loss"] < log(whole)[0]["loss"]

    with Run(tiny_cifake, stopped, KERAS_BACKEND=backend) as run:
        run.until_step(12)
        run.process.kill()
    assert 12 <= checkpointed(stopped) < log(whole)[-1]["step"]
    finished(tiny_cifake, stopped, KERAS_BACKEND=backend)
    assert_same_result(stopped, whole)


@pytest.mark.parametrize("backend", BACKENDS, indirect=True)
def test_mixed_precision_stays_near_float32(backend, tiny_cifake, tmp_path):
    kinds = ("float32", "mixed_bfloat16", "mixed_float16")
    runs = {tmp_path / dtype: options("epochs=2", f"dtype={dtype}") for dtype in kinds}
    with Several(tiny_cifake, runs, KERAS_BACKEND=backend) as process:
        code, text = process.wait()
        assert code == 0, text
    losses = [[entry["loss"] for entry in log(run)] for run in runs]
    for mixed in losses[1:]:
        assert mixed != losses[0]
        assert mixed == pytest.approx(losses[0], abs=0.1)


@pytest.mark.parametrize("backend", ["jax"], indirect=True)
def test_two_devices_compute_what_one_does(backend, tiny_cifake, tmp_path):
    two = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2", "KERAS_BACKEND": backend}
    # In one process, one device first: the distribution over two stays with the process.
    runs = {tmp_path / f"on-{n}": options("epochs=2", f"devices={n}") for n in (1, 2)}
    with Several(tiny_cifake, runs, **two) as process:
        code, text = process.wait()
        assert code == 0, text
    one, both = ([entry["loss"] for entry in log(run)] for run in runs)
    assert both == pytest.approx(one, rel=1e-3)
    aurocs = [json.loads((run / "result.json").read_text())["validation_auroc"] for run in runs]
    assert aurocs[0] == pytest.approx(aurocs[1], abs=0.02)


@pytest.mark.parametrize("backend", ["jax"], indirect=True)
def test_a_run_on_two_devices_goes_on_with_one(backend, tiny_cifake, tmp_path):
    two = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2", "KERAS_BACKEND": backend}
    with Run(tiny_cifake, tmp_path / "run", *options("devices=2"), **two) as run:
        run.until_step(12)
        run.process.kill()
    finished(tiny_cifake, tmp_path / "run", KERAS_BACKEND=backend)
    record = json.loads((tmp_path / "run" / "config.json").read_text())
    assert record["config"]["devices"] == 2
    assert [s["settings"]["devices"] for s in record["sittings"]] == [1]
    losses = [entry["loss"] for entry in log(tmp_path / "run")]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("backend", BACKENDS, indirect=True)
def test_more_devices_than_there_are_is_one_sentence(backend, tiny_cifake, tmp_path):
    settings = options("devices=64", "batch_size=64")
    with Run(tiny_cifake, tmp_path / "run", *settings, KERAS_BACKEND=backend) as run:
        code, text = run.wait()
    assert code == 1
    assert "devices" in text
    assert "Traceback" not in text
