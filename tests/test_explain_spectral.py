from itertools import pairwise

import numpy as np
import pytest

from cifake_core.explain_spectral import (
    HIGHEST,
    band,
    band_edges,
    band_mask,
    remove_band,
    spectral_occlusion,
)

SIDE = 32
X = np.arange(SIDE)


def waves(cycles: int, amplitude: float = 50) -> np.ndarray:
    """Upright stripes of ``cycles`` over the picture on a grey of 128, in all channels."""
    wave = 128 + amplitude * np.cos(2 * np.pi * cycles * X / SIDE)
    return np.rint(np.broadcast_to(wave[None, :, None], (SIDE, SIDE, 3))).astype(np.uint8)


def contrast(batch: np.ndarray) -> np.ndarray:
    return batch.std(axis=(1, 2, 3))


@pytest.mark.parametrize("cycles", [1, 4, 8, 13, 16])
def test_a_pure_wave_loses_exactly_its_band(cycles):
    image, edges = waves(cycles), band_edges()
    mine = int(np.searchsorted(edges, cycles / SIDE, side="right")) - 1
    for k, (low, high) in enumerate(pairwise(edges)):
        centred = low + 0.015 <= cycles / SIDE <= high - 0.015 or k == 0
        without = remove_band(image, low, high).astype(int)
        if k == mine and centred:
            assert np.abs(without - 128).max() <= 2  # grey, but for rounding
        elif abs(k - mine) > 1:
            assert np.abs(without - image).max() <= 2


def test_bands_meet_half_way_at_their_edge():
    mask = band_mask((SIDE, SIDE), 0.25, 0.5)
    np.testing.assert_allclose(mask[0, [0, 7, 8, 9, 15]], [0, 0, 0.5, 1, 1], atol=1e-9)


def test_bands_and_the_mean_add_up_to_the_picture():
    image = np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
    for count in (2, 8, 16):
        edges = band_edges(count)
        parts = [band(image, *pair) for pair in pairwise(edges)]
        assert all(abs(p.mean()) < 1e-9 for p in parts)
        np.testing.assert_allclose(sum(parts) + image.mean(axis=(0, 1)), image, atol=1e-9)


def test_effects_of_a_wave_lie_in_its_band():
    effects = spectral_occlusion(contrast, waves(8))  # 0.25 cycles per pixel: the fourth band
    assert effects.edges[0] == 0
    assert effects.edges[-1] == HIGHEST
    assert effects.energy.argmax() == effects.logit_change.argmin() == 3
    np.testing.assert_allclose(effects.energy.sum(), 1)
    np.testing.assert_allclose(effects.energy[3], 1, atol=1e-3)
    np.testing.assert_allclose(effects.logit_change[3], -50 / np.sqrt(2), atol=0.1)
    np.testing.assert_allclose(np.delete(effects.logit_change, 3), 0, atol=0.1)
    change = effects.p_fake_change(lambda logits: 1 / (1 + np.exp(logits / 10)))
    assert change.argmax() == 3
    assert change[3] == pytest.approx(0.5 - 1 / (1 + np.exp(5 / np.sqrt(2))), abs=1e-2)


def test_one_colour_has_no_energy_and_does_not_change():
    grey = np.full((SIDE, SIDE, 3), (10, 128, 250), np.uint8)
    effects = spectral_occlusion(contrast, grey)
    assert not effects.energy.any()
    assert not effects.logit_change.any()
    np.testing.assert_array_equal(remove_band(grey, 0, HIGHEST), grey)


def test_values_that_leave_the_range_are_cut():
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    image[:, ::2] = 255
    image[:, SIDE // 2 :] = 0
    without = remove_band(image, *band_edges()[:2])
    assert without.dtype == np.uint8
    assert without.min() == 0
