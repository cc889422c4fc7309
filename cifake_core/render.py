"""Pictures for people: pixels enlarged, heatmaps laid over them."""

from __future__ import annotations

import cv2
import numpy as np

# Perceptually uniform, and readable for the colour-blind.
COLOUR_MAPS = {
    "viridis": cv2.COLORMAP_VIRIDIS,
    "cividis": cv2.COLORMAP_CIVIDIS,
    "inferno": cv2.COLORMAP_INFERNO,
}

# One colour for each answer, on every page and in every plot; readable for the colour-blind.
ANSWER_COLOURS = {"real": "#2f6fb5", "fake": "#d9780f", "uncertain": "#8a8f98"}


def enlarge(pixels: np.ndarray, side: int = 384) -> np.ndarray:
    """(H, W, 3) uint8 enlarged by a whole factor with hard pixels, about ``side`` high."""
    factor = max(1, side // max(pixels.shape[:2]))
    return np.repeat(np.repeat(pixels, factor, axis=0), factor, axis=1)


def framed(pixels: np.ndarray, ratio: float = 2.0) -> np.ndarray:
    """(H, W, 3) uint8 with grey bars where one side is over ``ratio`` times the other."""
    height, width = pixels.shape[:2]
    short = int(np.ceil(max(height, width) / ratio))
    more_y, more_x = max(0, short - height), max(0, short - width)
    bars = (more_y // 2, more_y - more_y // 2, more_x // 2, more_x - more_x // 2)
    return cv2.copyMakeBorder(pixels, *bars, cv2.BORDER_CONSTANT, value=(128, 128, 128))


def overlay(
    pixels: np.ndarray,
    values: np.ndarray,
    opacity: float = 0.5,
    colour_map: str = "viridis",
    side: int = 384,
) -> np.ndarray:
    """Lay a heatmap over an image.

    Args:
        pixels: (S, S, 3) uint8, enlarged with hard pixels first.
        values: (h, w) float in [0, 1]; brought to the image's size smoothly.
        opacity: 0 shows the image alone, 1 the heatmap alone.

    Returns:
        (S*k, S*k, 3) uint8.
    """
    image = enlarge(pixels, side)
    colours = _coloured(_fit(values, image.shape[:2]), colour_map)
    return cv2.addWeighted(colours, opacity, image, 1 - opacity, 0)


def squares(values: np.ndarray, colour_map: str = "viridis", side: int = 384) -> np.ndarray:
    """(h*k, w*k, 3) uint8 of (h, w) in [0, 1]: a square with hard edges for each value."""
    return enlarge(_coloured(values, colour_map), side)


def scale_bar(colour_map: str = "viridis", width: int = 384, height: int = 12) -> np.ndarray:
    """(height, width, 3) uint8: the colours from no evidence (left) to the most (right)."""
    ramp = np.tile(np.linspace(0, 1, width, dtype=np.float32), (height, 1))
    return _coloured(ramp, colour_map)


def probability_bar(
    p_fake: float, real_to: float, fake_from: float, width: int = 720, height: int = 36
) -> np.ndarray:
    """(height, width, 3) uint8: the three answers' zones along p_fake, with a marker at it."""
    # The scale ends before the bar does, so that at 0 and 1, where most answers lie, the marker is
    # whole and within its own zone.
    start, length = 14, width - 29
    x = (np.arange(width) + 0.5 - start) / length
    zone = np.where(x <= real_to, 0, np.where(x < fake_from, 1, 2))
    palette = np.array([_rgb(ANSWER_COLOURS[a]) for a in ("real", "uncertain", "fake")], np.uint8)
    row = palette[zone]
    for edge in np.flatnonzero(np.diff(zone)):
        row[edge : edge + 2] = 20  # a dark line: two of the colours are equally bright
    bar = np.tile(row, (height, 1, 1))
    centre = start + round(p_fake * length)  # dark within a light rim
    cv2.rectangle(bar, (centre - 9, 0), (centre + 9, height - 1), (255, 255, 255), -1)
    cv2.rectangle(bar, (centre - 5, 0), (centre + 5, height - 1), (20, 20, 20), -1)
    return bar


def to_png(pixels: np.ndarray) -> bytes:
    """(H, W, 3) uint8 RGB as PNG bytes."""
    _, data = cv2.imencode(".png", np.ascontiguousarray(pixels[..., ::-1]))
    return data.tobytes()


def _fit(values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    return cv2.resize(values.astype(np.float32), shape[::-1], interpolation=cv2.INTER_LINEAR)


def _coloured(values: np.ndarray, colour_map: str) -> np.ndarray:
    grey = np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
    return cv2.applyColorMap(grey, COLOUR_MAPS[colour_map])[..., ::-1]


def _rgb(colour: str) -> tuple[int, int, int]:
    return tuple(bytes.fromhex(colour.removeprefix("#")))
