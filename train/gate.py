"""Fit what tells a model's images from others: :class:`cifake_core.domain.Gate`.

Means, covariances and neighbours come from training images; three scores from these and from drawn
examples (:mod:`train.graphics`, :mod:`train.textures`, :mod:`train.shapes`); what is usual and the
limit, over which at most 1% of them are turned away, from validation images. No number here comes
from a picture that ``train.outside`` tries the gate with; which statistics and examples there are,
how the scores are fitted and how signals add up was chosen with an eye on other seeds of those and
on pictures that a second hand made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from cifake_core import dataset
from cifake_core.domain import LIMIT, SIGNALS, Gate, Gaussian, Neighbours, Quadratic, together
from cifake_core.domain_statistics import statistics
from cifake_core.errors import ConfigError
from cifake_core.predict import Engine
from cifake_core.preprocess import prepare
from train import graphics, shapes, textures
from train.augment import jpeg_round_trip

FALSE_ALARMS = 0.01  # of validation
TRAIN_IMAGES = 20_000
KNOWN = 2_000
RARE = 0.998  # share of validation images below what counts as rare in one signal
EXAMPLES = (graphics, textures, shapes)  # a score for each
DRAWN = 1_000  # of each kind of example
# Inverse of the penalty on the score's weights; of 0.01, 0.1 and 1 the one with which a kind of
# graphics that is left out of their fit is recognised most often; the other scores have the same.
STRENGTH = 1.0
SEED = 2024


Signals = tuple[Neighbours, Quadratic, Quadratic, Quadratic]


def fit_gate(
    engine: Engine, data: dataset.Dataset, signals: Signals | None = None
) -> tuple[Gate, dict[str, Any]]:
    """The gate of one model, and what a card says of it.

    Args:
        signals: of :func:`fit_pixels`, the same for all models; fitted if None.

    Raises:
        ConfigError: scikit-learn is missing; the lab's requirements have it.
    """
    rows, held_out = _rows(data)
    pixels, labels = data.train.images[rows], data.train.labels[rows]
    features = np.concatenate([engine.logits_and_features(p)[1] for p in _batches(pixels)])
    known, *scores = signals or fit_pixels(data)
    none = np.zeros(len(SIGNALS), np.float32)
    gate = Gate(known, gaussian(features, labels), *scores, none, none + 1, np.inf)
    found = distances(gate, engine, data.train.images[held_out])
    usual, rare = np.quantile(found, (0.5, RARE), axis=0).astype(np.float32)
    gate = replace(gate, usual=usual, rare=np.maximum(rare, usual + 1e-6))
    gate = replace(gate, limit=choose_limit(together(gate.excess(found)), FALSE_ALARMS))
    away = gate.too_far(found)
    counts = [f"{DRAWN * len(examples.KINDS):,}" for examples in EXAMPLES]
    return gate, {
        "fitted_on": f"{len(rows):,} training images and, the scores, drawn pictures: "
        "{} graphics, {} textures, {} shapes".format(*counts),
        "false_alarms_on_validation": float(away.any(axis=1).mean()),
        "by_signal": {name: float(away[:, i].mean()) for i, name in enumerate(SIGNALS)},
        "of": len(held_out),
        "rare": dict(zip(SIGNALS, gate.rare.tolist(), strict=True)),
        "limit": gate.limit,
    }


def fit_pixels(data: dataset.Dataset) -> Signals:
    """The signals that know no model: neighbours, and the scores of drawn examples.

    Raises:
        ConfigError: as :func:`fit_gate`.
    """
    pixels = data.train.images[(rows := _rows(data)[0])]
    known = neighbours(found := _statistics(pixels), data.train.labels[rows])
    own = _deviations(known, found)
    others = (_statistics(drawn(m.KINDS, pixels.shape[1])) for m in EXAMPLES)
    return known, *(quadratic(own, _deviations(known, other)) for other in others)


def _rows(data: dataset.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """The training images that are fitted to, and those of validation."""
    held_out = dataset.validation_indices(data.train)
    rest = np.setdiff1d(np.arange(len(data.train)), held_out)
    return np.sort(np.random.default_rng(SEED).permutation(rest)[:TRAIN_IMAGES]), held_out


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
def drawn(kinds: tuple[Callable, ...], size: int) -> np.ndarray:
    """(N, size, size, 3) uint8: ``DRAWN`` pictures of each kind, saved as the data set was."""
    rng = np.random.default_rng(SEED)
    return np.stack(
        [
            jpeg_round_trip(prepare(draw(rng, int(side)), size).pixels, 75)
            for draw in kinds
            for side in rng.choice(graphics.SIDES, DRAWN)
        ]
    )


def distances(gate: Gate, engine: Engine, images: np.ndarray) -> np.ndarray:
    """(N, 6) signals of (N, S, S, 3) uint8 images, in batches."""
    return np.concatenate(
        [gate.distances(p, engine.logits_and_features(p)[1]) for p in _batches(images)]
    )


def choose_limit(found: np.ndarray, share: float) -> float:
    """The smallest of (N,) numbers over which at most ``share`` of them lie, as float32 has it."""
    limit = np.sort(found)[len(found) - 1 - int(share * len(found))]
    return float(np.nextafter(np.float32(limit), np.float32(np.inf)))


def _batches(images: np.ndarray) -> list[np.ndarray]:
    return [images[i : i + 256] for i in range(0, len(images), 256)]


def _statistics(images: np.ndarray) -> np.ndarray:
    return np.concatenate([statistics(p) for p in _batches(images)])


def _deviations(known: Neighbours, found: np.ndarray) -> np.ndarray:
    return (found - known.centre) / known.spread
