"""Pictures that are no photographs of things and not generated, to try the gate with.

Drawn by arithmetic, but for two photographed pages. No number is fitted to them; which statistics
and examples the gate has was chosen with an eye on some of another seed. Each function takes a
generator and a side in pixels and gives one (S, S, 3) uint8 picture; the same seed gives the same
pictures.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cifake_core.errors import ConfigError

LETTER = """The first page of a letter that nobody has read yet and which says little about anything
but goes on for as long as there is room for one more line of it."""
INK = 20


def noise(rng: np.random.Generator, side: int) -> np.ndarray:
    """White, Gaussian or grey noise."""
    kind = rng.integers(3)
    if kind == 0:
        return rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
    if kind == 1:
        values = rng.normal(128, rng.uniform(10, 80), (side, side, 3))
        return np.clip(values, 0, 255).astype(np.uint8)
    return np.repeat(rng.integers(0, 256, (side, side, 1), dtype=np.uint8), 3, axis=2)


def blank(rng: np.random.Generator, side: int) -> np.ndarray:
    """One colour, or a run from one to another."""
    a, b = rng.integers(0, 256, (2, 3))
    ramp = np.linspace(0, 1, side)[:, None, None] * rng.integers(2)
    return np.broadcast_to(a * (1 - ramp) + b * ramp, (side, side, 3)).astype(np.uint8)


def drawing(rng: np.random.Generator, side: int) -> np.ndarray:
    """Coloured shapes and lines on a light ground."""
    image = Image.new("RGB", (side, side), _colour(rng, 180))
    draw = ImageDraw.Draw(image)
    for _ in range(rng.integers(3, 12)):
        x, y = np.sort(rng.integers(0, side, (2, 2)), axis=1).tolist()
        box, colour = [x[0], y[0], x[1], y[1]], _colour(rng)
        match rng.integers(4):
            case 0:
                draw.rectangle(box, fill=colour)
            case 1:
                draw.ellipse(box, fill=colour, outline="black")
            case 2:
                draw.line(box, fill=colour, width=max(1, side // 32) * int(rng.integers(1, 4)))
            case _:
                draw.polygon(rng.integers(0, side, 6).tolist(), fill=colour)
    return np.asarray(image)


def text(rng: np.random.Generator, side: int) -> np.ndarray:
    """Lines of dark print on paper, with the grain of a scanner."""
    page = _page(rng, side, int(rng.integers(220, 256)), INK)
    grain = rng.normal(0, rng.choice([0, 4]), (side, side, 1))
    return np.clip(page + grain, 0, 255).astype(np.uint8)


def screenshot(rng: np.random.Generator, side: int) -> np.ndarray:
    """A window with a bar above, one at its side, buttons and print; dark ones too."""
    paper, ink = (30, 220) if rng.random() < 0.4 else (255, INK)
    image = Image.fromarray(_page(rng, side, paper, ink))
    draw = ImageDraw.Draw(image)
    draw.rectangle([0, 0, side, side // 10], fill=_colour(rng))
    draw.rectangle([0, 0, side // int(rng.integers(4, 8)), side], fill=_colour(rng, 30))
    for _ in range(rng.integers(1, 5)):
        x, y = rng.integers(0, side, 2).tolist()
        draw.rectangle([x, y, x + side // 5, y + side // 12], fill=_colour(rng))
    return np.asarray(image)


def soft_noise(rng: np.random.Generator, side: int) -> np.ndarray:
    """Clouds, marble, grain: grids of random values, each twice as fine and weaker, added up."""
    channels, keep = (1 if rng.random() < 0.3 else 3), rng.uniform(0.35, 0.85)
    values = np.zeros((side, side, channels), np.float32)
    cells, weight = int(rng.integers(2, 6)), 1.0
    while cells <= side:
        grid = rng.normal(0, weight, (cells, cells, channels)).astype(np.float32)
        wide = cv2.resize(grid, (side, side), interpolation=cv2.INTER_CUBIC)
        values += wide.reshape(values.shape)
        cells, weight = 2 * cells, keep * weight
    values = values / values.std() * rng.uniform(15, 60) + rng.uniform(70, 190, 3)
    return np.clip(values, 0, 255).astype(np.uint8)


def painting(rng: np.random.Generator, side: int) -> np.ndarray:
    """Straight strokes of a broad brush or angular patches, over fields of muted colours."""
    fields = [(rng.integers(0, side, 2), rng.integers(20, 236, 3)) for _ in range(8)]
    places, colours = (np.array(v, float) for v in zip(*fields, strict=True))
    colours = colours.mean(axis=1, keepdims=True) * (1 - (s := rng.uniform(0.2, 0.9))) + s * colours
    image = np.full((side, side, 3), colours.mean(axis=0), np.uint8)
    angular, spread = rng.random() < 0.5, rng.uniform(5, 30)
    long, turn = side * rng.uniform(0.06, 0.2), rng.uniform(0, np.pi)
    for at in rng.uniform(0, side, (int(rng.integers(150, 700)), 2)):
        nearest = np.argmin(((places - at) ** 2).sum(axis=1))
        colour = np.clip(colours[nearest] + rng.normal(0, spread, 3), 0, 255).tolist()
        if angular:
            corners = (at + rng.normal(0, long / 2, (int(rng.integers(3, 6)), 2))).astype(np.int32)
            cv2.fillPoly(image, [corners], colour, cv2.LINE_AA)
        else:
            angle = turn + places[nearest][0] + rng.normal(0, 0.3)
            half = long * np.array([np.cos(angle), np.sin(angle)]) / 2
            ends = ((at + way * half).astype(int).tolist() for way in (-1, 1))
            cv2.line(image, *ends, colour, max(1, int(long / 4)), cv2.LINE_AA)
    return image


KINDS = {
    "noise": noise,
    "soft noise": soft_noise,
    "blank": blank,
    "drawing": drawing,
    "painting": painting,
    "text scan": text,
    "screenshot": screenshot,
}


def scans() -> dict[str, Callable]:
    """Squares cut anywhere from the two photographed pages of scikit-image, of print and by hand.

    Those functions give pictures of any side, whatever they are asked for.

    Raises:
        ConfigError: scikit-image is missing.
    """
    try:
        from skimage import data
    except ImportError:
        raise ConfigError(
            "The scans come with scikit-image: pip install --no-deps -r requirements-quantus.txt"
        ) from None

    def cut(page: np.ndarray) -> Callable:
        def draw(rng: np.random.Generator, _: int) -> np.ndarray:
            side = int(rng.integers(64, min(page.shape) + 1))
            top, left = (int(rng.integers(0, most - side + 1)) for most in page.shape)
            return np.repeat(page[top : top + side, left : left + side, None], 3, axis=2)

        return draw

    return {"photographed print": cut(data.page()), "photographed writing": cut(data.text())}


def _page(rng: np.random.Generator, side: int, paper: int, ink: int) -> np.ndarray:
    image = Image.new("RGB", (side, side), (paper,) * 3)
    draw, height = ImageDraw.Draw(image), int(rng.integers(8, 30))
    font = ImageFont.load_default(height)
    for y in range(4, side, int(height * 1.4)):
        line = " ".join(rng.choice(LETTER.split(), side // height // 2 + 2))
        draw.text((4, y), line, fill=(ink,) * 3, font=font)
    return np.asarray(image)


def _colour(rng: np.random.Generator, low: int = 0) -> tuple[int, ...]:
    return tuple(rng.integers(low, 256, 3).tolist())
