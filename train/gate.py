"""Fit what tells a model's images from others: :class:`cifake_core.domain.Gate`.

Means, covariances and neighbours come from training images; the score for graphics from these and
from drawn examples (:mod:`train.graphics`); the thresholds are those under which at most 1% of the
validation images are turned away by any of the four signals. No number here comes from a picture
that ``train.outside`` tries the gate with; which statistics there are and how the score is fitted
was chosen with an eye on those of other seeds.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from cifake_core import dataset
from cifake_core.domain import LIMIT, SIGNALS, Gate, Gaussian, Neighbours, Quadratic
from cifake_core.domain_statistics import statistics
from cifake_core.errors import ConfigError
from cifake_core.predict import Engine
from cifake_core.preprocess import prepare
from train import graphics
from train.augment import jpeg_round_trip

FALSE_ALARMS = 0.01  # of validation
TRAIN_IMAGES = 20_000
KNOWN = 2_000
DRAWN = 1_000  # of each kind of graphics
# Inverse of the penalty on the score's weights; of 0.01, 0.1 and 1 the one with which a kind of
# graphics that is left out of the fit is recognised most often.
STRENGTH = 1.0
SEED = 2024


def fit_gate(engine: Engine, data: dataset.Dataset) -> tuple[Gate, dict[str, Any]]:
    """The gate of one model, and what a card says of it.

    Raises:
        ConfigError: scikit-learn is missing; the lab's requirements have it.
    """
    held_out = dataset.validation_indices(data.train)
    rest = np.setdiff1d(np.arange(len(data.train)), held_out)
    rows = np.sort(np.random.default_rng(SEED).permutation(rest)[:TRAIN_IMAGES])
    pixels, labels = data.train.images[rows], data.train.labels[rows]
    known = neighbours(own := _statistics(pixels), labels)
    gate = Gate(
        known,
        gaussian(
            np.concatenate([engine.logits_and_features(p)[1] for p in _batches(pixels)]), labels
        ),
        quadratic(*(_deviations(known, x) for x in (own, _statistics(drawn(pixels.shape[1]))))),
        (np.inf,) * len(SIGNALS),
    )
    found = distances(gate, engine, data.train.images[held_out])
    thresholds = choose_thresholds(found, FALSE_ALARMS)
    gate = replace(gate, thresholds=thresholds)
    away = gate.too_far(found)
    return gate, {
        "fitted_on": f"{len(rows):,} training images and, the score for graphics, "
        f"{DRAWN * len(graphics.KINDS):,} drawn ones",
        "false_alarms_on_validation": float(away.any(axis=1).mean()),
        "by_signal": {name: float(away[:, i].mean()) for i, name in enumerate(SIGNALS)},
        "of": len(held_out),
        "thresholds": dict(zip(SIGNALS, thresholds, strict=True)),
    }


def gaussian(x: np.ndarray, labels: np.ndarray) -> Gaussian:
    """Class means and one covariance, shrunk after Ledoit and Wolf 2004, of (N, K) vectors."""
    try:
        from sklearn.covariance import LedoitWolf
    except ImportError:
        raise ConfigError("Fitting needs scikit-learn: see requirements-train.txt.") from None

    means = np.stack([x[labels == label].mean(axis=0) for label in np.unique(labels)])
    centred = (x - means[np.searchsorted(np.unique(labels), labels)]).astype(np.float64)
    # Shrinking pulls towards equal variances, so the columns must be of one scale first.
    scale = centred.std(axis=0)
    scale[scale < 1e-6] = 1.0  # of features that are always the same
    covariance = LedoitWolf(assume_centered=True).fit(centred / scale).covariance_
    variances, directions = np.linalg.eigh(covariance)
    variances = np.maximum(variances, 1e-9 * max(1.0, variances[-1]))
    whitening = directions / np.sqrt(variances) / scale[:, None]
    return Gaussian(means.astype(np.float32), whitening.astype(np.float32))


def neighbours(x: np.ndarray, labels: np.ndarray) -> Neighbours:
    """``KNOWN`` of (N, K) vectors, whitened as :func:`gaussian` would all of them."""
    whitening = gaussian(x, labels).whitening
    count = min(KNOWN, len(x))
    known = x[np.arange(count) * len(x) // count]  # evenly from all: rows are sorted by label
    return Neighbours(
        (known @ whitening).astype(np.float32),
        whitening,
        x.mean(axis=0),
        np.maximum(x.std(axis=0), 1e-6),
    )


def quadratic(own: np.ndarray, others: np.ndarray) -> Quadratic:
    """A score that is low for (N, K) deviations of the data set's images and high for others."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    z = np.clip(np.concatenate([own, others]), -LIMIT, LIMIT)
    first, second = np.triu_indices(z.shape[1])
    terms = np.concatenate([z, z[:, first] * z[:, second]], axis=1)
    scale = StandardScaler().fit(terms)
    is_other = np.arange(len(z)) >= len(own)
    found = LogisticRegression(C=STRENGTH, max_iter=500).fit(scale.transform(terms), is_other)
    weights = (found.coef_[0] / scale.scale_).astype(np.float32)
    products = np.zeros((z.shape[1], z.shape[1]), np.float32)
    products[first, second] = weights[z.shape[1] :]
    return Quadratic(weights[: z.shape[1]], products)


@cache
def drawn(size: int) -> np.ndarray:
    """(N, size, size, 3) uint8: ``DRAWN`` graphics of each kind, saved as the data set was."""
    rng = np.random.default_rng(SEED)
    return np.stack(
        [
            jpeg_round_trip(prepare(draw(rng, int(side)), size).pixels, 75)
            for draw in graphics.KINDS
            for side in rng.choice(graphics.SIDES, DRAWN)
        ]
    )


def distances(gate: Gate, engine: Engine, images: np.ndarray) -> np.ndarray:
    """(N, 4) signals of (N, S, S, 3) uint8 images, in batches."""
    return np.concatenate(
        [gate.distances(p, engine.logits_and_features(p)[1]) for p in _batches(images)]
    )


def choose_thresholds(found: np.ndarray, share: float) -> tuple[float, ...]:
    """Thresholds, alike in rank, over which at most ``share`` of (N, K) has any distance."""
    ordered = np.sort(found, axis=0)
    low, high = 0, len(found) - 1  # ranks; the highest turns nobody away
    while low < high:
        middle = (low + high) // 2
        turned_away = (found > ordered[middle]).any(axis=1).mean()
        low, high = (low, middle) if turned_away <= share else (middle + 1, high)
    return tuple(float(x) for x in ordered[high])


def _batches(images: np.ndarray) -> list[np.ndarray]:
    return [images[i : i + 256] for i in range(0, len(images), 256)]


def _statistics(images: np.ndarray) -> np.ndarray:
    return np.concatenate([statistics(p) for p in _batches(images)])


def _deviations(known: Neighbours, found: np.ndarray) -> np.ndarray:
    return (found - known.centre) / known.spread
