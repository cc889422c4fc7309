"""A trained model's answers as targets, for distillation (Hinton et al. 2015, arXiv:1503.02531)."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np

from cifake_core import artifacts, dataset
from cifake_core.calibration import UNCALIBRATED
from train import checkpoint
from train.runs import load_run, read_run

FILE = "teacher.npy"  # in the folder of the run that is taught


def answers(source: str, data: dataset.Dataset, folder: Path, predict: Callable) -> np.ndarray:
    """(N,) float32: the teacher's probability of REAL for each training image as it is.

    What :func:`keep` left in ``folder`` is taken, so that a run goes on without its teacher.

    Args:
        source: a finished run's folder, or the name of a model that ships, then calibrated.
        predict: (model, images, rows) to (len(rows),) logits.

    Raises:
        ConfigError, ArtifactError: no such run or model, or one that cannot be used.
    """
    import keras

    path = folder / FILE
    if path.is_file():
        return np.load(path)
    calibration, policy = UNCALIBRATED, keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        if (run := Path(source)).is_dir():
            config = read_run(run, data)["config"]
            model = load_run(run, config, config["model_args"] | config.get("export_args", {}))
        else:
            card = artifacts.read_card(source)
            model, calibration = artifacts.load_keras(card), card.calibration
        logits = predict(model, data.train.images, np.arange(len(data.train)))
    finally:
        keras.config.set_dtype_policy(policy)
    return (1 - calibration.p_fake(logits)).astype(np.float32)


def keep(folder: Path, given: np.ndarray) -> None:
    np.save(buffer := io.BytesIO(), given)
    checkpoint.replace(folder / FILE, buffer.getvalue())


def sha256(folder: Path) -> str:
    """Of what :func:`keep` left there."""
    return hashlib.sha256((folder / FILE).read_bytes()).hexdigest()
