"""A trained model's answers as targets, for distillation (Hinton et al. 2015, arXiv:1503.02531)."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cifake_core import artifacts, dataset
from cifake_core.calibration import Calibration
from cifake_core.progress import progress_bar
from train import checkpoint
from train.runs import load_run, read_run

if TYPE_CHECKING:
    import keras

FILE, CHUNK = "teacher.npy", 5000


def answers(source: str, data: dataset.Dataset, folder: Path) -> np.ndarray:
    """(N,) float32: the teacher's probability of REAL for each training image as it is.

    Args:
        source: a finished run's folder, or the name of a model that ships, then calibrated.
        folder: of the run that is taught. What :func:`keep` left there is taken, so that a run goes
            on without its teacher.

    Raises:
        ConfigError, ArtifactError: no such run or model, or one that cannot be used.
    """
    if (folder / FILE).is_file():
        return np.load(folder / FILE)
    calibration = Calibration(1.0, 0.0, 0.5, 0.5)
    if (run := Path(source)).is_dir():
        config = read_run(run, data)["config"]
        model = load_run(run, config, config["model_args"] | config.get("export_args", {}))
    else:
        card = artifacts.read_card(source)
        model, calibration = artifacts.load_keras(card), card.calibration
    logits = _logits(model, data.train.images)
    return (1 - calibration.p_fake(logits)).astype(np.float32)


def keep(folder: Path, given: np.ndarray) -> None:
    buffer = io.BytesIO()
    np.save(buffer, given)
    checkpoint.replace(folder / FILE, buffer.getvalue())


def sha256(given: np.ndarray) -> str:
    return hashlib.sha256(given.tobytes()).hexdigest()


def _logits(model: keras.Model, images: np.ndarray) -> np.ndarray:
    found = []
    with progress_bar("asking the teacher", " images") as show:
        for start in range(0, len(images), CHUNK):
            chunk = model.predict(images[start : start + CHUNK], batch_size=500, verbose=0)
            found.append(chunk[:, 0].astype(np.float64))
            show(start + len(chunk), len(images))
    return np.concatenate(found)
