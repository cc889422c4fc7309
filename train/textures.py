"""Textures that the gate is shown as examples of what is no photograph of a thing.

Drawn by arithmetic, as in :mod:`train.graphics`, but without the even areas of graphics: soft
noise, paintings, photographed pages. They have a score of their own, because one score for both
recognises less of either. Each function takes a generator and a side in pixels and gives one
(S, S, 3) uint8 picture; the same seed gives the same pictures.
"""

from __future__ import annotations

import cv2
import numpy as np

from train.graphics import FONTS, WORDS


def haze(rng: np.random.Generator, side: int) -> np.ndarray:
    """Noise whose amplitude falls with frequency as 1 / f^a, from nearly white to clouds."""
    away = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None])
    away[0, 0] = 1
    shape = (1 if rng.random() < 0.3 else 3, side, side)
    waves = np.fft.rfft2(rng.normal(0, 1, shape)) / away ** rng.uniform(0.7, 2.4)
    waves[:, 0, 0] = 0
    values = np.fft.irfft2(waves, (side, side)).transpose(1, 2, 0)
    if shape[0] == 3:  # more or less of it in all channels alike
        share = rng.uniform(0, 1)
        values = share * values.mean(axis=2, keepdims=True) + (1 - share) * values
    values = values / values.std() * rng.uniform(12, 70)
    return clipped(rng.uniform(60, 200, 3) + values)


def dabs(rng: np.random.Generator, side: int) -> np.ndarray:
    """Brush dabs that cover one another, round or long, their colours those of a soft scene."""
    how = cv2.INTER_CUBIC if rng.random() < 0.5 else cv2.INTER_NEAREST
    scene = soft(rng, side, int(rng.integers(2, 8)), 3, how)
    pale = rng.uniform(0, 0.9)
    scene = 255 * (pale * scene.mean(axis=2, keepdims=True) + (1 - pale) * scene)
    turns = 720 * soft(rng, side, int(rng.integers(2, 5)), 1)[..., 0]
    image = np.ascontiguousarray(clipped(scene))
    spread, long, thin = rng.uniform(3, 40), side * rng.uniform(0.02, 0.13), rng.uniform(0.1, 0.9)
    for _ in range(rng.integers(100, 900)):
        x, y = rng.integers(0, side, 2).tolist()
        axes = [max(1, round(long * rng.uniform(0.6, 1.3) * v)) for v in (1, thin)]
        colour = np.clip(scene[y, x] + rng.normal(0, spread, 3), 0, 255).tolist()
        turn = turns[y, x] + rng.normal(0, 15)
        cv2.ellipse(image, (x, y), axes, turn, 0, 360, colour, -1, cv2.LINE_AA)
    return image


def paper(rng: np.random.Generator, side: int) -> np.ndarray:
    """Print photographed at an angle, in uneven light, a little out of focus, with grain."""
    page = np.full((side, side), 255, np.uint8)
    tall = max(3, int(side * rng.uniform(0.04, 0.22)))
    font = FONTS[rng.integers(len(FONTS))]
    for y in range(tall, side + tall, int(tall * rng.uniform(1.2, 2)) + 1):
        words = " ".join(rng.choice(WORDS, 20))
        at = (int(rng.integers(-side // 4, side // 6)), y)
        cv2.putText(page, words, at, font, tall / 26, 0, max(1, tall // 9), cv2.LINE_AA)
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), rng.normal(0, 8), rng.uniform(1, 1.3))
    page = cv2.warpAffine(page, turn, (side, side), borderValue=255)
    return photographed(rng, page)


def hand(rng: np.random.Generator, side: int) -> np.ndarray:
    """Signs of a pen in slanting lines, photographed as :func:`paper` is."""
    page = np.full((side, side), 255, np.uint8)
    tall, width = side * rng.uniform(0.06, 0.3), max(1, int(side * rng.uniform(0.01, 0.045)))
    slope, apart, gap = rng.normal(0, 0.3), rng.uniform(1.1, 2.5), rng.uniform(0.2, 1)
    for line in np.arange(-side, 2 * side, tall * apart):
        if rng.random() < 0.1:
            ends = [(0, int(line)), (side, int(line + slope * side))]
            cv2.line(page, *ends, int(rng.integers(60, 220)), max(1, width // 2), cv2.LINE_AA)
        x = rng.uniform(0, side / 2)
        while x < side:
            walk = rng.normal(0, 1, (int(rng.integers(4, 12)), 2)).cumsum(axis=0)
            walk = (walk - walk.min(axis=0)) / (np.ptp(walk, axis=0) + 1e-6)
            wide = tall * rng.uniform(0.3, 1.5)
            sign = walk * (wide, tall * rng.uniform(0.4, 1)) + (x, line + slope * x)
            cv2.polylines(page, [_rounded(sign)], False, 0, width, cv2.LINE_AA)
            x += wide + tall * gap * rng.uniform(0.3, 3)
    return photographed(rng, page)


KINDS = (haze, dabs, paper, hand)


def photographed(rng: np.random.Generator, page: np.ndarray) -> np.ndarray:
    """(S, S) uint8 of ink on white, as in a photograph of it: (S, S, 3) uint8."""
    side = len(page)
    blurred = cv2.GaussianBlur(page, (0, 0), side * rng.uniform(0.001, 0.015) + 0.1) / 255
    ink, tint = rng.uniform(0.05, 0.75), np.array([1, rng.uniform(0.9, 1), rng.uniform(0.75, 1)])
    if rng.random() < 0.5:
        tint = np.ones(3)  # without colour, as from a copier
    uneven = rng.uniform(0, 0.7) * soft(rng, side, int(rng.integers(2, 4)), 1)
    light = rng.uniform(90, 250) * (1 - uneven)
    grain = rng.normal(0, rng.uniform(0.5, 8), (side, side, 1))
    return clipped(light * (ink + (1 - ink) * blurred[..., None]) * tint + grain)


def _rounded(points: np.ndarray) -> np.ndarray:
    """(N, 2) corners of a path, cut off twice, as int32 (Chaikin 1974)."""
    for _ in range(2):
        cut = [0.75 * points[:-1] + 0.25 * points[1:], 0.25 * points[:-1] + 0.75 * points[1:]]
        points = np.stack(cut, axis=1).reshape(-1, 2)
    return points.astype(np.int32)


def soft(
    rng: np.random.Generator, side: int, cells: int, channels: int, how: int = cv2.INTER_CUBIC
) -> np.ndarray:
    """(S, S, channels) in [0, 1], running smoothly between ``cells`` x ``cells`` values."""
    few = rng.random((cells, cells, channels)).astype(np.float32)
    wide = cv2.resize(few, (side, side), interpolation=how)
    return np.clip(wide.reshape(side, side, channels), 0, 1)


def clipped(values: np.ndarray) -> np.ndarray:
    return np.clip(values, 0, 255).astype(np.uint8)
