"""Which test images are nearly training images, on pictures made for it."""

from types import SimpleNamespace

import numpy as np
import pytest

from cifake_core import lookalikes


def split(images: list[np.ndarray], labels: list[int]) -> SimpleNamespace:
    digests = np.array([image.tobytes()[:40] for image in images], "S40")
    return SimpleNamespace(images=np.stack(images), labels=np.array(labels), digests=digests)


@pytest.fixture
def pictures() -> list[np.ndarray]:
    """Smooth ones that have nothing to do with each other."""
    rng = np.random.default_rng(4)
    coarse = rng.integers(0, 256, (6, 8, 8, 3), dtype=np.uint8)
    return list(coarse.repeat(4, 1).repeat(4, 2))


def noisy(image: np.ndarray, sigma: float) -> np.ndarray:
    noise = np.random.default_rng(1).normal(0, sigma, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def test_what_counts_as_nearly_the_same(pictures):
    a, b, c, d, e, f = pictures
    train = split([a, b, c, d], [0, 0, 1, 1])
    test = split(
        [
            noisy(a, 10),  # nearly the same
            noisy(b[:, ::-1], 10),  # mirrored
            (c // 2 + 60).astype(np.uint8),  # paler, which a correlation does not mind
            noisy(d, 90),  # too far: half of its variance is noise
            e,
            noisy(c, 10) // 2,
            noisy(a, 5),  # of the other label
            d,  # identical, so counted elsewhere
            f,
        ],
        [0, 0, 1, 1, 0, 1, 1, 1, 1],
    )
    assert lookalikes.lookalikes(train, test) == {"FAKE": 2, "REAL": 2}
    nothing = split([a], [0])
    assert lookalikes.lookalikes(nothing, test) == {"FAKE": 1, "REAL": 0}


def test_the_limit_is_on_all_pixels(pictures, monkeypatch):
    a = pictures[0]
    near = noisy(a, 40)
    r = np.corrcoef(a.ravel().astype(float), near.ravel().astype(float))[0, 1]
    train, test = split([a], [0]), split([near], [0])
    for limit, count in ((r - 1e-4, 1), (r + 1e-4, 0)):
        monkeypatch.setattr(lookalikes, "ALIKE", limit)
        assert lookalikes.lookalikes(train, test)["FAKE"] == count


def test_flat_images_are_like_nothing():
    grey = np.full((32, 32, 3), 90, np.uint8)
    pair = split([grey], [1]), split([grey + 1], [1])
    assert lookalikes.lookalikes(*pair) == {"FAKE": 0, "REAL": 0}
