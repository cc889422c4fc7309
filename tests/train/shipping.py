"""What tests of exported files share."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from cifake_core import artifacts


@contextmanager
def shipping_to(root: Path) -> Iterator[pytest.MonkeyPatch]:
    """Models and evidence go below ``root``, for fixtures that outlive a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CIFAKE_MODELS", str(root / "models"))
        patch.setenv("CIFAKE_EVIDENCE", str(root / "evidence"))
        yield patch


def accept_hash_of(folder, file):
    """Make the card agree with a changed file, so that the checks behind the hash are reached."""
    path = folder / artifacts.CARD
    card = json.loads(path.read_text())
    card["files"][file] = artifacts.file_record(folder / file)
    path.write_text(json.dumps(card))


def labelled(seed: int = 2, count: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    """Logits of a net that is mostly right, and which of them are of photographs."""
    rng = np.random.default_rng(seed)
    is_real = rng.random(count) < 0.5
    return rng.normal(np.where(is_real, 2.0, -2.0), 1.2), is_real
