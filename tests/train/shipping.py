"""What tests of exported files share."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
