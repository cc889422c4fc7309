"""Spectral occlusion: take one band of frequencies out of an image, watch the score.

What gives a generated 32x32 image away is texture that is everywhere, which no map over places can
show. Frequencies are in cycles per pixel: 0 is the mean, 0.5 a pattern that changes at every pixel,
and up to sqrt(0.5) along the diagonals. A picture is taken as one tile of an endless pattern, as
the Fourier transform has it, so opposite edges that differ count as fine detail.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

HIGHEST = float(np.sqrt(0.5))
# Half the width of the slope between two bands: steps in the frequencies would ring in the image.
SOFTNESS = 0.015


@dataclass(frozen=True, slots=True)
class BandEffects:
    """What each of K bands does for one image.

    Attributes:
        edges: (K + 1,) cycles per pixel, from 0 to sqrt(0.5).
        energy: (K,) share of the image's variance in each band; adds up to 1, all 0 if the image
            has one colour.
        logit: the raw logit of the whole image; it grows with *real*.
        logits: (K,) raw logits without each band.
    """

    edges: np.ndarray
    energy: np.ndarray
    logit: float
    logits: np.ndarray

    @property
    def logit_change(self) -> np.ndarray:
        """(K,): below 0 where the image looks more AI-generated without the band."""
        return self.logits - self.logit

    def p_fake_change(self, p_fake_of: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """(K,) change of a model's calibrated p_fake, e.g. by ``card.calibration.p_fake``."""
        return p_fake_of(self.logits) - p_fake_of(np.float64(self.logit))


def band_edges(bands: int = 8) -> np.ndarray:
    """(bands + 1,) cycles per pixel: even steps up to 0.5; the last band holds the diagonals."""
    if bands < 2:
        raise ValueError("there must be two bands or more")
    return np.append(np.linspace(0, 0.5, bands), HIGHEST)


def spectral_occlusion(
    logits_of: Callable[[np.ndarray], np.ndarray], pixels: np.ndarray, bands: int = 8
) -> BandEffects:
    """The logit without each band of :func:`band_edges`, by one call with ``bands + 1`` images.

    Args:
        logits_of: (N, S, S, 3) uint8 to (N,) raw logits that grow with *real*.
        pixels: (S, S, 3) uint8.
    """
    edges = band_edges(bands)
    pairs = list(pairwise(edges))
    without = [remove_band(pixels, low, high) for low, high in pairs]
    logits = np.asarray(logits_of(np.stack([pixels, *without])), np.float64)
    power = (np.abs(np.fft.fft2(pixels.astype(np.float64), axes=(0, 1))) ** 2).sum(axis=2)
    energy = np.array([(power * band_mask(power.shape, low, high)).sum() for low, high in pairs])
    # A picture of one colour has nothing but rounding errors here.
    energy = energy / energy.sum() if energy.sum() > 1e-9 * power.sum() else np.zeros(bands)
    return BandEffects(edges, energy, float(logits[0]), logits[1:])


def band(pixels: np.ndarray, low: float, high: float) -> np.ndarray:
    """(S, S, 3) float64: that part of (S, S, 3) uint8 which lies in a band, around 0.

    The parts of all bands of :func:`band_edges` and each channel's mean add up to the image.
    """
    spectrum = np.fft.fft2(pixels.astype(np.float64), axes=(0, 1))
    mask = band_mask(pixels.shape[:2], low, high)[..., None]
    return np.fft.ifft2(spectrum * mask, axes=(0, 1)).real


def remove_band(pixels: np.ndarray, low: float, high: float) -> np.ndarray:
    """(S, S, 3) uint8 without the frequencies from ``low`` to ``high`` cycles per pixel.

    The mean of each channel stays, but for what is cut where values leave the range.
    """
    return np.clip(np.rint(pixels - band(pixels, low, high)), 0, 255).astype(np.uint8)


def band_mask(shape: tuple[int, int], low: float, high: float) -> np.ndarray:
    """(H, W) float64 in [0, 1] in the order of ``np.fft.fft2``: 1 inside, cosine slopes, 0 at 0."""
    radius = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1])[None])
    mask = _above(radius, low) - _above(radius, high)
    mask[0, 0] = 0
    return mask


def _above(radius: np.ndarray, edge: float) -> np.ndarray:
    """0 below an edge and 1 above it; the ends of the range have no slope."""
    if edge <= 0:
        return np.ones_like(radius)
    if edge >= HIGHEST:
        return np.zeros_like(radius)
    across = np.clip((radius - edge + SOFTNESS) / (2 * SOFTNESS), 0, 1)
    return (1 - np.cos(np.pi * across)) / 2
