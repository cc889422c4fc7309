"""The same numbers by Quantus (Hedström et al. 2023, arXiv:2202.06861), to check ours against.

Quantus asks for opencv-python, which would overwrite the cv2 that is installed; see
requirements-quantus.txt for how to leave that out.
"""

from __future__ import annotations

from importlib.metadata import version
from itertools import pairwise
from typing import Any

import numpy as np

from cifake_core import faithfulness
from cifake_core.explain import Explainer, Method
from train import explanations_planted as planted

METHOD = Method.GRADCAM_PLUS_PLUS  # any would do: both sides get the same maps


class Answer:
    """A model as Quantus' metrics ask it: channels first, one column for each label."""

    def __init__(self, p_fake) -> None:
        self._p_fake = p_fake

    def shape_input(self, x: np.ndarray, *_, **__) -> np.ndarray:
        return np.rint(x.transpose(0, 2, 3, 1)).astype(np.uint8)

    def predict(self, x: np.ndarray) -> np.ndarray:
        p_fake = self._p_fake(x)
        return np.stack([p_fake, 1 - p_fake], axis=1)


def cross_check(p_fake, explainer: Explainer, data, count: int) -> dict[str, Any]:
    """Deletion, insertion, hits, mass, Spearman and SSIM of ``count`` maps, by us and by them.

    Args:
        p_fake: (N, S, S, 3) uint8 to (N,) probabilities.
        data: (images, targets) for both curves and the :class:`Composites`.

    Raises:
        ImportError: Quantus is not installed.
    """
    import quantus
    from skimage.metrics import structural_similarity

    (images, targets), made = data
    images, targets = images[:count], targets[:count]
    size = images.shape[1]

    def maps(batch: np.ndarray, labels: np.ndarray) -> np.ndarray:
        parts = np.array_split(np.arange(len(batch)), -(-len(batch) // 32))
        found = [explainer.heatmaps(batch[p], METHOD, labels[p]) for p in parts]
        return np.stack([faithfulness.fit(m, size) for m in np.concatenate(found)])

    drawn = maps(images, targets)
    orders = np.stack([faithfulness.order(m) for m in drawn])
    # Ranks in place of values, three channels to a pixel: ties then fall the same way on both
    # sides, and a step of theirs takes the pixels of one of ours.
    ranks = np.empty_like(orders)
    np.put_along_axis(ranks, orders, np.arange(size * size)[::-1][None], axis=1)
    ranks = 3 * ranks.reshape(-1, 1, size, size) + np.arange(3).reshape(1, 3, 1, 1)
    whole = images.transpose(0, 3, 1, 2).astype(np.float32)
    black = np.zeros_like(whole)
    theirs = [
        flipped(Answer(p_fake), start, end, targets.astype(int), ranks.astype(np.float32))
        for start, end in ((whole, black), (black, whole))
    ]
    ours = []
    for image, target, ranking in zip(images, targets, orders, strict=True):
        curves = faithfulness.deletion_insertion(
            lambda b, t=target: np.where(t == 0, p_fake(b), 1 - p_fake(b)),
            *(image, [ranking], faithfulness.STEPS, np.zeros_like(image)),
        )
        ours.append([curve[0, 1:] for curve in curves])  # they leave out the untouched start
    deletion, insertion = np.array(ours).transpose(1, 0, 2)

    at = planted_maps = maps(made.images[:count], made.labels[:count])
    boxes = made.boxes[:count]
    masks = np.zeros((count, 1, size, size), bool)
    for mask, (top, left, side) in zip(masks, boxes, strict=True):
        mask[0, top : top + side, left : left + side] = True
    one = [(m == m.max()).sum() == 1 for m in at]  # they count a shared maximum as a full hit
    stacked = planted_maps[:, None]
    hits = quantus.PointingGame(disable_warnings=True).evaluate_batch(
        a_batch=stacked, s_batch=masks
    )
    mass = quantus.RelevanceMassAccuracy(disable_warnings=True).evaluate_batch(
        a_batch=stacked, s_batch=masks
    )
    # A flat map has no ranks: they answer NaN, we 0.
    pairs = [(a, b) for a, b in pairwise(drawn) if np.ptp(a) and np.ptp(b)]
    window = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}

    def unit(values: np.ndarray) -> np.ndarray:
        return values.astype(np.float64) / max(float(values.max()), 1e-12)

    return {
        "method": str(METHOD),
        "versions": {name: version(name) for name in ("quantus", "scikit-image")},
        "rows": [
            compared("PixelFlipping", "deletion curve", deletion, theirs[0]),
            compared("PixelFlipping, from black", "insertion curve", insertion, theirs[1]),
            compared(
                *("PointingGame", "hits"),
                np.array([faithfulness.hit(m, b) for m, b in zip(at, boxes, strict=True)])[one],
                np.asarray(hits, float)[one],
            ),
            compared(
                *("RelevanceMassAccuracy", "mass in the patch"),
                np.array([faithfulness.mass_share(m, b) for m, b in zip(at, boxes, strict=True)]),
                np.asarray(mass, float),
            ),
            compared(
                *("correlation_spearman", "rank correlation"),
                np.array([faithfulness.spearman(a, b) for a, b in pairs]),
                np.array(
                    [
                        quantus.similarity_func.correlation_spearman(a.ravel(), b.ravel())
                        for a, b in pairs
                    ]
                ),
            ),
            compared(
                *("structural_similarity (scikit-image)", "SSIM"),
                np.array([faithfulness.ssim(a, b) for a, b in pairs]),
                np.array(
                    [
                        structural_similarity(unit(a), unit(b), data_range=1.0, **window)
                        for a, b in pairs
                    ]
                ),
            ),
        ],
    }


def flipped(model: Answer, start: np.ndarray, end: np.ndarray, targets, ranks) -> np.ndarray:
    """(N, STEPS) answers while (N, 3, S, S) ``start`` turns into ``end``, the strongest first.

    PixelFlipping knows deletion alone; insertion is the deletion of a black image in favour of the
    true one. It puts one colour in place of what goes, so it is told which pixels that must be.
    """
    import quantus
    from quantus.functions.perturb_func import batch_baseline_replacement_by_indices

    ends = end.reshape(len(end), -1)

    def replaced(arr: np.ndarray, indices: np.ndarray, **_) -> np.ndarray:
        brought = np.take_along_axis(ends, indices, axis=1)
        return batch_baseline_replacement_by_indices(arr, indices, perturb_baseline=brought)

    flipping = quantus.PixelFlipping(
        features_in_step=start[0].size // faithfulness.STEPS,
        perturb_func=replaced,
        disable_warnings=True,
    )
    return np.array(
        flipping.evaluate_batch(model=model, x_batch=start, y_batch=targets, a_batch=ranks)
    )


def compared(by: str, what: str, ours: np.ndarray, theirs: np.ndarray) -> dict[str, Any]:
    """Both means, and the largest difference of a single value."""
    return {
        "by": by,
        "what": what,
        "n": len(ours),
        "ours": planted.mean(ours),
        "theirs": planted.mean(theirs),
        "largest_difference": round(float(np.abs(ours - theirs).max()), 6) if len(ours) else None,
    }
