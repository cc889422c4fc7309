"""From an RGB image of any size to the square a model was made for."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

# Written on every card; change it whenever the same bytes would give other pixels.
PREPROCESS_ID = "centre-square-area-1"


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """What the model sees, and how it came from the image.

    Attributes:
        pixels: (S, S, 3) uint8, read-only.
        crop: (left, top, side) in pixels of the image: the central square that was used.
        native: True if the image is S x S pixels as it is: nothing was cut off or resampled.
    """

    pixels: np.ndarray
    crop: tuple[int, int, int]
    native: bool

    @property
    def reduction(self) -> float:
        """Image pixels for each pixel the model sees, along one side; below 1 if enlarged."""
        return self.crop[2] / self.pixels.shape[0]


def prepare(image: np.ndarray, size: int) -> Prepared:
    """Cut the central square and bring it to ``size`` pixels in one step.

    Reduction averages over areas (``INTER_AREA``), so that no detail aliases; a square that is
    already ``size`` wide passes through untouched.

    Args:
        image: (H, W, 3) uint8.
        size: S, side of the model's input in pixels.
    """
    height, width = image.shape[:2]
    side = min(height, width)
    left, top = (width - side) // 2, (height - side) // 2
    square = image[top : top + side, left : left + side]
    native = height == width == size
    if side == size:
        pixels = square.copy()
    else:
        how = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
        pixels = cv2.resize(square, (size, size), interpolation=how)
    pixels.flags.writeable = False
    return Prepared(pixels, (left, top, side), native)


def shrink(image: np.ndarray, side: int) -> np.ndarray:
    """(H, W, 3) uint8 reduced so that neither side exceeds ``side``; as it is if none does."""
    height, width = image.shape[:2]
    factor = side / max(height, width)
    if factor >= 1:
        return image
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def size_notes(width: int, height: int, prepared: Prepared) -> list[str]:
    """What became of an image of ``width`` x ``height`` pixels on its way, a sentence each."""
    _, _, side = prepared.crop
    size = prepared.pixels.shape[0]
    notes = []
    if width != height:
        share = side * side / (width * height)
        percent = f"{share:.0%}"
        if not 0.01 <= share <= 0.99:  # neither nothing of it nor all of it
            percent = "less than 1%" if share < 0.01 else "more than 99%"
        notes.append(
            f"Only the central {side}x{side} square was looked at, {percent} of the picture."
        )
    if side > size and prepared.reduction**2 < 1.5:  # not yet two for one
        notes.append(
            f"This model was made for {size}x{size} images. Yours was reduced a little: each pixel "
            "the model sees is mixed from neighbouring ones of yours."
        )
    elif side > size:
        notes.append(
            f"This model was made for {size}x{size} images. Yours was reduced "
            f"{prepared.reduction:.1f}-fold: each pixel the model sees is the average of about "
            f"{prepared.reduction**2:,.0f} of yours."
        )
    elif side < size:
        notes.append(
            f"This model was made for {size}x{size} images. Yours has fewer pixels, so it was "
            "enlarged and the missing ones were made up."
        )
    return notes


def size_doubt(prepared: Prepared) -> str:
    """Why an image that is not of the model's size gets no verdict."""
    size = prepared.pixels.shape[0]
    if prepared.crop[2] == size:
        why = (
            "this one was cut to that size. Its pixels are untouched, but how the model does on "
            "pieces of larger images was not measured, and its"
        )
    else:
        why = (
            "the model learned the traces of one way of making and shrinking pictures. Another "
            "picture was made in another way, and brought to this size in another, so the model's"
        )
    return (
        f"Only images of exactly {size}x{size} pixels can be judged: {why} probability is not to "
        "be relied on."
    )
