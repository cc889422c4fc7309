"""Graphics that the gate is shown as examples of what is no photograph, drawn by arithmetic.

Other kinds than those of :mod:`train.outsiders`, with which the gate is tried: what it knows of
graphics is to hold for kinds it never saw. Each function takes a generator and a side in pixels and
gives one (S, S, 3) uint8 picture; the same seed gives the same pictures.
"""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIDES = (32, 48, 64, 96, 128, 200, 300, 512)  # drawn at one of these, then reduced
FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_PLAIN, cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_SCRIPT_SIMPLEX,
)  # fmt: skip
WORDS = ["of", "and", "the", "one", "more", "room", "class", "page", "total", "12", "407", "3,5"]


def sketch(rng: np.random.Generator, side: int) -> np.ndarray:
    """Dark strokes by an unsteady hand on paper."""
    image = np.full((side, side, 3), rng.integers(225, 256), np.uint8)
    for _ in range(rng.integers(4, 14)):
        walk = rng.normal(0, 1, (rng.integers(3, 9), 2)).cumsum(axis=0)
        walk = (walk - walk.min(axis=0)) / (np.ptp(walk, axis=0) + 1e-6)
        points = side * (walk * rng.uniform(0.2, 0.8) + rng.uniform(0, 0.5, 2))
        closed, width = bool(rng.integers(2)), max(1, side // int(rng.integers(20, 60)))
        cv2.polylines(
            image, [points.astype(np.int32)], closed, _colour(rng, 0, 90), width, cv2.LINE_AA
        )
    return image


def cartoon(rng: np.random.Generator, side: int) -> np.ndarray:
    """Outlined blobs before two even grounds."""
    image = np.empty((side, side, 3), np.uint8)
    horizon = int(side * rng.uniform(0.3, 0.9))
    image[:horizon], image[horizon:] = _colour(rng, 60), _colour(rng)
    outlined = rng.random() < 0.6
    for _ in range(rng.integers(2, 7)):
        centre = [int(v) for v in rng.integers(0, side, 2)]
        axes = [int(side * v) for v in rng.uniform(0.04, 0.35, 2)]
        turn, colour = float(rng.uniform(0, 180)), _colour(rng)
        cv2.ellipse(image, centre, axes, turn, 0, 360, colour, -1, cv2.LINE_AA)
        if outlined:
            cv2.ellipse(
                image, centre, axes, turn, 0, 360, (0, 0, 0), max(1, side // 64), cv2.LINE_AA
            )
    return image


def chart(rng: np.random.Generator, side: int) -> np.ndarray:
    """Bars, or a curve, with two axes."""
    image = np.full((side, side, 3), 255 if rng.random() < 0.7 else 25, np.uint8)
    count, colour, many = int(rng.integers(3, 12)), _colour(rng), rng.random() < 0.4
    heights, foot = (side * rng.uniform(0.1, 0.85, count)).astype(int), side - side // 12
    places = np.linspace(side // 8, side - side // 12, count).astype(int)
    if rng.random() < 0.6:
        half = max(1, side // (3 * count))
        for x, height in zip(places.tolist(), heights.tolist(), strict=True):
            filled = _colour(rng) if many else colour
            cv2.rectangle(image, (x - half, foot - height), (x + half, foot), filled, -1)
    else:
        points = np.stack([places, foot - heights], axis=1)[None]
        cv2.polylines(image, points, False, colour, max(1, side // 50), cv2.LINE_AA)
    line = (90, 90, 90)
    cv2.line(image, (side // 16, 0), (side // 16, side), line, max(1, side // 100))
    cv2.line(image, (0, foot), (side, foot), line, max(1, side // 100))
    return image


def icon(rng: np.random.Generator, side: int) -> np.ndarray:
    """One large sign on an even or running ground."""
    picture = Image.fromarray(_ground(rng, side))
    font = ImageFont.load_default(max(6, int(side * rng.uniform(0.4, 1.1))))
    at = side * rng.uniform(0, 0.3), side * rng.uniform(-0.2, 0.2)
    sign = str(rng.choice(list("ABCDEFGHKMRSTXZ2345&%#@?!+")))
    ImageDraw.Draw(picture).text(at, sign, fill=_colour(rng), font=font)
    return np.asarray(picture)


def regions(rng: np.random.Generator, side: int) -> np.ndarray:
    """A map: each position has the colour of the nearest of a few places."""
    places = rng.uniform(0, side, (rng.integers(4, 14), 2))
    y, x = np.mgrid[:side, :side]
    away = (x[..., None] - places[:, 0]) ** 2 + (y[..., None] - places[:, 1]) ** 2
    return rng.integers(0, 256, (len(places), 3)).astype(np.uint8)[away.argmin(axis=-1)]


def render(rng: np.random.Generator, side: int) -> np.ndarray:
    """Balls with light and shade, as by an old ray tracer."""
    image = _ground(rng, side).astype(np.float32)
    y, x = np.mgrid[:side, :side] / side
    for _ in range(rng.integers(1, 6)):
        cx, cy, radius = *rng.uniform(0.1, 0.9, 2), rng.uniform(0.06, 0.35)
        inside = np.hypot(x - cx, y - cy) < radius
        light = np.hypot(x - cx + radius * 0.3, y - cy + radius * 0.3) / radius / 1.4
        shade = 0.3 + 0.7 * np.clip(1 - light, 0, 1)
        image[inside] = (rng.integers(30, 256, 3) * shade[..., None])[inside]
    return np.clip(image, 0, 255).astype(np.uint8)


def panel(rng: np.random.Generator, side: int) -> np.ndarray:
    """Boxes in rows and columns with words in them: a form, a table, a board."""
    dark = rng.random() < 0.4
    image = np.full((side, side, 3), rng.integers(15, 60) if dark else 245, np.uint8)
    rows, columns = rng.integers(1, 7, 2).tolist()
    gap, tall, wide = max(1, side // 40), side // rows, side // columns
    colours = [_colour(rng) for _ in range(3)]
    for row in range(rows):
        for column in range(columns):
            if rng.random() < 0.3:
                continue
            x, y = column * wide + gap, row * tall + gap
            right, low = x + wide - 2 * gap, y + tall - 2 * gap
            full = -1 if rng.random() < 0.6 else max(1, side // 100)
            cv2.rectangle(image, (x, y), (right, low), colours[rng.integers(3)], full)
            if rng.random() < 0.6:
                _write(rng, image, x + gap, (y + low) // 2, dark)
    return image


def notes(rng: np.random.Generator, side: int) -> np.ndarray:
    """Lines of plain strokes for letters, on paper that may be lined."""
    dark = rng.random() < 0.25
    image = np.full((side, side, 3), rng.integers(10, 50) if dark else rng.integers(215, 256))
    image = np.ascontiguousarray(image.astype(np.uint8))
    step = max(5, side // int(rng.integers(4, 16)))
    for y in range(step, side + step, step):
        if rng.random() < 0.1:
            cv2.line(image, (0, y), (side, y), (180, 190, 220), 1)
        _write(rng, image, int(rng.integers(0, max(2, side // 8))), y, dark, step / 28)
    if rng.random() < 0.5:
        grain = rng.normal(0, rng.uniform(1, 8), (side, side, 1))
        image = np.clip(image + grain, 0, 255).astype(np.uint8)
    return image


def pattern(rng: np.random.Generator, side: int) -> np.ndarray:
    """Stripes, checks or rings of two or three colours."""
    y, x = np.mgrid[:side, :side] / side
    turn, count = rng.uniform(0, np.pi), rng.uniform(2, 9)
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    places = (
        np.floor(along * count),
        np.floor(along * count) + np.floor(across * count),
        np.floor(np.hypot(x - 0.5, y - 0.5) * 2 * count),
    )[rng.integers(3)].astype(int)
    colours = rng.integers(0, 256, (rng.integers(2, 4), 3)).astype(np.uint8)
    return colours[places % len(colours)]


def blocks(rng: np.random.Generator, side: int) -> np.ndarray:
    """A figure of large square pixels, left and right alike, as in an old game."""
    cells = int(rng.choice([6, 8, 12, 16]))
    colours = rng.integers(0, 256, (rng.integers(2, 6), 3)).astype(np.uint8)
    half = rng.choice(len(colours), (cells, (cells + 1) // 2), p=_shares(rng, len(colours)))
    figure = np.concatenate([half, half[:, : cells // 2][:, ::-1]], axis=1)
    return cv2.resize(colours[figure], (side, side), interpolation=cv2.INTER_NEAREST)


def messages(rng: np.random.Generator, side: int) -> np.ndarray:
    """Boxes with round corners, left and right in turns, as on a telephone."""
    dark = rng.random() < 0.3
    image = np.full((side, side, 3), rng.integers(10, 50) if dark else rng.integers(225, 256))
    picture = Image.fromarray(image.astype(np.uint8))
    draw, colours, y = ImageDraw.Draw(picture), [_colour(rng, 40), _colour(rng, 150)], 0
    while y < side:
        tall, wide = int(side * rng.uniform(0.08, 0.3)), int(side * rng.uniform(0.3, 0.8))
        own = int(rng.integers(2))
        x = side - wide - side // 20 if own else side // 20
        draw.rounded_rectangle([x, y, x + wide, y + tall], max(1, side // 24), fill=colours[own])
        _lines(rng, draw, (x + side // 30, y, x + wide - side // 30, y + tall), side, dark)
        y += tall + int(side * rng.uniform(0.02, 0.1))
    return np.asarray(picture)


def site(rng: np.random.Generator, side: int) -> np.ndarray:
    """Columns of lines for text, headings, and boxes where pictures are."""
    dark = rng.random() < 0.25
    picture = Image.new("RGB", (side, side), _grey(rng, 10, 50) if dark else _grey(rng, 235, 256))
    draw = ImageDraw.Draw(picture)
    if rng.random() < 0.8:
        draw.rectangle([0, 0, side, int(side * rng.uniform(0.05, 0.2))], fill=_colour(rng))
    columns = int(rng.integers(1, 4))
    for column in range(columns):
        left, right = side * column // columns + side // 25, side * (column + 1) // columns
        y = int(side * rng.uniform(0.1, 0.3))
        while y < side:
            tall = int(side * rng.uniform(0.1, 0.4))
            if rng.random() < 0.25:
                draw.rectangle([left, y, right - side // 25, y + tall], fill=_colour(rng))
            else:
                _lines(rng, draw, (left, y, right, y + tall), side, dark)
            y += tall + side // 20
    return np.asarray(picture)


KINDS = (
    sketch, cartoon, chart, icon, regions, render, panel, notes, pattern, blocks, messages, site,
)  # fmt: skip


def _lines(rng, draw, box: tuple[int, int, int, int], side: int, dark: bool) -> None:
    """Bars as long as lines of text, some in words, in one ink."""
    left, top, right, bottom = box
    ink = _grey(rng, 150, 240) if dark else _grey(rng, 20, 140)
    step = max(2, int(side * rng.uniform(0.02, 0.06)))
    for y in range(top + step // 2, bottom - step // 2, step):
        x, end = left, left + (right - left) * rng.uniform(0.4, 1)
        while x < end:
            wide = max(1, int(side * rng.uniform(0.01, 0.08)))
            draw.rectangle([x, y, min(x + wide, right), y + max(0, step // 2 - 1)], fill=ink)
            x += wide + max(1, side // 80)


def _grey(rng: np.random.Generator, low: int, high: int) -> tuple[int, ...]:
    return (int(rng.integers(low, high)),) * 3


def _write(rng, image: np.ndarray, x: int, y: int, dark: bool, scale: float = 0.0) -> None:
    words = " ".join(rng.choice(WORDS, rng.integers(1, 9)))
    scale = scale or len(image) / rng.uniform(100, 400)
    ink = _colour(rng, 170) if dark else _colour(rng, 0, 110)
    font = FONTS[rng.integers(len(FONTS))]
    cv2.putText(image, words, (x, y), font, scale, ink, max(1, round(1.5 * scale)), cv2.LINE_AA)


def _ground(rng: np.random.Generator, side: int) -> np.ndarray:
    a, b = rng.integers(0, 256, (2, 3))
    ramp = np.linspace(0, 1, side)[:, None, None] * rng.integers(2)
    ground = np.broadcast_to(a * (1 - ramp) + b * ramp, (side, side, 3)).astype(np.uint8)
    return np.ascontiguousarray(ground.swapaxes(0, 1) if rng.integers(2) else ground)


def _shares(rng: np.random.Generator, count: int) -> np.ndarray:
    shares = rng.uniform(0.1, 1, count)
    return shares / shares.sum()


def _colour(rng: np.random.Generator, low: int = 0, high: int = 256) -> tuple[int, ...]:
    return tuple(rng.integers(low, high, 3).tolist())
