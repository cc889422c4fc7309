"""What happens to a picture on its way: changes, each of one strength, on uint8 images.

Each function takes (N, S, S, 3) uint8 RGB and gives a new array of that kind. The same numbers give
the same pixels. None of them is a step of the pipeline: they ask how a verdict would hold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

BORDER = cv2.BORDER_REFLECT_101  # edges are mirrored without repeating the outermost pixel


def jpeg(images: np.ndarray, quality: int) -> np.ndarray:
    """Saved as JPEG of a quality from 1 to 100 (libjpeg's scale, colour at half size) and read."""
    settings = [cv2.IMWRITE_JPEG_QUALITY, int(quality)]

    def there_and_back(image: np.ndarray) -> np.ndarray:
        _, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), settings)
        return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)

    return _each(images, there_and_back)


def noise(images: np.ndarray, sigma: float, seed: int = 0) -> np.ndarray:
    """Gaussian noise of ``sigma``, a share of the full range, on every channel for itself.

    An image's noise depends on ``seed`` and on its place in the batch.
    """
    rng = np.random.default_rng(seed)

    def noisy(image: np.ndarray) -> np.ndarray:
        return _to_uint8(image + rng.standard_normal(image.shape, np.float32) * (255 * sigma))

    return _each(images, noisy)


def blur(images: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur of ``sigma`` pixels, more than 0, edges mirrored."""
    return _each(images, lambda image: cv2.GaussianBlur(image, (0, 0), sigma, borderType=BORDER))


def brightness(images: np.ndarray, change: float) -> np.ndarray:
    """``change``, a share of the full range, added to every value; what leaves the range is cut."""
    return _to_uint8(np.arange(256) + 255 * change)[images]


def contrast(images: np.ndarray, factor: float) -> np.ndarray:
    """Every value's distance from 128 times ``factor``; what leaves the range is cut."""
    return _to_uint8(128 + factor * (np.arange(256) - 128.0))[images]


def shift(images: np.ndarray, dx: int, dy: int) -> np.ndarray:
    """Moved by ``dx`` pixels to the right and ``dy`` down; what comes in is mirrored."""
    x, y = abs(dx), abs(dy)
    padded = np.pad(images, ((0, 0), (y, y), (x, x), (0, 0)), mode="reflect")
    height, width = images.shape[1:3]
    return padded[:, y - dy : y - dy + height, x - dx : x - dx + width].copy()


def resize(images: np.ndarray, side: int) -> np.ndarray:
    """To ``side`` x ``side`` pixels and back: smaller by means over areas, larger by lines."""
    size = images.shape[2], images.shape[1]

    def scaled(image: np.ndarray, to: tuple[int, int]) -> np.ndarray:
        how = cv2.INTER_AREA if to[0] < image.shape[1] else cv2.INTER_LINEAR
        return cv2.resize(image, to, interpolation=how)

    return _each(images, lambda image: scaled(scaled(image, (side, side)), size))


def crop(images: np.ndarray, side: int) -> np.ndarray:
    """The central window of ``side`` x ``side`` pixels, enlarged by lines to the former size."""
    height, width = images.shape[1:3]
    if not 1 <= side <= min(height, width):
        raise ValueError(f"no window of {side} pixels fits into {width}x{height}")
    left, top = (width - side) // 2, (height - side) // 2
    windows = images[:, top : top + side, left : left + side]

    out = np.empty_like(images)
    for i, window in enumerate(windows):
        out[i] = cv2.resize(window, (width, height), interpolation=cv2.INTER_LINEAR)
    return out


FILLS = ("mean", "grey", "black", "noise")


def cover(
    images: np.ndarray, left: int, top: int, width: int, height: int, fill: str = "mean"
) -> np.ndarray:
    """A rectangle hidden, in pixels from the upper left corner; what lies outside is left out.

    Args:
        fill: one of ``FILLS``. ``mean`` is each image's own mean colour, ``grey`` is 128, and
            ``noise`` is the same uniform noise in every image.
    """
    if min(left, top, width, height) < 0:
        raise ValueError(f"not a rectangle: {left}, {top}, {width}, {height}")
    colours = {
        "mean": lambda: _to_uint8(images.mean(axis=(1, 2), keepdims=True)),
        "grey": lambda: 128,
        "black": lambda: 0,
        "noise": lambda: np.random.default_rng(0).integers(0, 256, images.shape[1:], np.uint8),
    }
    inside = np.zeros((*images.shape[1:3], 1), bool)
    inside[top : top + height, left : left + width] = True
    return np.where(inside, colours[fill](), images).astype(np.uint8)


# name -> (change of images by a strength, unit of the strength)
TRANSFORMS: dict[str, tuple[Callable[[np.ndarray, float], np.ndarray], str]] = {
    "jpeg": (jpeg, "quality"),
    "noise": (noise, "sigma"),
    "blur": (blur, "px"),
    "brightness": (brightness, "share"),
    "contrast": (contrast, "factor"),
    "shift": (lambda images, pixels: shift(images, int(pixels), int(pixels)), "px"),
    "resize": (lambda images, side: resize(images, int(side)), "px"),
}


@dataclass(frozen=True, slots=True)
class Stress:
    """One change at one strength, and its name for people."""

    transform: str  # of TRANSFORMS
    setting: float
    label: str

    @property
    def unit(self) -> str:
        return TRANSFORMS[self.transform][1]

    def apply(self, images: np.ndarray) -> np.ndarray:
        """(N, S, S, 3) uint8, changed."""
        return TRANSFORMS[self.transform][0](images, self.setting)


STRESS = (
    *(Stress("jpeg", q, f"JPEG {q}") for q in (90, 75, 50, 40, 30)),
    *(Stress("noise", s, f"noise {s:.2f}") for s in (0.02, 0.04, 0.10)),
    *(Stress("blur", s, f"blur {s:.1f}") for s in (0.4, 0.6, 1.0)),
    *(Stress("brightness", c, f"brightness {c:+.1f}") for c in (-0.2, -0.1, 0.1, 0.2)),
    *(Stress("contrast", f, f"contrast {f:.2f}") for f in (0.75, 1.25)),
    *(Stress("shift", p, f"shift {p} px") for p in (1, 3)),
    Stress("resize", 28, "resize 28"),
)


def _each(images: np.ndarray, change: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    out = np.empty_like(images)
    for i, image in enumerate(images):
        out[i] = change(image)
    return out


def _to_uint8(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
