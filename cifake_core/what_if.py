"""What if the image were changed: every strength of a change judged at once, and where it flips."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cifake_core import perturb
from cifake_core.calibration import Calibration, Verdict
from cifake_core.domain import Gate
from cifake_core.predict import Engine


@dataclass(frozen=True, slots=True)
class Change:
    """One change and the strengths it is tried at.

    Attributes:
        settings: ascending.
        neutral: of ``settings``, the one that changes least; for most nothing at all.
        start: of ``settings``, one that can be seen.
        unit: of a setting as people say it, which is ``scale`` times the number.
        words: how people say it, with "{0}" for that number.
        apply: (N, S, S, 3) uint8 and a setting to changed images.
    """

    name: str
    title: str
    settings: tuple[float, ...]
    neutral: float
    start: float
    unit: str
    words: str
    apply: Callable[[np.ndarray, float], np.ndarray]
    scale: float = 1.0

    def say(self, setting: float) -> str:
        return self.words.format(round(setting * self.scale, 6)).replace("-", "\N{MINUS SIGN}")

    def batch(self, pixels: np.ndarray) -> np.ndarray:
        """(K, S, S, 3) uint8: one (S, S, 3) image at each of the K settings."""
        return np.concatenate([self.apply(pixels[None], s) for s in self.settings])

    @property
    def thinned(self) -> Change:
        """The same at every third setting, counted from the neutral one, and at both ends."""
        middle, last = self.settings.index(self.neutral), len(self.settings) - 1
        kept = [i for i in range(last + 1) if (i - middle) % 3 == 0 or i in (0, last)]
        return replace(
            self,
            settings=tuple(self.settings[i] for i in kept),
            start=min((self.settings[i] for i in kept), key=lambda s: abs(s - self.start)),
        )

    @property
    def ways(self) -> list[list[int]]:
        """Indices of ``settings`` from the neutral one to either end, where there is such a way."""
        middle = self.settings.index(self.neutral)
        ways = [list(range(middle, -1, -1)), list(range(middle, len(self.settings)))]
        return [way for way in ways if len(way) > 1]


@dataclass(frozen=True, slots=True)
class Cover:
    """A hidden rectangle, in pixels; see :func:`cifake_core.perturb.cover`."""

    left: int
    top: int
    width: int
    height: int
    fill: str = "mean"

    def apply(self, images: np.ndarray) -> np.ndarray:
        return perturb.cover(images, self.left, self.top, self.width, self.height, self.fill)


def brightest(values: np.ndarray, size: int, width: int, height: int) -> tuple[int, int]:
    """(left, top) of the rectangle about a heatmap's strongest position, moved inside the image.

    Args:
        values: (h, w), over an image of ``size`` x ``size`` pixels.
        width, height: of the rectangle, in pixels, at most ``size``.
    """
    row, column = np.unravel_index(int(values.argmax()), values.shape)
    middle_x = (column + 0.5) * size / values.shape[1]
    middle_y = (row + 0.5) * size / values.shape[0]
    left, top = round(middle_x - width / 2), round(middle_y - height / 2)
    return min(max(left, 0), size - width), min(max(top, 0), size - height)


def covered(
    logits_of: Callable[[np.ndarray], np.ndarray],
    pixels: np.ndarray,
    cover: Cover,
    bright: tuple[int, int] | None,
    spots: int = 24,
) -> tuple[float, float, float | None, np.ndarray]:
    """Raw scores of one (S, S, 3) uint8 image with parts of one size covered, in one batch.

    Args:
        bright: (left, top) of one more part, or None.
        spots: how many parts at random, the same ones each time.

    Returns:
        The score of the image as it is, with ``cover``, with the part at ``bright`` (None where
        there is none) and, (spots,), with each part at random.
    """
    rng, size = np.random.default_rng(0), len(pixels)
    lefts = rng.integers(0, size - cover.width + 1, spots)
    tops = rng.integers(0, size - cover.height + 1, spots)
    places = [*([bright] if bright else []), *zip(lefts.tolist(), tops.tolist(), strict=True)]
    covers = [cover, *(replace(cover, left=x, top=y) for x, y in places)]
    batch = [pixels[None], *(c.apply(pixels[None]) for c in covers)]
    scores = logits_of(np.concatenate(batch)).astype(np.float64)
    rest = scores[2:]
    at_bright = float(rest[0]) if bright else None
    return float(scores[0]), float(scores[1]), at_bright, rest[1:] if bright else rest


@dataclass(frozen=True, slots=True)
class Flip:
    """From this setting on, away from the neutral one, the verdict is another."""

    setting: float
    verdict: Verdict


def changes(size: int) -> tuple[Change, ...]:
    """Every change on offer for (S, S, 3) images of S = ``size``, at 17 to 41 strengths each."""
    far, small = size // 4, max(2, size // 8)
    moves, sides = _steps(-far, far, 1), "{0:g}x{0:g} px"

    # fmt: off
    return (
        Change("jpeg", "JPEG quality", _steps(4, 100, 3), 100, 40, "100 is best", "{:g}",
               perturb.jpeg),
        Change("blur", "Blur", _steps(0, 3, 0.1), 0, 0.8, "px", "{:g} px", _blur),
        Change("noise", "Noise", _steps(0, 0.3, 0.01), 0, 0.05, "%", "{:g}%", perturb.noise, 100),
        Change("brightness", "Brightness", _steps(-0.5, 0.5, 0.025), 0, 0.2, "%", "{:+g}%",
               perturb.brightness, 100),
        Change("contrast", "Contrast", _steps(0.25, 1.75, 0.05), 1, 0.6, "%", "{:g}%",
               perturb.contrast, 100),
        Change("shift_x", "Horizontal shift", moves, 0, 3, "px, + is right", "{:+g} px",
               lambda images, dx: perturb.shift(images, int(dx), 0)),
        Change("shift_y", "Vertical shift", moves, 0, 3, "px, + is down", "{:+g} px",
               lambda images, dy: perturb.shift(images, 0, int(dy))),
        Change("crop", "Crop", _steps(far, size, 1), size, size - small, "px a side", sides,
               lambda images, side: perturb.crop(images, int(side))),
        Change("resize", "Resize", _steps(small, size, 1), size, size - small, "px a side",
               sides, lambda images, side: perturb.resize(images, int(side))),
    )
    # fmt: on


def curve(
    logits_of: Callable[[np.ndarray], np.ndarray],
    calibration: Calibration,
    pixels: np.ndarray,
    change: Change | None = None,
    cover: Cover | None = None,
) -> np.ndarray:
    """Calibrated p_fake of one (S, S, 3) uint8 image, in one batch.

    Returns:
        (1 + K,) float64: of the image as it is, then at each setting of ``change``, or once where
        there is none; each changed image with the ``cover`` on top.
    """
    return calibration.p_fake(logits_of(_batch(pixels, change, cover)))


def judged(
    engine: Engine,
    gate: Gate | None,
    calibration: Calibration,
    pixels: np.ndarray,
    change: Change | None = None,
    cover: Cover | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """:func:`curve` and, in the same batch, which of its images the gate turns away.

    Returns:
        (1 + K,) float64 and (1 + K,) bool.
    """
    batch = _batch(pixels, change, cover)
    if gate is None:
        return calibration.p_fake(engine.logits(batch)), np.zeros(len(batch), bool)
    logits, features = engine.logits_and_features(batch)
    return calibration.p_fake(logits), gate.far(batch, features).any(axis=1)


def _batch(pixels: np.ndarray, change: Change | None, cover: Cover | None) -> np.ndarray:
    changed = pixels[None] if change is None else change.batch(pixels)
    if cover is not None:
        changed = cover.apply(changed)
    return np.concatenate([pixels[None], changed])


def flips(before: Verdict, verdicts: Sequence[Verdict], settings: Sequence[float]) -> list[Flip]:
    """Every setting at which the verdict becomes another one, weakest first.

    Args:
        before: on the image as it is.
        verdicts: at each of ``settings``, which go from the weakest to the strongest.
    """
    found, now = [], before
    for verdict, setting in zip(verdicts, settings, strict=True):
        if verdict is not now:
            found.append(Flip(setting, verdict))
        now = verdict
    return found


def _steps(first: float, last: float, step: float) -> tuple[float, ...]:
    count = round((last - first) / step)
    return tuple(round(first + i * step, 6) for i in range(count + 1))


def _blur(images: np.ndarray, sigma: float) -> np.ndarray:
    return perturb.blur(images, sigma) if sigma > 0 else images.copy()
