"""Augmentation of uint8 batches in NumPy and OpenCV, the same on every backend."""

from __future__ import annotations

import cv2
import numpy as np

from train.config import Config


def augment(batch: np.ndarray, config: Config, rng: np.random.Generator) -> np.ndarray:
    """A changed copy of ``batch`` (B, S, S, 3) uint8, or (B, crop, crop, 3) of its images.

    Flips, rotation with zoom, and shift come first, then what a picture meets on its way: light,
    blur, noise, JPEG, in that order, each with its own chance for each image. The crop is last. The
    result depends on ``rng`` alone.
    """
    out = batch.copy()
    count = len(out)
    if config.flip:
        mask = rng.random(count) < 0.5
        out[mask] = out[mask, :, ::-1]
    if config.flip_vertical:
        mask = rng.random(count) < 0.5
        out[mask] = out[mask, ::-1]
    if config.rotation or config.zoom:
        for i in range(count):
            angle = rng.uniform(-config.rotation, config.rotation)
            out[i] = _turn(out[i], angle, 1 + rng.uniform(-config.zoom, config.zoom))
    if config.shift:
        out = _shift(out, config.shift, rng)
    if config.light:
        for i in np.flatnonzero(rng.random(count) < config.light):
            factor, added = rng.uniform(*config.contrast), 255 * rng.uniform(*config.brightness)
            changed = (out[i] - 127.5) * factor + 127.5 + added
            out[i] = np.clip(np.rint(changed), 0, 255).astype(np.uint8)
    for i in np.flatnonzero(rng.random(count) < config.blur):
        sigma = rng.uniform(*config.blur_sigma)
        out[i] = cv2.GaussianBlur(out[i], (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)
    chosen = np.flatnonzero(rng.random(count) < config.noise)
    if len(chosen):
        sigma = 255 * rng.uniform(*config.noise_sigma, size=(len(chosen), 1, 1, 1))
        noise = rng.standard_normal((len(chosen), *out.shape[1:]), dtype=np.float32) * sigma
        out[chosen] = np.clip(np.rint(out[chosen] + noise), 0, 255).astype(np.uint8)
    for i in np.flatnonzero(rng.random(count) < config.jpeg):
        low, high = config.jpeg_quality
        out[i] = jpeg_round_trip(out[i], int(rng.integers(low, high + 1)))
    return _crop(out, config.crop, rng) if config.crop else out


def mix(
    images: np.ndarray, targets: np.ndarray, config: Config, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Each image mixed with one of the batch drawn at random, and the targets (B, 1) in proportion.

    Where both mixup and cutmix are asked for, a coin decides for the whole batch.
    """
    if not (config.mixup or config.cutmix):
        return images, targets
    count, height, width, _ = images.shape
    other = rng.permutation(count)
    boxes = bool(config.cutmix) and (not config.mixup or rng.random() < 0.5)
    alpha = config.cutmix if boxes else config.mixup
    share = rng.beta(alpha, alpha, count).astype(np.float32)  # of the image itself
    if boxes:
        inside = _boxes(1 - share, height, width, rng)
        images = np.where(inside[..., None], images[other], images)
        share = 1 - inside.mean(axis=(1, 2), dtype=np.float32)
    else:
        own = share[:, None, None, None]
        images = np.rint(own * images + (1 - own) * images[other]).astype(np.uint8)
    share = share[:, None]
    return images, share * targets + (1 - share) * targets[other]


def _boxes(area: np.ndarray, height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """(B, H, W) bool: boxes of that share of the image, as far as they lie in it."""
    inside = np.ones((len(area), height, width), bool)
    for axis, size in ((1, height), (2, width)):
        half = np.sqrt(area)[:, None] * size / 2
        away = np.abs(np.arange(size) + 0.5 - rng.uniform(0, size, (len(area), 1))) < half
        inside &= np.expand_dims(away, 3 - axis)
    return inside


def jpeg_round_trip(image: np.ndarray, quality: int) -> np.ndarray:
    """Encode and decode one (H, W, 3) uint8 RGB image as JPEG of a quality from 1 to 100."""
    bgr = np.ascontiguousarray(image[..., ::-1])
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]


def _turn(image: np.ndarray, degrees: float, scale: float) -> np.ndarray:
    """Turned anticlockwise and enlarged about its middle, bilinearly; edges are reflected."""
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, scale)
    return cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101)


def _crop(batch: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """(B, size, size, 3): a square from anywhere in each image."""
    count, height, width, _ = batch.shape
    rows = rng.integers(0, height - size + 1, count)
    columns = rng.integers(0, width - size + 1, count)
    return _windows(batch, rows, columns, size, size)


def _shift(batch: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    """Move each image by up to ``most`` pixels each way; what comes in is reflected."""
    count, height, width, _ = batch.shape
    padded = np.pad(batch, ((0, 0), (most, most), (most, most), (0, 0)), mode="reflect")
    rows, columns = (rng.integers(0, 2 * most + 1, count) for _ in range(2))
    return _windows(padded, rows, columns, height, width)


def _windows(
    batch: np.ndarray, rows: np.ndarray, columns: np.ndarray, height: int, width: int
) -> np.ndarray:
    """(B, height, width, 3): of each image what begins at its row and column."""
    out = np.empty((len(batch), height, width, batch.shape[3]), batch.dtype)
    # A copy of slices for each image is several times as quick as one index for all of them.
    for i, (y, x) in enumerate(zip(rows, columns, strict=True)):
        out[i] = batch[i, y : y + height, x : x + width]
    return out
