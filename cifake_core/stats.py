"""Numbers about the data set: what its pages show and what ``data check`` reports."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from cifake_core import dataset, locate
from cifake_core.errors import DatasetError
from cifake_core.labels import CLASSES, FAKE, LABELS
from cifake_core.lookalikes import ALIKE, lookalikes
from cifake_core.metrics import auroc
from cifake_core.progress import Progress

# Pairs of pixel-identical images in the official set, counted over all of its files.
KNOWN_DUPLICATES = {"test_fake_also_in_train": 378, "pairs_in_train": 920, "pairs_in_test": 38}
SIZE_BIN = 25  # bytes


def duplicates(train: dict[str, np.ndarray], test: dict[str, np.ndarray]) -> dict[str, int]:
    """Pixel-identical images inside and across the splits, by label; keys as in a Split."""

    def pairs(digests: np.ndarray) -> int:
        _, counts = np.unique(digests, return_counts=True)
        return int((counts * (counts - 1) // 2).sum())

    found = {}
    for name, split in (("train", train), ("test", test)):
        found[f"pairs_in_{name}"] = pairs(split["digests"])
        for number, label in enumerate(LABELS):
            mine = split["digests"][split["labels"] == number]
            found[f"pairs_in_{name}_{label.lower()}"] = pairs(mine)
    leaked = np.isin(test["digests"], train["digests"])
    found["test_also_in_train"] = int(leaked.sum())
    for number, label in enumerate(LABELS):
        both = leaked & (test["labels"] == number)
        found[f"test_{label.lower()}_also_in_train"] = int(both.sum())
    digests = np.concatenate([train["digests"], test["digests"]])
    is_fake = np.concatenate([train["labels"], test["labels"]]) == FAKE
    found["fake_also_real"] = int(np.isin(digests[is_fake], digests[~is_fake]).sum())
    found["leak_free_test"] = int((~leaked).sum())
    return found


def check(root: Path, progress: Progress | None = None) -> tuple[list[str], list[str]]:
    """Decode every file of the set afresh.

    Returns:
        Report lines, and one sentence for each thing that is off (none for the official set).
    """
    sha256, columns, problems = dataset.read_all(root, progress)
    report = [f"data set  {root}", f"sha256    {sha256}"]
    for split in locate.SPLITS:
        labels, sizes = columns[split]["labels"], columns[split]["file_sizes"]
        for number, label in enumerate(LABELS):
            mine = sizes[labels == number]
            expected = dataset.EXPECTED_COUNTS[split]
            if len(mine) != expected:
                problems.append(f"{split}/{label} has {len(mine):,} good images, not {expected:,}")
            if len(mine):
                report.append(
                    f"{split}/{label:5}  {len(mine):7,} images of 32x32, file size "
                    f"{mine.mean():.1f} bytes on average ({mine.min()} to {mine.max()})"
                )
    found = duplicates(columns["train"], columns["test"])
    words = {
        "test_fake_also_in_train": "test/FAKE images that are also in train",
        "pairs_in_train": "pairs of pixel-identical images inside train",
        "pairs_in_test": "pairs of pixel-identical images inside test",
    }
    for key, expected in KNOWN_DUPLICATES.items():
        report.append(f"{found[key]:7,} {words[key]} (known: {expected})")
        if found[key] != expected:
            problems.append(f"{found[key]} {words[key]}, not the known {expected}")
    report.append(f"{found['leak_free_test']:7,} test images that do not leak")
    return report, problems


def summarise(data: dataset.Dataset) -> dict:
    """Everything the data-set page shows, from the pixels and file sizes alone, ready for JSON.

    Raises:
        DatasetError: no image of some class, which is no CIFAKE to compare anything in.
    """
    parts = {"train": data.train, "test": data.test}
    for name, split in parts.items():
        for number, label in enumerate(LABELS):
            lacks = set(range(len(CLASSES))) - set(split.classes[split.labels == number].tolist())
            if lacks:
                raise DatasetError(f"{name}/{label} has no image of class {CLASSES[min(lacks)]}.")
    cues = {name: _cues(split) for name, split in parts.items()}
    size_edges = _edges(np.concatenate([s.file_sizes for s in parts.values()]), SIZE_BIN)
    grey_edges, saturation_edges = np.arange(0, 257, 8), np.arange(0, 257, 8)
    groups, sizes = [], {}
    for name, split in parts.items():
        for number, label in enumerate(LABELS):
            for index, word in [(None, "all"), *enumerate(CLASSES)]:
                rows = split.labels == number
                rows = rows if index is None else rows & (split.classes == index)
                mine = {cue: values[rows] for cue, values in cues[name].items()}
                groups.append({"split": name, "label": label, "class": word} | _describe(mine))
                counts = np.histogram(mine["file_size"], size_edges)[0]
                sizes[f"{name}/{label}/{word}"] = counts.tolist()
    both = {cue: np.concatenate([c[cue] for c in cues.values()]) for cue in cues["train"]}
    is_fake = np.concatenate([s.labels == FAKE for s in parts.values()])
    histograms = {"file_size": {"edges": size_edges.tolist(), "counts": sizes}}
    for cue, edges in (("brightness", grey_edges), ("saturation", saturation_edges)):
        histograms[cue] = {
            "edges": edges.tolist(),
            "counts": {
                label: np.histogram(both[cue][is_fake == (n == FAKE)], edges)[0].tolist()
                for n, label in enumerate(LABELS)
            },
        }
    columns = [{"digests": s.digests, "labels": s.labels} for s in (data.train, data.test)]
    return {
        "command": "python -m cifake_core data stats",
        "data_sha256": data.sha256,
        "n": len(is_fake),
        "groups": groups,
        "histograms": histograms,
        # How well one number alone tells the labels apart, whichever way round it points.
        "auc": {cue: max(a, 1 - a) for cue, v in both.items() for a in [auroc(v, is_fake)]},
        "duplicates": duplicates(*columns),
        "nearly_in_train": {"correlation": ALIKE, **lookalikes(data.train, data.test)},
    }


def auroc_of_counts(real: Sequence[int], fake: Sequence[int]) -> float:
    """Chance that an AI-generated image lies in a higher bin than a photograph; ties count half.

    0.5, as good as a coin, where one of them has none.

    Args:
        real, fake: number of images in each of the same bins, ascending.
    """
    real, fake = np.asarray(real, np.float64), np.asarray(fake, np.float64)
    pairs = real.sum() * fake.sum()
    if not pairs:
        return 0.5
    below = np.cumsum(real) - real
    return float((fake * (below + real / 2)).sum() / pairs)


def _cues(split: dataset.Split) -> dict[str, np.ndarray]:
    """Three numbers for each image: bytes, mean grey level and mean saturation (both 0 to 255)."""
    grey = np.empty(len(split), np.float64)
    saturation = np.empty(len(split), np.float64)
    for i, image in enumerate(split.images):
        grey[i] = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).mean()
        saturation[i] = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)[..., 1].mean()
    sizes = np.asarray(split.file_sizes, np.float64)
    return {"file_size": sizes, "brightness": grey, "saturation": saturation}


def _describe(cues: dict[str, np.ndarray]) -> dict:
    described: dict = {"n": len(cues["file_size"])}
    for cue, values in cues.items():
        quartiles = np.percentile(values, [25, 50, 75])
        figures = dict(zip(("q25", "median", "q75"), quartiles.tolist(), strict=True))
        figures |= {"mean": values.mean(), "std": values.std()}
        figures |= {"min": values.min(), "max": values.max()}
        described[cue] = {key: round(float(value), 3) for key, value in figures.items()}
    return described


def _edges(values: np.ndarray, step: int) -> np.ndarray:
    return np.arange(values.min() // step * step, values.max() + step + 1, step).astype(int)
