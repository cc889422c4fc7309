"""The figures about the data set against sums done the slow way."""

from __future__ import annotations

import json
import shutil
from itertools import combinations, pairwise, product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cifake_core import dataset, stats
from cifake_core.errors import DatasetError
from cifake_core.labels import CLASSES, LABELS

CUES = ("file_size", "brightness", "saturation")


@pytest.fixture(scope="module")
def summary(tiny_cifake: Path) -> dict:
    return stats.summarise(dataset.load(tiny_cifake))


def group(summary: dict, split: str, label: str, word: str) -> dict:
    wanted = {"split": split, "label": label, "class": word}
    found = [g for g in summary["groups"] if wanted.items() <= g.items()]
    assert len(found) == 1
    return found[0]


def by_hand(file: Path) -> dict[str, float]:
    """The three cues of one file, from their definitions."""
    pixels = np.array(Image.open(file)).astype(float)
    grey = pixels @ [0.299, 0.587, 0.114]
    high, low = pixels.max(-1), pixels.min(-1)
    saturation = 255 * np.divide(high - low, high, out=np.zeros_like(high), where=high > 0)
    sizes = {"file_size": file.stat().st_size}
    return sizes | {"brightness": grey.mean(), "saturation": saturation.mean()}


def columns(rows: str) -> dict[str, np.ndarray]:
    """``"Fa Rb"``: a FAKE with the pixels a, a REAL with the pixels b."""
    words = rows.split()
    labels = np.array([0 if word[0] == "F" else 1 for word in words], np.uint8)
    return {"labels": labels, "digests": np.array([word[1:] for word in words], "S40")}


def test_summary_names_its_data_and_is_json(summary, tiny_cifake):
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    assert summary["n"] == 280
    assert summary["data_sha256"] == dataset.load(tiny_cifake).sha256
    assert summary["command"] == "python -m cifake_core data stats"


def test_auroc_of_counts_by_hand():
    # Photographs in bins 0, 0, 1; generated ones in bins 1, 2: of 6 pairs 5 are won and 1 is tied.
    assert stats.auroc_of_counts([2, 1, 0], [0, 1, 1]) == pytest.approx(5.5 / 6)
    assert stats.auroc_of_counts([0, 1, 1], [2, 1, 0]) == pytest.approx(0.5 / 6)
    assert stats.auroc_of_counts([3, 5], [3, 5]) == 0.5
    assert stats.auroc_of_counts([0, 0], [3, 5]) == 0.5


def test_there_is_a_group_for_each_class_and_for_all(summary):
    words = ("all", *CLASSES)
    expected = list(product(("train", "test"), LABELS, words))
    assert [(g["split"], g["label"], g["class"]) for g in summary["groups"]] == expected
    for split, each in (("train", 10), ("test", 4)):
        for label, word in product(LABELS, words):
            assert group(summary, split, label, word)["n"] == (each * 10 if word == "all" else each)


@pytest.mark.parametrize(("split", "label"), list(product(("train", "test"), LABELS)))
@pytest.mark.parametrize(("word", "pattern"), [("all", "*.jpg"), ("bird", "*(3).jpg")])
def test_figures_of_a_group_by_hand(summary, tiny_cifake, split, label, word, pattern):
    files = [by_hand(f) for f in sorted((tiny_cifake / split / label).glob(pattern))]
    made = group(summary, split, label, word)
    assert made["n"] == len(files)
    for cue in CUES:
        values = np.array([file[cue] for file in files])
        # OpenCV rounds grey and saturation to whole numbers for each pixel.
        near = {"abs": 6e-4 if cue == "file_size" else 0.6}
        assert made[cue]["mean"] == pytest.approx(values.mean(), **near)
        assert made[cue]["std"] == pytest.approx(values.std(), **near)
        assert made[cue]["min"] == pytest.approx(values.min(), **near)
        assert made[cue]["max"] == pytest.approx(values.max(), **near)
        for key, share in (("q25", 25), ("median", 50), ("q75", 75)):
            assert made[cue][key] == pytest.approx(np.percentile(values, share), **near)
        ordered = [made[cue][key] for key in ("min", "q25", "median", "q75", "max")]
        assert ordered == sorted(ordered)


def test_every_image_is_in_one_bin_of_each_histogram(summary):
    sizes = summary["histograms"]["file_size"]
    assert len(sizes["counts"]) == len(summary["groups"]) == 44
    for g in summary["groups"]:
        counts = sizes["counts"][f"{g['split']}/{g['label']}/{g['class']}"]
        assert sum(counts) == g["n"]
        assert len(counts) == len(sizes["edges"]) - 1
    for cue in ("brightness", "saturation"):
        made = summary["histograms"][cue]
        assert (made["edges"][0], made["edges"][-1]) == (0, 256)
        assert {label: sum(c) for label, c in made["counts"].items()} == {"FAKE": 140, "REAL": 140}
        assert {len(c) for c in made["counts"].values()} == {len(made["edges"]) - 1}


def test_size_histogram_by_hand(summary, tiny_cifake):
    made = summary["histograms"]["file_size"]
    sizes = [file.stat().st_size for file in (tiny_cifake / "train" / "REAL").iterdir()]
    edges = made["edges"]
    assert set(np.diff(edges).tolist()) == {stats.SIZE_BIN}
    expected = [sum(low <= s < high for s in sizes) for low, high in pairwise(edges)]
    assert made["counts"]["train/REAL/all"] == expected


@pytest.mark.parametrize("largest", [124, 125, 126])
def test_edges_enclose_the_values(largest):
    edges = stats._edges(np.array([101, largest], np.int32), 25)
    assert edges[0] == 100
    assert edges[-2] <= largest < edges[-1]


def test_auc_of_each_cue_is_the_share_of_pairs_told_apart(summary, tiny_cifake):
    files = {label: [by_hand(f) for f in tiny_cifake.glob(f"*/{label}/*")] for label in LABELS}
    for cue in CUES:
        fake, real = (np.array([file[cue] for file in files[label]]) for label in LABELS)
        above = (fake[:, None] > real).mean() + (fake[:, None] == real).mean() / 2
        near = {"abs": 1e-9 if cue == "file_size" else 0.02}
        assert summary["auc"][cue] == pytest.approx(max(above, 1 - above), **near)
        assert summary["auc"][cue] >= 0.5
    assert summary["auc"]["file_size"] == 1, "noise always takes more bytes than a gradient"


def test_duplicates_of_the_tiny_set_pair_by_pair(summary, tiny_cifake):
    pixels = {
        folder: [np.array(Image.open(f)).tobytes() for f in (tiny_cifake / folder).iterdir()]
        for folder in ("train/FAKE", "train/REAL", "test/FAKE", "test/REAL")
    }
    made = summary["duplicates"]
    for folder, images in pixels.items():
        pairs = sum(a == b for a, b in combinations(images, 2))
        assert made[f"pairs_in_{folder.replace('/', '_').lower()}"] == pairs
    leaked = sum(image in pixels["train/FAKE"] for image in pixels["test/FAKE"])
    assert made["test_fake_also_in_train"] == made["test_also_in_train"] == leaked == 1
    assert (made["pairs_in_train"], made["pairs_in_test"]) == (2, 1)
    assert made["leak_free_test"] == 79
    assert made["fake_also_real"] == made["test_real_also_in_train"] == 0


def test_a_set_without_some_class_is_refused_in_a_sentence(tiny_cifake, tmp_path):
    root = shutil.copytree(tiny_cifake, tmp_path / "part")
    for path in (root / "test" / "REAL").glob("* (3).jpg"):
        path.unlink()
    with pytest.raises(DatasetError, match=r"^test/REAL has no image of class bird\.$"):
        stats.summarise(dataset.load(root))


def test_duplicates_by_hand():
    # Three equal images are three pairs; the pair a is of both labels.
    made = stats.duplicates(columns("Fa Ra Fb Fb Fb Rc Rd"), columns("Fb Fb Rc Fe Re Rf Fg"))
    assert made == {
        "pairs_in_train": 4,
        "pairs_in_train_fake": 3,
        "pairs_in_train_real": 0,
        "pairs_in_test": 2,
        "pairs_in_test_fake": 1,
        "pairs_in_test_real": 0,
        "test_also_in_train": 3,
        "test_fake_also_in_train": 2,
        "test_real_also_in_train": 1,
        "fake_also_real": 2,
        "leak_free_test": 4,
    }


def test_check_finds_every_count_of_the_tiny_set_off(tiny_cifake):
    report, problems = stats.check(tiny_cifake)
    assert problems == [
        "train/FAKE has 100 good images, not 50,000",
        "train/REAL has 100 good images, not 50,000",
        "test/FAKE has 40 good images, not 10,000",
        "test/REAL has 40 good images, not 10,000",
        "1 test/FAKE images that are also in train, not the known 378",
        "2 pairs of pixel-identical images inside train, not the known 920",
        "1 pairs of pixel-identical images inside test, not the known 38",
    ]
    sizes = [file.stat().st_size for file in (tiny_cifake / "test" / "REAL").iterdir()]
    mean, low, high = np.mean(sizes), min(sizes), max(sizes)
    text = "\n".join(report)
    assert f"file size {mean:.1f} bytes on average ({low} to {high})" in text
    assert str(tiny_cifake) in text
    assert dataset.load(tiny_cifake).sha256 in text
    assert "79 test images that do not leak" in text


def test_check_has_nothing_to_say_about_a_set_with_the_known_figures(tiny_cifake, monkeypatch):
    monkeypatch.setattr(dataset, "EXPECTED_COUNTS", {"train": 100, "test": 40})
    known = {"test_fake_also_in_train": 1, "pairs_in_train": 2, "pairs_in_test": 1}
    monkeypatch.setattr(stats, "KNOWN_DUPLICATES", known)
    assert stats.check(tiny_cifake)[1] == []
    monkeypatch.setattr(stats, "KNOWN_DUPLICATES", known | {"pairs_in_test": 2})
    assert stats.check(tiny_cifake)[1] == [
        "1 pairs of pixel-identical images inside test, not the known 2"
    ]


def test_check_names_a_broken_file_and_reads_on(tiny_cifake, tmp_path):
    root = tmp_path / "cifake"
    shutil.copytree(tiny_cifake, root)
    (root / "test/REAL/0003 (4).jpg").write_bytes(b"junk")
    for file in (root / "train" / "REAL").iterdir():
        file.unlink()
    report, problems = stats.check(root)
    assert problems[0].startswith("test/REAL/0003 (4).jpg: not a readable JPEG")
    assert "train/REAL has 0 good images, not 50,000" in problems
    assert "test/REAL has 39 good images, not 10,000" in problems
    assert not any(line.startswith("train/REAL") for line in report)


def test_duplicates_of_the_real_set(real_cifake):
    splits = (real_cifake.train, real_cifake.test)
    made = stats.duplicates(*({"digests": s.digests, "labels": s.labels} for s in splits))
    assert made["test_fake_also_in_train"] == made["test_also_in_train"] == 378
    assert made["pairs_in_train"] == made["pairs_in_train_fake"] == 920
    assert made["pairs_in_test"] == made["pairs_in_test_fake"] == 38
    assert made["leak_free_test"] == 20_000 - 378
    assert made["fake_also_real"] == 0
