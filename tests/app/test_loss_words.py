"""What the page says of a loss in training."""

import pytest

from pages.parts.model_training import loss_words

MOVED, CUT, DAMAGED, MIXED, SOFT, PENALTY = (
    "is of images that were mirrored", "is in part of squares", "is of images of which many were",
    "is of two images in one", "is against softer answers", "holds a penalty on large weights",
)  # fmt: skip


@pytest.mark.parametrize(
    ("cycles", "said"),
    [
        ([{"model": "paper_cnn", "flip": False, "jpeg": 0.0, "teacher": ""}], []),
        ([{"model": "aireal_cnn", "model_args": {}}], [PENALTY]),
        ([{"model": "aireal_cnn", "model_args": {"l2": 0.0}}], []),
        ([{"flip": True}, {"blur": 0.1}], [MOVED, DAMAGED]),
        ([{"shift": 3, "mixup": 0.2}, {"crop": 16}], [MOVED, CUT, MIXED]),
        ([{"teacher": "lens"}], [SOFT]),
        ([None, 5, {"model_args": 5}], []),
    ],
)
def test_words_on_a_loss_follow_from_how_it_came_about(cycles, said):
    words = loss_words({"one": cycles, "other": [{"model": "paper_cnn"}]})
    known = (MOVED, CUT, DAMAGED, MIXED, SOFT, PENALTY)
    assert [w for w in known if f"hat of one {w}" in words] == said
    assert "other" not in words
    assert bool(words) == bool(said)
