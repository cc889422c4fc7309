"""Where the answer flips along a slider, in words and in the plot, against curves made by hand."""

import numpy as np
import pytest

from cifake_core.calibration import Calibration, Verdict
from cifake_core.render import ANSWER_COLOURS
from cifake_core.what_if import changes
from pages.parts import what_if_plots
from pages.parts.what_if_plots import Along, flip_words

CHANGES = {change.name: change for change in changes(32)}
PLAIN = Calibration(temperature=1, bias=0, real_to=0.1, fake_from=0.9)
JPEG, BLUR, BRIGHTNESS = (CHANGES[name] for name in ("jpeg", "blur", "brightness"))


def line(change, *parts):
    """p_fake of the image, then at the settings: (count, p_fake) after each other."""
    p_fake = np.concatenate([np.full(count, p) for count, p in parts])
    assert len(p_fake) == 1 + len(change.settings)
    return p_fake


def said(change, p_fake, strange=None, covered=False):
    return flip_words(Along(change, p_fake, PLAIN, strange, covered))


def test_flip_points_of_readings_in_words():
    flat = said(JPEG, line(JPEG, (34, 0.05)))
    assert flat.endswith("reading is *real*. It stays so along the whole slider: there is no flip.")
    # 4, 7, ... 43 are the first fourteen qualities.
    falls = np.r_[0.05, np.full(14, 0.95), np.full(19, 0.05)]
    assert "From JPEG quality 43 down the reading is *AI-generated*." in said(JPEG, falls)
    twice = said(BLUR, line(BLUR, (6, 0.95), (10, 0.5), (16, 0.0)))
    assert "From blur 0.5 px up the reading is *can't tell*; from 1.5 px up *real*." in twice
    one_way = said(BRIGHTNESS, line(BRIGHTNESS, (32, 0.0), (10, 0.5)))
    assert "From brightness +27.5% up the reading is *can't tell*." in one_way
    assert one_way.endswith("In the other direction it does not flip.")
    restless = np.r_[0.05, np.tile([0.05, 0.5], 16)[:31]]
    assert "and it changes 28 more times" in said(BLUR, restless)


def test_flips_of_a_covered_image_start_from_the_covered_one():
    p_fake = line(JPEG, (20, 0.0), (14, 0.99))
    assert "From JPEG quality 100 down" in said(JPEG, p_fake)
    covered = said(JPEG, p_fake, covered=True)
    assert covered.startswith(
        "With that part covered, the model's reading is *AI-generated*. From JPEG "
    )
    assert "From JPEG quality 58 down the reading is *real*." in covered


def test_an_answer_ends_where_the_gate_turns_the_image_away():
    """However sure the readings stay."""
    p_fake, strange = line(BLUR, (32, 0.01)), np.arange(32) > 8
    assert said(BLUR, p_fake, strange) == (
        "As it is, the answer is *real*. From blur 0.8 px up the answer is *can't tell*, because "
        "it is no longer like the images of CIFAKE."
    )
    assert "there is no flip" in said(BLUR, p_fake, np.zeros(32, bool))
    assert said(BLUR, p_fake, ~strange).startswith(
        "As it is, the answer is *can't tell*, because it is not like the images of CIFAKE. From "
        "blur 0.8 px up the answer is *real*."
    )


def test_each_stretch_of_cant_tell_has_its_own_reason():
    p_fake = line(BLUR, (4, 0.95), (3, 0.5), (6, 0.05), (19, 0.5))
    strange = np.zeros(32, bool)
    strange[20:] = True
    assert said(BLUR, p_fake, strange) == (
        "As it is, the answer is *AI-generated*. From blur 0.3 px up the answer is *can't tell*, "
        "because the model is not sure enough; from 0.6 px up *real*; from 1.2 px up *can't "
        "tell*, because it is no longer like the images of CIFAKE or the model is not sure enough."
    )
    thin = said(BLUR, line(BLUR, (32, 0.5)), np.zeros(32, bool))
    assert thin.startswith("As it is, the answer is *can't tell*, because the model is not sure")


@pytest.mark.parametrize("covered", [False, True])
def test_the_plot_marks_flips_and_what_is_turned_away(covered):
    p_fake, strange = line(BLUR, (32, 0.01)), np.arange(32) > 8
    along = Along(BLUR, p_fake, PLAIN, strange, covered)
    drawn = what_if_plots.figure(along, 0.8, {}, ["lens"], "black")
    traces = {trace.name: trace for trace in drawn.data}
    assert list(traces["real"].x) == [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
    assert len(traces["unlike CIFAKE"].x) == 23
    assert traces["unlike CIFAKE"].marker.symbol == "square-open"
    assert list(traces["flip"].x) == [0.8]
    assert [s.x0 for s in drawn.layout.shapes if s.line.dash == "dash"] == [0.8]


def test_the_plot_of_raw_scores_has_the_zones_in_the_same_order():
    p_fake = line(BLUR, (16, 0.02), (16, 0.5))
    drawn = what_if_plots.figure(
        Along(BLUR, p_fake, PLAIN, np.zeros(32, bool)), 0.8, {}, ["lens"], "black", raw=True
    )
    traces = {trace.name: trace for trace in drawn.data}
    np.testing.assert_allclose(traces["real"].y, [PLAIN.raw(0.02)] * len(traces["real"].y))
    zones = {s.fillcolor: (s.y0, s.y1) for s in drawn.layout.shapes if s.type == "rect"}
    low, high = drawn.layout.yaxis.range
    real_to, fake_from = PLAIN.raw(np.array([PLAIN.real_to, PLAIN.fake_from]))
    assert zones[ANSWER_COLOURS["real"]] == (low, real_to)
    assert zones[ANSWER_COLOURS["uncertain"]] == (real_to, fake_from)
    assert zones[ANSWER_COLOURS["fake"]] == (fake_from, high)
    assert low < real_to < 0 < fake_from < high
    assert low < traces["flip"].y[0] < high


def test_where_no_size_fits_every_mark_is_hollow():
    p_fake = line(BLUR, (16, 0.01), (16, 0.99))
    drawn = what_if_plots.figure(Along(BLUR, p_fake, PLAIN), 0.8, {}, ["lens"], "black")
    traces = {trace.name: trace for trace in drawn.data}
    assert len(traces["no answer"].x) == 31
    assert not any(traces[word].x for word in ("real", "AI-generated", "can't tell"))
    assert list(traces["flip"].x) == [1.5]


def test_answers_are_those_of_the_gate_first():
    along = Along(BLUR, line(BLUR, (32, 0.99)), PLAIN, np.arange(32) % 2 == 0)
    assert along.before is Verdict.UNCERTAIN
    assert along.answers[:3] == [Verdict.FAKE, Verdict.UNCERTAIN, Verdict.FAKE]


def test_an_image_that_was_strange_from_the_beginning_is_not_so_no_longer():
    p_fake, strange = line(BLUR, (32, 0.01)), np.ones(32, bool)
    for covered in (False, True):
        assert "because it is not like the images of CIFAKE" in said(BLUR, p_fake, strange, covered)
    strange[:9] = [True, False, False, False, False, False, False, False, True]
    told = said(BLUR, p_fake, strange, covered=True)
    assert told.endswith("*can't tell*, because it is not like the images of CIFAKE.")
    strange[0] = False
    assert "because it is no longer like" in said(BLUR, p_fake, strange, covered=True)
