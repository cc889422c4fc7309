"""What happens outside of CIFAKE: ``python -m train.outside --pictures pictures.tar``.

The archive holds whole pictures of any size, photographs in folders named REAL and generated ones
in folders named FAKE. Two questions, for each model that ships: what is its answer worth once such
a picture was reduced to the size it takes, and how many such pictures, and drawn ones, are
recognised as not its own. A third about images of the data set that were changed: how many of them
the gate still lets through. Writes ``assets/evidence/outside.json``; no number is fitted to it.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from cifake_core import artifacts, dataset, images, metrics
from cifake_core.calibration import Verdict
from cifake_core.errors import CifakeLensError, ConfigError, ImageError
from cifake_core.labels import FAKE, LABELS
from cifake_core.perturb import STRESS
from cifake_core.pipeline import Detector
from cifake_core.preprocess import prepare
from cifake_core.progress import progress_bar
from train.export import evidence_dir, write_json
from train.outsiders import KINDS, scans

FILE = "outside.json"
DRAWN = 200  # of each kind
OWN = 1000  # images of the data set that are changed
SIDES = (32, 64, 128, 300, 512)  # drawn at one of these, then reduced
# Eight ways to reduce a square: OpenCV's and Pillow's, whose filters widen with the factor.
_CV2 = {"area (OpenCV)": cv2.INTER_AREA, "bilinear (OpenCV)": cv2.INTER_LINEAR}
_PILLOW = {
    f"{name} (Pillow)": getattr(Image.Resampling, name.upper())
    for name in ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")
}
FILTERS = (*_CV2, *_PILLOW)
QUALITIES = (0, 90, 85, 80, 75, 70, 60, 50, 40, 30)  # of JPEG; 0 for a PNG


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m train.outside", description=__doc__)
    parser.add_argument("--pictures", type=Path, required=True, help="tar with REAL and FAKE")
    parser.add_argument(
        "--scans", action="store_true", help="also pages that come with scikit-image"
    )
    parser.add_argument("--data", help="folder or archive of CIFAKE (default: found by itself)")
    args = parser.parse_args(argv)
    try:
        with progress_bar() as show:
            data = dataset.load(args.data, show)
        found = measure(args.pictures, data, KINDS | (scans() if args.scans else {}))
    except CifakeLensError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    write_json(evidence_dir() / FILE, found)
    for name, said in found["models"].items():
        low, high = (f(r["auroc"] for r in said["reduced"]) for f in (min, max))
        print(f"{name}: AUROC {low:.2f} to {high:.2f} over {len(FILTERS)} filters")
        for row in said["recognised"]:
            print(f"  {row['kind']}, {row['how']}: {row['share']:.1%} of {row['n']}")
    return 0


def measure(
    archive: Path, data: dataset.Dataset, kinds: dict[str, Callable] = KINDS
) -> dict[str, Any]:
    """The evidence on every model that ships.

    Args:
        kinds: name -> function of a generator and a side; see :mod:`train.outsiders`.

    Raises:
        ConfigError: there is no such archive, it holds no pictures of both kinds or one that
            cannot be read, or a model has no gate.
    """
    cards = [artifacts.read_card(name) for name in artifacts.available()]
    if without := [card.name for card in cards if artifacts.GATE not in card.raw["files"]]:
        raise ConfigError(f"{', '.join(without)} has no gate: run `python -m train.calibrate`.")
    try:
        files = list(pictures(archive))
    except (OSError, tarfile.TarError) as error:
        raise ConfigError(f"{archive.name} cannot be read: {error}") from None
    labels = np.array([label for label, _ in files])
    if set(labels.tolist()) != set(LABELS):
        raise ConfigError(f"{archive.name} needs pictures in folders named REAL and FAKE.")
    try:
        opened = [images.decode(data) for _, data in files]
    except ImageError as error:
        raise ConfigError(f"{archive.name} holds a picture that cannot be read: {error}") from None
    whole = [images.upright(image.pixels, image.orientation) for image in opened]
    drawn = {
        kind: [draw(rng, int(rng.choice(SIDES))) for _ in range(DRAWN)]
        for kind, draw in kinds.items()
        for rng in [np.random.default_rng(2024)]
    }
    return {
        "command": "python -m train.outside --pictures pictures.tar"
        + " --scans" * bool(kinds.keys() - KINDS),
        "pictures": {
            "sha256": hashlib.sha256(archive.read_bytes()).hexdigest(),
            "real": int((labels == "REAL").sum()),
            "fake": int((labels == "FAKE").sum()),
        },
        "models": {
            detector.card.name: _of_model(detector, files, whole, labels == "FAKE", drawn)
            | {"changed": changed(detector, data)}
            # Loaded one after the other, so that one is in memory at a time.
            for detector in (Detector(card.name) for card in cards)
        },
    }


def pictures(archive: Path) -> Iterator[tuple[str, bytes]]:
    """(REAL or FAKE, bytes) of each file below a folder of that name."""
    with tarfile.open(archive) as tar:
        for member in sorted(tar.getmembers(), key=lambda m: m.name):
            label = next((part for part in Path(member.name).parts if part in LABELS), None)
            if member.isfile() and label:
                yield label, tar.extractfile(member).read()


def reduced(image: np.ndarray, size: int, how: str) -> np.ndarray:
    """The central square of (H, W, 3) uint8, brought to ``size`` by one of ``FILTERS``."""
    side = min(image.shape[:2])
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    square = np.ascontiguousarray(image[top : top + side, left : left + side])
    if how in _CV2:
        return cv2.resize(square, (size, size), interpolation=_CV2[how])
    return np.asarray(Image.fromarray(square).resize((size, size), _PILLOW[how]))


def encoded(pixels: np.ndarray, quality: int = 75) -> bytes:
    """(H, W, 3) uint8 as a JPEG, of quality 75 as the data set's files are, or (0) as a PNG."""
    file = io.BytesIO()
    if quality:
        Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    else:
        Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def auroc_interval(area: float, positives: int, negatives: int) -> tuple[float, float]:
    """95% interval of an AUROC (Hanley and McNeil 1982)."""
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    variance = (
        area * (1 - area) + (positives - 1) * (q1 - area**2) + (negatives - 1) * (q2 - area**2)
    ) / (positives * negatives)
    spread = 1.959964 * np.sqrt(variance)
    return max(0.0, area - spread), min(1.0, area + spread)


def changed(detector: Detector, data: dataset.Dataset) -> list[dict[str, Any]]:
    """For each change of ``STRESS`` to ``OWN`` validation images: what verdicts come of it."""
    held_out = dataset.validation_indices(data.train)
    rows = np.sort(np.random.default_rng(2024).permutation(held_out)[:OWN])
    own, is_fake = data.train.images[rows], data.train.labels[rows] == FAKE
    table = []
    for label, some in (("unchanged", own), *((c.label, c.apply(own)) for c in STRESS)):
        logits, strange = np.zeros(len(rows)), np.zeros(len(rows), bool)
        for at in range(0, len(rows), 256):
            part = slice(at, at + 256)
            logits[part], features = detector.engine.logits_and_features(some[part])
            strange[part] = detector.gate.far(some[part], features).any(axis=1)
        calibration = detector.card.calibration
        verdicts = [calibration.verdict(p) for p in calibration.p_fake(logits)]
        sure = np.array([v is not Verdict.UNCERTAIN for v in verdicts]) & ~strange
        right = np.array([v is Verdict.FAKE for v in verdicts]) == is_fake
        table.append(
            {
                "label": label,
                "n": len(rows),
                "turned_away": float(strange.mean()),
                "sure_share": float(sure.mean()),
                "right_of_sure": float(right[sure].mean()) if sure.any() else None,
            }
        )
    return table


def _of_model(
    detector: Detector,
    files: list[tuple[str, bytes]],
    whole: list[np.ndarray],
    is_fake: np.ndarray,
    drawn: dict[str, list[np.ndarray]],
) -> dict[str, Any]:
    size, rows = detector.card.image_size, []
    for how in FILTERS:
        small = [encoded(reduced(image, size, how)) for image in whole]
        p_fake = np.array([a.p_fake for a in _judged(detector, small)])
        verdicts = [detector.card.calibration.verdict(p) for p in p_fake]
        given = np.array([v is not Verdict.UNCERTAIN for v in verdicts])
        right = np.array([v is Verdict.FAKE for v in verdicts]) == is_fake
        area = metrics.auroc(p_fake, is_fake)
        rows.append(
            {
                "filter": how,
                "n": len(p_fake),
                "auroc": area,
                "auroc_interval_95": list(
                    auroc_interval(area, int(is_fake.sum()), int((~is_fake).sum()))
                ),
                # By the thresholds alone, as if nothing had recognised the picture.
                "sure_share": float(given.mean()),
                "right_of_sure": float(right[given].mean()) if given.any() else None,
            }
        )
    recognised = []
    with progress_bar(f"{detector.card.name}, pictures", " pictures") as show:
        away = []
        for i, (_, data) in enumerate(files, start=1):
            away.append(not detector.judge([detector.open(data)])[0].in_domain)
            show(i, len(files))
    recognised.append(_share("pictures", "as they are", away))
    sets = {"pictures": whole} | drawn
    for kind, found in sets.items():
        small = [prepare(image, size).pixels for image in found]
        for quality in QUALITIES if kind == "pictures" else (0, 75):
            how = f"reduced, JPEG {quality}" if quality else "reduced, PNG"
            judged = _judged(detector, [encoded(pixels, quality) for pixels in small])
            recognised.append(_share(kind, how, [not a.in_domain for a in judged]))
    return {
        **detector.card.identity,
        "reduced": rows,
        "recognised": recognised,
    }


def _judged(detector: Detector, files: list[bytes]) -> list:
    return detector.judge([detector.open(data) for data in files])


def _share(kind: str, how: str, away: list[bool]) -> dict[str, Any]:
    return {"kind": kind, "how": how, "n": len(away)} | metrics.rate(np.array(away))


if __name__ == "__main__":
    sys.exit(main())
