"""A small data set, a finished run on it, and places to export it to."""

import pytest

from cifake_core import dataset
from train import gate
from train.config import from_mapping
from train.train import run

SMALL = {
    "model": "lens",
    "epochs": 20,
    "batch_size": 16,
    "ema": 0.9,
    "validate_every": 20,
    "model_args": {"widths": [8, 16, 16]},
    "export_args": {"mirror": True},
}


@pytest.fixture(scope="session")
def data(tiny_cifake):
    return dataset.load(tiny_cifake)


@pytest.fixture(scope="session")
def finished(tmp_path_factory, data):
    """A finished run of a small net that ships mirrored; tests only read it."""
    folder = tmp_path_factory.mktemp("runs") / "small"
    assert run(from_mapping(SMALL), data, folder, recipe="small") == 0
    return folder


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Models and evidence of this test, away from those that ship."""
    monkeypatch.setenv("CIFAKE_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("CIFAKE_EVIDENCE", str(tmp_path / "evidence"))
    return tmp_path


@pytest.fixture(autouse=True, scope="session")
def few_examples():
    """A gate that is fitted to enough to be one; the real number takes half a minute to draw."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gate, "DRAWN", 20)
        yield
    gate.drawn.cache_clear()
