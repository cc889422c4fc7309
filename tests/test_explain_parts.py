import numpy as np
import pytest

from cifake_core.explain import Method, from_cam
from cifake_core.explain_parts import parts
from cifake_core.labels import FAKE, REAL

# Three maps of 2x2 with means 2, 1 and 4; logit = 3*2 - 2*1 + 0.5*4 + 1 = 7.
MAPS = np.array([[[8.0, 0], [0, 0]], [[0, 4], [0, 0]], [[4, 4], [4, 4]]])
WEIGHTS = np.array([3.0, -2.0, 0.5])


def test_parts_for_real_by_hand():
    found = parts(MAPS, WEIGHTS, 1.0, REAL)
    np.testing.assert_allclose(found.added, [6, -2, 2])
    np.testing.assert_allclose(found.shares, [0.75, 0, 0.25])
    np.testing.assert_allclose(found.summed, [[26, -6], [2, 2]])
    np.testing.assert_allclose(found.weighted[1], [[0, -8], [0, 0]])
    assert found.score == 7
    assert found.strongest(4) == [0, 2]
    assert found.strongest(1) == [0]


def test_parts_for_the_other_answer_are_the_same_turned_round():
    found = parts(MAPS, WEIGHTS, 1.0, FAKE)
    np.testing.assert_allclose(found.added, [-6, 2, -2])
    np.testing.assert_allclose(found.shares, [0, 1, 0])
    np.testing.assert_allclose(found.summed, [[-26, 6], [-2, -2]])
    assert found.score == -7
    assert found.strongest(4) == [1]


@pytest.mark.parametrize("target", [FAKE, REAL])
def test_the_sum_cut_at_zero_is_the_heatmap(target):
    cam = np.tensordot(WEIGHTS, MAPS, 1)
    expected = from_cam(cam, Method.GRADCAM, target).values
    summed = parts(MAPS, WEIGHTS, 1.0, target).summed
    np.testing.assert_allclose(np.maximum(summed, 0), expected)


def test_where_nothing_speaks_for_an_answer_no_share_is_made_up():
    found = parts(MAPS, np.zeros(3), 1.0, REAL)
    assert not found.shares.any()
    assert found.strongest(4) == []
