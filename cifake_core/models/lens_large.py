"""`lens_large`: `lens` with more channels and blocks."""

from __future__ import annotations

import keras

from cifake_core.models.lens import residual_net


def build_lens_large(
    image_size: int = 32,
    widths: tuple[int, int, int] = (64, 160, 320),
    blocks: tuple[int, int] = (2, 3),
    dropout: float = 0.1,
    mirror: bool = False,
    nets: int = 1,
) -> keras.Model:
    """Build `lens_large`: `lens` with more channels and blocks, 7.1 M parameters.

    Arguments, shapes and layer names are those of :func:`cifake_core.models.lens.build_lens`;
    ``features`` is 8x8x320.
    """
    return residual_net("lens_large", image_size, widths, blocks, dropout, mirror, nets)
