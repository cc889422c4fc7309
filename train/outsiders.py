"""Pictures that are neither photographs nor generated, drawn by arithmetic, to try the gate with.

No number is fitted to them; what the gate's statistics are was chosen with an eye on some of
another seed. Each function takes a generator and a side in pixels and gives one (S, S, 3) uint8
picture; the same seed gives the same pictures.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

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


KINDS = {
    "noise": noise,
    "blank": blank,
    "drawing": drawing,
    "text scan": text,
    "screenshot": screenshot,
}


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
