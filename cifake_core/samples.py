"""Pictures to try the page with where no data set is at hand: some drawn, some photographs.

The drawn ones are neither photographs nor made by a generative model, so there is no right answer
to them: what they show is what a classifier does with something it never saw. The photographs, in
``assets/samples``, are not of CIFAKE, but made like its own: a square of a larger one, brought to
32x32 pixels and saved as JPEG.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from cifake_core.artifacts import ASSETS
from cifake_core.perturb import jpeg
from cifake_core.render import to_png

FOLDER = ASSETS / "samples"


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture: ``png`` bytes, a short name, and alt text for those who cannot see it.

    ``credit`` says whose photograph it is and under which terms; it is empty for a drawn one.
    """

    name: str
    alt: str
    png: bytes
    credit: str = ""


@dataclass(frozen=True, slots=True)
class Photograph:
    """Which square of which photograph a sample is.

    Attributes:
        source: its file in the data folder of the package scikit-image.
        left: first column of the square.
        top: its first row.
        side: its width and height in pixels; bicubic to 32x32, then JPEG of quality 75.
    """

    name: str
    alt: str
    credit: str
    source: str
    left: int
    top: int
    side: int

    @property
    def file(self) -> str:
        return f"{self.name.lower()}.png"


PHOTOGRAPHS = (
    Photograph("Cat", "A photograph of a ginger cat's face, 32x32 pixels",
               "Stéfan van der Walt, CC0", "chelsea.png", 75, 0, 300),
    Photograph("Rocket", "A photograph of a rocket at its launch, 32x32 pixels",
               "SpaceX, public domain", "rocket.jpg", 107, 0, 427),
    Photograph("Astronaut", "A photograph of an astronaut before a flag, 32x32 pixels",
               "NASA, public domain", "astronaut.png", 0, 0, 512),
)  # fmt: skip


@cache
def samples() -> tuple[Sample, ...]:
    """The gallery, in a fixed order; the same bytes every time."""
    return (
        Sample("Sunset", "A drawn sunset over dark hills, 32x32 pixels", to_png(_sunset(32))),
        Sample("Ball", "A drawn shaded red ball on green, 32x32 pixels", to_png(_ball(32))),
        Sample("Rings", "Drawn concentric rings, 32x32 pixels", to_png(_rings(32))),
        Sample("Noise", "Coloured random noise, 32x32 pixels", to_png(_noise(32))),
        Sample("Flat grey", "A single grey tone, 32x32 pixels", to_png(_flat(32))),
        Sample("Large sunset", "The drawn sunset at 640x480 pixels", to_png(_sunset(640)[80:560])),
        Sample(
            "Clouds",
            "Random blotches of muted colour, like clouds, 32x32 pixels",
            to_png(jpeg(_clouds(32)[None], 75)[0]),
        ),
        *(
            Sample(p.name, p.alt, (FOLDER / p.file).read_bytes(), p.credit)
            for p in PHOTOGRAPHS
            if (FOLDER / p.file).is_file()  # else the gallery is shorter; the page must not fail
        ),
    )


def _grid(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates (x, y) in [0, 1], each (S, S)."""
    y, x = np.mgrid[0:size, 0:size] / (size - 1)
    return x, y


def _blend(mask: np.ndarray, over: np.ndarray, under: np.ndarray) -> np.ndarray:
    return np.where(mask[..., None], over, under)


def _grain(image: np.ndarray, amount: float) -> np.ndarray:
    noise = np.random.default_rng(7).normal(0, amount, image.shape)
    return np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)


def _sunset(size: int) -> np.ndarray:
    x, y = _grid(size)
    sky = np.stack([60 + 190 * y, 80 + 70 * y, 150 - 70 * y], -1)
    glow = np.exp(-(((x - 0.62) ** 2 + (y - 0.52) ** 2) * 18))[..., None]
    sky = sky + glow * np.array([60, 60, 10])
    hills = y > 0.66 + 0.06 * np.sin(9 * x) + 0.03 * np.sin(23 * x + 1)
    ground = np.stack([40 + 25 * x, 35 + 30 * (1 - y), 55 + 10 * y], -1)
    return _grain(_blend(hills, ground, sky), 4)


def _ball(size: int) -> np.ndarray:
    x, y = _grid(size)
    grass = np.stack([70 + 20 * y, 130 - 40 * y, 60 + 0 * x], -1)
    inside = (x - 0.5) ** 2 + (y - 0.55) ** 2 < 0.1
    light = np.clip(1.1 - 2.2 * np.hypot(x - 0.4, y - 0.42), 0.15, 1)[..., None]
    return _grain(_blend(inside, light * np.array([230, 60, 50]), grass), 5)


def _rings(size: int) -> np.ndarray:
    x, y = _grid(size)
    wave = 127 + 110 * np.sin(60 * np.hypot(x - 0.5, y - 0.5))
    return np.stack([wave, wave, 255 - wave], -1).astype(np.uint8)


def _clouds(size: int) -> np.ndarray:
    """Noise with the 1/f spectrum of natural pictures; saved as the data set was, it passes."""
    rng, wide = np.random.default_rng(4), 2 * size
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(wide), np.fft.fftfreq(wide)))
    frequency[0, 0] = 1

    def field() -> np.ndarray:
        spectrum = np.fft.fft2(rng.standard_normal((wide, wide))) / frequency**1.5
        x = np.fft.ifft2(spectrum).real[:size, :size]
        return (x - x.mean()) / x.std()

    grey = field()
    channels = np.stack([120 + 55 * (grey + 0.2 * field()) for _ in range(3)], -1)
    return np.clip(np.rint(channels), 0, 255).astype(np.uint8)


def _noise(size: int) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (size, size, 3)).astype(np.uint8)


def _flat(size: int) -> np.ndarray:
    return np.full((size, size, 3), 128, np.uint8)
