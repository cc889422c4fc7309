"""Curves along a slider and their flip points, against sums done by hand."""

import numpy as np
import pytest

from cifake_core.calibration import Calibration, Verdict
from cifake_core.what_if import Cover, Flip, brightest, changes, covered, curve, flips, judged

REAL, FAKE, UNCERTAIN = Verdict.REAL, Verdict.FAKE, Verdict.UNCERTAIN
PLAIN = Calibration(temperature=1, bias=0, real_to=0.1, fake_from=0.9)
IMAGE = np.random.default_rng(4).integers(0, 256, (32, 32, 3), dtype=np.uint8)
CHANGES = {change.name: change for change in changes(32)}


def mean_minus_128(batch):
    return batch.mean(axis=(1, 2, 3)) - 128


@pytest.mark.parametrize(
    ("row", "column", "place"),
    [(3, 4, (14, 10)), (0, 0, (0, 0)), (7, 0, (0, 24)), (1, 7, (24, 2))],
)
def test_the_brightest_spot_by_hand(row, column, place):
    """Of 8x8 positions each has 4 pixels: (3, 4) has its middle at x = 18, y = 14."""
    values = np.zeros((8, 8))
    values[row, column] = 1
    assert brightest(values, 32, 8, 8) == place


def test_scores_of_covered_parts_by_hand():
    """Where all is 200 but a black square of 8x8, each black pixel of 1024 costs 200 / 1024."""
    image = np.full((32, 32, 3), 200, np.uint8)
    image[8:16, 8:16] = 0
    cover = Cover(8, 8, 8, 8, "grey")
    before, after, bright, spots = covered(mean_minus_128, image, cover, (12, 8), spots=5)
    whole = 200 * 960 / 1024 - 128
    assert before == pytest.approx(whole)
    assert after == pytest.approx(whole + 128 * 64 / 1024)
    # Half of it on the black square, half of it on what was 200.
    assert bright == pytest.approx(whole + (128 - 72) * 32 / 1024)
    assert spots.shape == (5,)
    assert len(set(spots.tolist())) > 1
    again = covered(mean_minus_128, image, cover, None, spots=5)
    assert again[2] is None
    np.testing.assert_array_equal(again[3], spots)
    everything = covered(mean_minus_128, image, Cover(0, 0, 32, 32, "grey"), None, spots=2)
    assert [everything[1], *everything[3]] == [0, 0, 0]


@pytest.mark.parametrize("size", [16, 32, 64])
def test_every_change_reaches_from_nothing_to_much(size):
    image = np.random.default_rng(4).integers(0, 256, (size, size, 3), dtype=np.uint8)
    for change in changes(size):
        assert list(change.settings) == sorted(set(change.settings)), change.name
        assert change.start in change.settings
        assert change.start != change.neutral
        batch = change.batch(image)
        assert (batch.shape, batch.dtype) == ((len(change.settings), *image.shape), np.uint8)
        neutral = batch[change.settings.index(change.neutral)]
        if change.name == "jpeg":
            assert (
                np.abs(neutral.astype(int) - image).mean() < np.abs(batch[0] - image * 1.0).mean()
            )
        else:
            np.testing.assert_array_equal(neutral, image)
        for way in change.ways:
            assert (batch[way[-1]] != image).any()
            assert change.settings[way[0]] == change.neutral


def test_ways_lead_from_the_weakest_setting_to_either_end():
    assert CHANGES["jpeg"].ways == [list(range(32, -1, -1))]
    assert CHANGES["blur"].ways == [list(range(31))]
    assert CHANGES["brightness"].ways == [list(range(20, -1, -1)), list(range(20, 41))]


def test_settings_in_words():
    said = {name: change.say(change.start) for name, change in CHANGES.items()}
    assert said["jpeg"] == "40"
    assert said["brightness"] == "+20%"
    assert said["blur"] == "0.8 px"
    assert said["crop"] == "28x28 px"


def test_a_monotone_curve_and_its_flip_points():
    image = np.full((32, 32, 3), 120, np.uint8)
    change = CHANGES["brightness"]
    p_fake = curve(mean_minus_128, PLAIN, image, change)
    assert p_fake[0] == pytest.approx(1 / (1 + np.exp(-8)))
    assert p_fake[1 + change.settings.index(0.05)] == pytest.approx(1 / (1 + np.exp(5)))  # 133
    assert (np.diff(p_fake[1:]) <= 0).all()
    verdicts = [PLAIN.verdict(p) for p in p_fake[1:]]
    down, up = (
        flips(FAKE, [verdicts[i] for i in way], [change.settings[i] for i in way])
        for way in change.ways
    )
    assert down == []
    # 2.5% of the range are 6.4 levels: 126, logit -2 and p 0.88; 5% are 133.
    assert up == [Flip(0.025, UNCERTAIN), Flip(0.05, REAL)]


def test_flips_are_those_from_one_setting_to_the_next():
    assert flips(REAL, [REAL] * 3, [1, 2, 3]) == []
    assert flips(REAL, [FAKE, FAKE, REAL], [9, 8, 7]) == [Flip(9, FAKE), Flip(7, REAL)]
    assert flips(REAL, [], []) == []


def test_a_curve_asks_once_and_covers_what_is_changed_but_not_the_image():
    batches = []

    def model(batch):
        batches.append(batch)
        return np.zeros(len(batch))

    cover = Cover(2, 4, 3, 1, "black")
    p_fake = curve(model, PLAIN, IMAGE, CHANGES["blur"], cover)
    (batch,) = batches
    assert p_fake.shape == (32,)
    np.testing.assert_array_equal(batch[0], IMAGE)
    assert not batch[1:, 4, 2:5].any()
    np.testing.assert_array_equal(batch[1, 5:], IMAGE[5:])  # blur 0
    assert curve(model, PLAIN, IMAGE).shape == (2,)
    np.testing.assert_array_equal(batches[1][1], IMAGE)


def test_the_gate_is_asked_in_the_same_batch():
    asked = []

    class Engine:
        logits = staticmethod(mean_minus_128)

        def logits_and_features(self, batch):
            asked.append(batch)
            return mean_minus_128(batch), batch.mean(axis=(1, 2))

    class Gate:
        def far(self, pixels, features):
            asked.append(pixels)
            return np.array([[False, f.mean() < 100] for f in features])

    image, change = np.full((32, 32, 3), 120, np.uint8), CHANGES["brightness"]
    p_fake, strange = judged(Engine(), Gate(), PLAIN, image, change)
    np.testing.assert_array_equal(p_fake, curve(mean_minus_128, PLAIN, image, change))
    passed, gated = asked
    assert passed is gated
    assert len(passed) == 1 + len(change.settings)
    # 20 of 255 levels are 7.8%: from -10% on.
    assert [s for s, out in zip(change.settings, strange[1:], strict=True) if out] == [
        s for s in change.settings if s <= -0.1
    ]
    assert not strange[0]
    p_fake, strange = judged(Engine(), None, PLAIN, image, change)
    assert not strange.any()
    assert len(asked) == 2


def test_noise_grows_along_the_slider_and_does_not_jump():
    batch = CHANGES["noise"].batch(np.full((32, 32, 3), 128, np.uint8)).astype(float) - 128
    (one, two) = batch[1].ravel(), batch[10].ravel()
    assert np.corrcoef(one, two)[0, 1] > 0.98


@pytest.mark.parametrize("change", changes(32), ids=lambda change: change.name)
def test_a_thinned_change_keeps_its_neutral_setting_and_both_ends(change):
    thinned = change.thinned
    assert {change.neutral, change.settings[0], change.settings[-1]} <= set(thinned.settings)
    assert set(thinned.settings) < set(change.settings)
    assert list(thinned.settings) == sorted(thinned.settings)
    assert len(thinned.settings) <= len(change.settings) / 3 + 2
    assert thinned.start in thinned.settings


def test_shifts_go_the_way_that_they_are_called():
    down, right = (CHANGES[name].apply(IMAGE[None], 3)[0] for name in ("shift_y", "shift_x"))
    np.testing.assert_array_equal(down[3:], IMAGE[:-3])
    np.testing.assert_array_equal(right[:, 3:], IMAGE[:, :-3])


def test_strengths_are_told_in_their_unit():
    said = {name: CHANGES[name].say(value) for name, value in (("noise", 0.05), ("contrast", 0.6))}
    assert said == {"noise": "5%", "contrast": "60%"}
