"""Folders like CIFAKE's with images made by arithmetic."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image


def write_cifake(root: Path, counts: dict[str, int]) -> Path:
    """Write so many images for each split, label and class; returns the folder."""
    rng = np.random.default_rng(7)
    for split, count in counts.items():
        for label in ("FAKE", "REAL"):
            (root / split / label).mkdir(parents=True)
            for number in range(1, 11):
                for i in range(1, count + 1):
                    bracket = f" ({number})" if number > 1 else ""
                    pixels = _texture(rng) if label == "FAKE" else _gradient(rng)
                    path = root / split / label / f"{i:04d}{bracket}.jpg"
                    path.write_bytes(jpeg_bytes(pixels))
    return root


def jpeg_bytes(pixels: np.ndarray, quality: int = 75) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _gradient(rng: np.random.Generator) -> np.ndarray:
    corners = rng.uniform(0, 255, (2, 2, 3))
    t = np.linspace(0, 1, 32)
    weight = np.stack([1 - t, t])
    return np.einsum("yi,xj,yxc->ijc", weight, weight, corners).astype(np.uint8)


def _texture(rng: np.random.Generator) -> np.ndarray:
    noise = rng.normal(0, 40, (32, 32, 3)) + rng.uniform(60, 200, 3)
    return np.clip(noise, 0, 255).astype(np.uint8)
