"""Pictures of few soft shapes that the gate is shown as examples of what is no photograph.

Pages seen whole, facets, lights out of focus: they miss both the even areas of
:mod:`train.graphics` and the detail of :mod:`train.textures`, so they have a score of their own.
Each function takes a generator and a side in pixels and gives one (S, S, 3) uint8 picture; the same
seed gives the same pictures.
"""

from __future__ import annotations

import cv2
import numpy as np

from train.textures import clipped, photographed, soft


def sheet(rng: np.random.Generator, side: int) -> np.ndarray:
    """A whole page with print too small to read, stained or not, flat or on a table."""
    page = np.full((side, side), 255, np.uint8)
    step, margin = side * rng.uniform(0.018, 0.07), side * rng.uniform(0.03, 0.2)
    thick, columns = max(1, round(step * rng.uniform(0.25, 0.6))), int(rng.choice([1, 1, 1, 2, 3]))
    for y in np.arange(margin, side - margin, step):
        if rng.random() < 0.12:
            continue  # between paragraphs
        for column in range(columns):
            span = (side - 2 * margin) / columns
            x = margin + column * span
            end = x + span * (rng.uniform(0.2, 1) if rng.random() < 0.25 else 0.95)
            while x < end:
                word = step * rng.uniform(0.5, 4)
                right = (int(min(x + word, end)), int(y) + thick - 1)
                cv2.rectangle(page, (int(x), int(y)), right, int(rng.integers(0, 120)), -1)
                x += word + step * rng.uniform(0.2, 0.5)
    image = photographed(rng, page).astype(np.float32)
    if rng.random() < 0.35:
        stain = soft(rng, side, int(rng.integers(3, 8)), 1)
        image *= 1 - rng.uniform(0.1, 0.45) * stain * np.array([0.5, 0.75, 1.3])
    return _on_a_table(rng, image) if rng.random() < 0.6 else clipped(image)


def facets(rng: np.random.Generator, side: int) -> np.ndarray:
    """Triangles side by side, their colours running from one to another, each a little off."""
    cells, ends = int(rng.integers(3, 14)), rng.integers(0, 256, (2, 3))
    run = soft(rng, cells + 1, 2, 1) * (ends[1] - ends[0]) + ends[0]
    y, x = np.mgrid[: cells + 1, : cells + 1]
    corners = np.stack([x, y], axis=2) + rng.uniform(-0.42, 0.42, (cells + 1, cells + 1, 2))
    corners, spread = (corners * side / cells).astype(np.int32), rng.uniform(4, 30)
    image = np.zeros((side, side, 3), np.uint8)
    for row in range(cells):
        for column in range(cells):
            a, b, c, d = (corners[row + i, column + j] for i, j in ((0, 0), (0, 1), (1, 1), (1, 0)))
            for half in ([a, b, c], [a, c, d]) if rng.random() < 0.5 else ([a, b, d], [b, c, d]):
                colour = np.clip(run[row, column] + rng.normal(0, spread), 0, 255).tolist()
                cv2.fillPoly(image, [np.array(half)], colour)
    rim = max(1, int(side / cells / 2))  # where corners were moved inwards
    return cv2.resize(image[rim : side - rim, rim : side - rim], (side, side))


def lights(rng: np.random.Generator, side: int) -> np.ndarray:
    """Soft round lights before the dark, out of focus."""
    image = np.broadcast_to(rng.uniform(0, 70, 3), (side, side, 3)).astype(np.float32)
    hue, apart = rng.uniform(0, 1, 3), rng.uniform(0, 0.4)
    for _ in range(int(rng.integers(4, 40))):
        spot = np.zeros((side, side), np.float32)
        at, radius = rng.integers(0, side, 2).tolist(), max(1, int(side * rng.uniform(0.02, 0.16)))
        cv2.circle(spot, at, radius, 1, -1)
        tint = np.clip(hue + rng.normal(0, apart, 3), 0, 1) * rng.uniform(20, 160)
        image = image + spot[..., None] * tint.astype(np.float32)
    return clipped(cv2.GaussianBlur(image, (0, 0), side * rng.uniform(0.003, 0.03) + 0.1))


KINDS = (sheet, facets, lights)


def _on_a_table(rng: np.random.Generator, page: np.ndarray) -> np.ndarray:
    """(S, S, 3) of a page, seen at an angle on something darker, as uint8."""
    side = len(page)
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    inward = rng.uniform(-0.05, 0.22, (4, 2)) * (1 - 2 * corners)
    to = (side * (corners + inward)).astype(np.float32)
    matrix = cv2.getPerspectiveTransform(side * corners, to)
    cover = cv2.warpPerspective(np.ones((side, side), np.float32), matrix, (side, side))[..., None]
    table = rng.uniform(15, 170, 3) + rng.normal(0, rng.uniform(0, 6), (side, side, 1))
    return clipped(cv2.warpPerspective(page, matrix, (side, side)) * cover + table * (1 - cover))
