"""Composites with a planted truth: a patch of one kind of image in an image of the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cifake_core import dataset, faithfulness, metrics
from cifake_core.calibration import Calibration
from cifake_core.labels import FAKE, LABELS

SIDES = (8, 16)  # of a patch, in pixels, both included
# Zhang et al. allow 15 pixels in pictures some 500 wide; in 32 pixels that is one.
TOLERANCE = 1
RULES = {
    "all": "every composite",
    "changed": "before the patch the likelier side was the host's own, with it the patch's",
    "reversed": "before the patch the verdict was the host's own label, with it the patch's; "
    "neither was “can't tell”",
}


@dataclass(frozen=True, slots=True)
class Composites:
    """N images with a patch; hosts without it. ``labels`` (N,) and ``boxes`` are the patches'."""

    images: np.ndarray
    hosts: np.ndarray
    labels: np.ndarray
    boxes: list[faithfulness.Box]


def unique_rows(train: dataset.Split) -> np.ndarray:
    """Validation rows of which no two are pixel-identical."""
    rows = dataset.validation_indices(train)
    return rows[np.unique(train.digests[rows], return_index=True)[1]]


def compose(train: dataset.Split, rows: np.ndarray, count: int, seed: int = 4) -> Composites:
    """Patches from the same place of a donor of the other label, of the same class where there is.

    Labels take turns and classes go round, so the first n of a longer list are as balanced.
    Pasted in decoded pixels: a composite is not compressed again.
    """
    rng = np.random.default_rng(seed)
    labels, classes, size = train.labels[rows], train.classes[rows], train.images.shape[1]
    hosts, images, boxes = [], [], []
    for i in range(count):
        own = labels == i % 2
        alike = classes == i // 2 % 10
        donor, host = (
            rng.choice(rows[side & alike] if (side & alike).any() else rows[side])
            for side in (own, ~own)
        )
        side = int(rng.integers(SIDES[0], SIDES[1] + 1))
        top, left = (int(x) for x in rng.integers(0, size - side + 1, 2))
        image = train.images[host].copy()
        place = np.s_[top : top + side, left : left + side]
        image[place] = train.images[donor][place]
        hosts.append(train.images[host])
        images.append(image)
        boxes.append((top, left, side))
    return Composites(np.stack(images), np.stack(hosts), np.arange(count) % 2, boxes)


def sets(before: np.ndarray, after: np.ndarray, labels: np.ndarray, calibration: Calibration):
    """name -> (N,) bool, by ``RULES``, from (N,) logits of the hosts and of the composites."""
    p_before, p_after = (calibration.p_fake(logits) for logits in (before, after))
    is_fake = labels == FAKE

    def says(p_fake: np.ndarray, fake: np.ndarray, fake_from: float, real_to: float):
        return np.where(fake, p_fake >= fake_from, p_fake <= real_to)

    half = (0.5, np.nextafter(0.5, 0))
    sure = (calibration.fake_from, calibration.real_to)
    return {
        "all": np.ones(len(labels), bool),
        "changed": says(p_before, ~is_fake, *half) & says(p_after, is_fake, *half),
        "reversed": says(p_before, ~is_fake, *sure) & says(p_after, is_fake, *sure),
    }


def row(maps: Mapping[int, np.ndarray], made: Composites, kept: dict[str, np.ndarray]) -> dict:
    """What a method's maps of some composites, by number, say of the patches, for each set.

    Raises:
        KeyError: a composite of a set has no map.
    """
    size = made.images.shape[1]
    scores = {}
    for i, values in maps.items():
        drawn, box = faithfulness.fit(values, size), made.boxes[i]
        scores[i] = (
            faithfulness.hit(drawn, box),
            faithfulness.hit(drawn, box, TOLERANCE),
            faithfulness.mass_share(drawn, box),
        )
    found = {}
    for name, mask in kept.items():
        chosen = np.flatnonzero(mask)
        hits, near, mass = np.array([scores[i] for i in chosen]).reshape(-1, 3).T
        labels = made.labels[chosen]
        by_patch = {word: share(hits[labels == label]) for label, word in enumerate(LABELS)}
        found[name] = shares(hits, near, mass) | {"by_patch": by_patch}
    return found


def chance(made: Composites, kept: dict[str, np.ndarray]) -> dict[str, Any]:
    size = made.images.shape[1]
    areas = [np.array([faithfulness.area_share(b, size, t) for b in made.boxes]) for t in (0, 1)]
    return {
        name: {"n": int(k.sum()), "hit": mean(areas[0][k]), "near": mean(areas[1][k])}
        for name, k in kept.items()
    }


def shares(hits: np.ndarray, near: np.ndarray, mass: np.ndarray) -> dict[str, Any]:
    close = share(near)
    return share(hits) | {
        "near_share": close["hit_share"],
        "near_interval_95": close["hit_interval_95"],
        "mass_share": mean(mass),
    }


def share(hits: np.ndarray) -> dict[str, Any]:
    low, high = metrics.wilson_interval(float(hits.sum()), len(hits))
    return {
        "n": len(hits),
        "hit_share": mean(hits),
        "hit_interval_95": [round(low, 4), round(high, 4)],
    }


def mean(values: np.ndarray) -> float | None:
    return round(float(values.mean()), 4) if len(values) else None
