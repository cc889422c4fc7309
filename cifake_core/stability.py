"""Does a verdict hold under changes that leave a picture the same for a person?

A verdict that flips when the image is moved by one pixel rests on very little (Azulay and Weiss
2019, arXiv:1805.12177). Such instability is cheap to find: all changes are judged in one batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from cifake_core import perturb
from cifake_core.calibration import Calibration, Verdict

Logits = Callable[[np.ndarray], np.ndarray]
OPPOSITE = {Verdict.REAL: Verdict.FAKE, Verdict.FAKE: Verdict.REAL}


@dataclass(frozen=True, slots=True)
class Tiny:
    """One change that means nothing to a person; ``apply`` takes and gives (N, S, S, 3) uint8."""

    label: str
    apply: Callable[[np.ndarray], np.ndarray]


def _noise(seed: int, images: np.ndarray) -> np.ndarray:
    # One at a time: noise depends on the place in a batch, an image's stability must not.
    return np.concatenate([perturb.noise(i[None], 0.01, seed) for i in images] or [images])


# Each changes grey levels by about one or two on average, or moves the picture; a blur of 0.3 px,
# which leaves 96% of values as they are, would only add to what is kept.
TINY = (
    Tiny("1 px to the right", partial(perturb.shift, dx=1, dy=0)),
    Tiny("1 px to the left", partial(perturb.shift, dx=-1, dy=0)),
    Tiny("1 px down", partial(perturb.shift, dx=0, dy=1)),
    Tiny("1 px up", partial(perturb.shift, dx=0, dy=-1)),
    Tiny("mirrored", lambda images: images[:, :, ::-1].copy()),
    Tiny("JPEG 95", partial(perturb.jpeg, quality=95)),
    Tiny("JPEG 90", partial(perturb.jpeg, quality=90)),
    Tiny("noise 1%", partial(_noise, 0)),
    Tiny("other noise 1%", partial(_noise, 1)),
    Tiny("blur 0.4 px", partial(perturb.blur, sigma=0.4)),
    Tiny("2% brighter", partial(perturb.brightness, change=0.02)),
    Tiny("2% darker", partial(perturb.brightness, change=-0.02)),
    Tiny("5% less contrast", partial(perturb.contrast, factor=0.95)),
    Tiny("5% more contrast", partial(perturb.contrast, factor=1.05)),
)


@dataclass(frozen=True, slots=True)
class Stability:
    """How one image's verdict fares under every change of ``TINY``.

    Attributes:
        verdict: on the image as it is, by the thresholds alone.
        kept: changes that leave the verdict as it is.
        reversed: labels of those with the opposite verdict; none where it is uncertain.
        lost: labels of those that make a given verdict uncertain.
        p_fake: calibrated, under each change, in the order of ``TINY``.
    """

    verdict: Verdict
    kept: int
    reversed: tuple[str, ...]
    lost: tuple[str, ...]
    p_fake: tuple[float, ...]

    @property
    def doubt(self) -> str:
        """Why the verdict does not stand, in a sentence; "" if nothing reverses it."""
        if not self.reversed:
            return ""
        return (
            "A change that means nothing to a person turns the verdict round: "
            f"{', '.join(self.reversed)}."
        )

    @property
    def total(self) -> int:
        return len(self.p_fake)


def stability(logits_of: Logits, calibration: Calibration, pixels: np.ndarray) -> Stability:
    """Stability of one (S, S, 3) uint8 image.

    Args:
        logits_of: (N, S, S, 3) uint8 to (N,) logits that grow with *real*; called once.
    """
    return stabilities(logits_of, calibration, pixels[None])[0]


def stabilities(logits_of: Logits, calibration: Calibration, images: np.ndarray) -> list[Stability]:
    """Stability of each of (N, S, S, 3) uint8 images, in one batch."""
    if not len(images):
        return []
    batch = np.concatenate([images, *(tiny.apply(images) for tiny in TINY)])
    p_fake = calibration.p_fake(logits_of(batch)).reshape(-1, len(images)).T
    return [_stability(calibration, row) for row in p_fake]


def _stability(calibration: Calibration, p_fake: np.ndarray) -> Stability:
    """From (1 + T,) p_fake: of the image as it is, and under each change."""
    verdict, *after = (calibration.verdict(p) for p in p_fake)
    opposite = OPPOSITE.get(verdict)
    return Stability(
        verdict=verdict,
        kept=after.count(verdict),
        reversed=tuple(t.label for t, v in zip(TINY, after, strict=True) if v is opposite),
        lost=tuple(
            t.label for t, v in zip(TINY, after, strict=True) if opposite and v is Verdict.UNCERTAIN
        ),
        p_fake=tuple(float(p) for p in p_fake[1:]),
    )
