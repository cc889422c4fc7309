"""Fixtures that several test modules share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny import write_cifake

from cifake_core import dataset

# Where the user's data and caches are. Tests see them only through ``real_cifake``.
USERS_OWN = {key: os.environ.get(key) for key in ("CIFAKE_DATA", "CIFAKE_CACHE", "KAGGLEHUB_CACHE")}

TINY_COUNTS = {"train": 10, "test": 4}  # images for each label and class
# Pixel-identical files: (original, copy). Inside train/FAKE, inside test/FAKE and across.
TINY_COPIES = (
    ("train/FAKE/0001 (2).jpg", "train/FAKE/0003 (2).jpg"),
    ("train/FAKE/0001 (5).jpg", "train/FAKE/0004 (5).jpg"),
    ("test/FAKE/0001.jpg", "test/FAKE/0002.jpg"),
    ("train/FAKE/0002 (7).jpg", "test/FAKE/0002 (7).jpg"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests come first, so that no worker is left alone with them at the end."""
    longest = ("test_every_recipe_runs_end_to_end", "test_killed_run")
    items.sort(key=lambda item: not item.name.startswith(longest))


@pytest.fixture(scope="session", autouse=True)
def _own_places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test, and no fixture of whatever scope, works on the user's data or caches."""
    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("CIFAKE_DATA", raising=False)
        patch.setenv("CIFAKE_CACHE", str(cache))
        patch.setenv("KAGGLEHUB_CACHE", str(cache / "kagglehub"))
        # Many runs compile the same step, each in a process of its own.
        patch.setenv("JAX_COMPILATION_CACHE_DIR", str(cache / "jax"))
        patch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
        yield


@pytest.fixture(scope="session")
def users_own() -> dict[str, str | None]:
    """Where the user's data and caches are, for tests that start the app as the user would."""
    return USERS_OWN


@pytest.fixture(scope="session")
def tiny_cifake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder like CIFAKE's with 100 images for each label in train and 40 in test.

    REAL are smooth gradients, FAKE are noisy textures, so a small net learns them in seconds.
    """
    root = write_cifake(tmp_path_factory.mktemp("tiny") / "cifake", TINY_COUNTS)
    for original, copy in TINY_COPIES:
        (root / copy).write_bytes((root / original).read_bytes())
    return root


@pytest.fixture(scope="session")
def real_cifake(_own_places: None) -> dataset.Dataset:
    """The data set that the user's CIFAKE_DATA names, by way of the user's cache.

    Unset, the tests that need it are skipped; set to something wrong, they fail.
    """
    if not USERS_OWN["CIFAKE_DATA"]:
        pytest.skip("CIFAKE_DATA is not set, so there is no real data set to test with")
    with pytest.MonkeyPatch.context() as patch:
        for key, value in USERS_OWN.items():
            if value is None:
                patch.delenv(key, raising=False)
            else:
                patch.setenv(key, value)
        return dataset.load()
