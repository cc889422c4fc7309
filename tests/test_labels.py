from __future__ import annotations

import pytest

from cifake_core import labels
from cifake_core.dataset import class_of


def test_order_is_that_of_the_folders_sorted():
    assert list(labels.LABELS) == sorted(labels.LABELS)
    assert labels.LABELS[labels.FAKE] == "FAKE"
    assert labels.LABELS[labels.REAL] == "REAL"


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("0001.jpg", "airplane"),
        ("0001 (2).jpg", "automobile"),
        ("0001 (3).jpg", "bird"),
        ("0001 (4).jpg", "cat"),
        ("0001 (5).jpg", "deer"),
        ("0001 (6).jpg", "dog"),
        ("0001 (7).jpg", "frog"),
        ("0001 (8).jpg", "horse"),
        ("0001 (9).jpg", "ship"),
        ("0001 (10).jpg", "truck"),
        ("train/REAL/4321 (10).JPEG", "truck"),
        ("train (3)/REAL/0001.jpg", "airplane"),
    ],
)
def test_class_is_the_number_in_brackets(name, label):
    assert labels.CLASSES[class_of(name)] == label
