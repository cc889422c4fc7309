"""Recipes are those they are named after, what ships was trained by them, and their words hold."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

import pytest

from cifake_core import artifacts
from cifake_core.models import build
from train.config import RECIPES, load_recipe, read_recipe
from train.runs import settings_of

EVIDENCE = artifacts.ASSETS / "evidence"
IN_TRAIN = 100_000
MOVES = (
    "flip", "flip_vertical", "shift", "crop", "zoom", "rotation", "light", "jpeg", "noise", "blur",
    "mixup", "cutmix",
)  # fmt: skip


@dataclass(frozen=True)
class Reference:
    """A recipe of others, in their numbers."""

    batch_size: int
    learning_rate: float
    epochs: int
    moves: dict  # what is done to images; all else is off
    trained_on: float = 0.9  # share of train; we hold out a tenth where its authors say nothing
    dropout: tuple = ()
    l2: float | None = None
    early_stopping: int = 0
    plateau: int = 0


TURNED = {"flip": True, "zoom": 0.2, "rotation": 15}
MIRRORED = {"flip": True, "flip_vertical": True}
REFERENCES = {
    "aireal_cnn": Reference(
        64, 1e-4, 30, {}, trained_on=0.8, dropout=(*3 * (0.3,), *3 * (0.4,)), l2=0.001
    ),
    "mobilenet_v2": Reference(64, 1e-3, 20, TURNED, dropout=(0.3,), early_stopping=3),
    "resnet50": Reference(
        128, 1e-3, 10, MIRRORED, trained_on=0.7, dropout=(0.5,), early_stopping=3, plateau=2
    ),
    "paper_cnn": Reference(64, 1e-3, 20, {}, early_stopping=3),
}
# Where a card's settings are not its recipe's, which its note has to say.
OTHERWISE = {
    "mobilenet_v2": {"epochs": 5, "initial_weights": "mobilenet_v2_1.0_imagenet_notop.weights.h5"}
}
SHIPPED = ("aireal_cnn", "lens", "mobilenet_v2", "paper_cnn", "resnet50")
# The row of ablations.json that a recipe's expectation is from; of other recipes it is their card.
ROWS = {
    "lens": "lens: the same, statistics of its averaged weights, flip-averaged",
    "lens_hard": "lens_hard: then 24 hardened again",
    "lens_second": "lens_second: 26 epochs on more damage from the first step, 4 on milder",
    "lens_crops": "lens_crops: 30 epochs on crops of 16, 12 of 24, 11 on whole images",
    "lens_fast": "lens_fast, two epochs",
}
UNTRAINED = ("lens_large",)


@pytest.mark.parametrize("name", REFERENCES)
def test_a_recipe_of_others_has_their_settings(name):
    said, config = REFERENCES[name], load_recipe(name)
    assert config.model == name
    assert (config.optimizer, config.schedule, config.ema) == ("adam", "constant", 0)
    for key in ("batch_size", "learning_rate", "epochs", "early_stopping", "plateau"):
        assert getattr(config, key) == getattr(said, key), key
    assert {key: v for key in MOVES if (v := getattr(config, key))} == said.moves
    held_out = IN_TRAIN // 10
    assert (config.limit or IN_TRAIN - held_out) == said.trained_on * IN_TRAIN
    assert (config.then, config.label_smoothing, config.teacher) == ((), 0, "")
    model = build(name, **config.model_args)
    rates = [layer.rate for layer in model.layers if type(layer).__name__ == "Dropout"]
    assert tuple(rates) == said.dropout
    factors = [
        float(layer.kernel_regularizer.l2) if layer.kernel_regularizer else None
        for layer in model.layers
        if type(layer).__name__ in ("Conv2D", "Dense")
    ]
    assert factors == [said.l2 and pytest.approx(said.l2)] * len(factors)


@pytest.mark.parametrize("name", SHIPPED)
def test_what_ships_was_trained_with_the_settings_of_its_recipe(name):
    training = artifacts.read_card(name).raw["training"]
    for record in training.get("parts", [training]):
        recipe = json.loads(json.dumps(load_recipe(record["recipe"]).as_dict()))
        assert settings_of(record["config"]) == recipe | OTHERWISE.get(name, {})
    for key, value in OTHERWISE.get(name, {}).items():
        assert {"epochs": f"{value} epochs", "initial_weights": "ImageNet"}[key] in training["note"]


def expected(name: str) -> str:
    return read_recipe(name)["about"]["expect"]


def assert_written(said: list[str], found: list[float]) -> None:
    """Percentages as they are written are those found, rounded to as many digits."""
    assert len(said) == len(found)
    for text, value in zip(said, found, strict=True):
        half = 0.5 * 10.0 ** -len(text.partition(".")[2])
        assert float(text) == pytest.approx(100 * value, abs=half + 1e-9)


def test_every_recipe_expects_something_that_is_checked_here():
    assert {*REFERENCES, *ROWS, *UNTRAINED} == {path.stem for path in RECIPES.glob("*.toml")}
    for name in UNTRAINED:
        assert not re.search(r"\d", expected(name))


@pytest.mark.parametrize("name", REFERENCES)
def test_a_recipe_expects_what_its_card_and_its_curve_found(name):
    card = artifacts.read_card(name).raw
    found = [card["validation"]["accuracy"], card["training"]["result"]["validation_accuracy"]]
    assert_written(re.findall(r"([\d.]+)%", expected(name)), found)
    curve = json.loads((EVIDENCE / f"{name}_training.json").read_text())["metrics"]
    for epochs in re.findall(r"(\d+) epochs", expected(name)):
        assert float(epochs) == curve[-1]["epoch"]


@pytest.mark.parametrize("name", ROWS)
def test_a_recipe_expects_what_its_ablation_found(name):
    rows = json.loads((EVIDENCE / "ablations.json").read_text())["rows"]
    (row,) = [row for row in rows if row["what"] == ROWS[name]]
    assert row["command"] == f"python -m train.train --recipe {name}"
    assert row["flip"] == ("mirror average" in expected(name))
    assert_written(re.findall(r"([\d.]+)%", expected(name)), [row["validation_accuracy"]])


def test_lens_takes_as_long_as_its_recipe_says():
    """By the rates of the second net that ships, which is of this recipe; without validation."""
    curve = json.loads((EVIDENCE / "lens_training.json").read_text())["metrics"]
    rows, before, seconds = [row for row in curve if row["net"] == 2], 0, 0.0
    for row in rows:
        images = (row["step"] - before) * load_recipe("lens").batch_size
        seconds, before = seconds + images / row["images_per_s"], row["step"]
    (said,) = re.findall(r"^([\d.]+) hours on two CPU cores", read_recipe("lens")["about"]["cost"])
    assert float(said) == pytest.approx(seconds / 3600, abs=0.05)
