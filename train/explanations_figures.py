"""The figures of ``python -m train.explanations``: means, and gaps with their intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import stats

from cifake_core import faithfulness
from cifake_core.labels import FAKE, REAL

Curves = tuple[np.ndarray, np.ndarray]  # deletion and insertion, each (N, steps + 1)


def curve_row(found: Curves) -> dict[str, Any]:
    """Mean curves, and the mean area under each."""
    names = ("deletion", "insertion")
    row: dict[str, Any] = {"n": len(found[0])}
    for name, curves in zip(names, found, strict=True):
        row[name] = curves.mean(0).round(4).tolist()
        row[f"{name}_area"] = round(float(faithfulness.area(curves).mean()), 4)
    return row


def over(found: Curves, others: Mapping[str, Curves], targets: np.ndarray) -> dict[str, Any]:
    """By how much an order of pixels beats each other one on the same images.

    A lower deletion curve and a higher insertion curve are better. ``both`` is the mean of the two
    gaps, which smoothness alone hardly moves: see the baseline ``smooth``.

    Args:
        others: curves of at least the first N images.
        targets: (N,) labels that were explained.
    """
    count, row = len(found[0]), {}
    for name, (deletion, insertion) in others.items():
        gaps = {
            "deletion": faithfulness.area(deletion[:count]) - faithfulness.area(found[0]),
            "insertion": faithfulness.area(found[1]) - faithfulness.area(insertion[:count]),
        }
        gaps["both"] = (gaps["deletion"] + gaps["insertion"]) / 2
        row[f"over_{name}"] = {k: paired(v) for k, v in gaps.items()} | {
            "both_by_target": {
                word: paired(gaps["both"][targets[:count] == label])
                for word, label in (("FAKE", FAKE), ("REAL", REAL))
            }
        }
    return row


def means(figures: np.ndarray) -> list[float | None]:
    """Of each row's numbers; None where it has none."""
    some = [row[~np.isnan(row)] for row in figures]
    return [round(float(row.mean()), 4) if len(row) else None for row in some]


def paired(gaps: np.ndarray) -> dict[str, Any]:
    """Mean of differences on the same images, with its 95% interval by Student's t."""
    if len(gaps) < 2:
        return {"n": len(gaps), "mean": None, "interval_95": None}
    wide = float(stats.t.ppf(0.975, len(gaps) - 1))
    middle, spread = float(gaps.mean()), wide * float(gaps.std(ddof=1)) / len(gaps) ** 0.5
    interval = [round(middle - spread, 4), round(middle + spread, 4)]
    return {"n": len(gaps), "mean": round(middle, 4), "interval_95": interval}
