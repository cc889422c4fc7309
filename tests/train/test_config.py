from __future__ import annotations

import dataclasses
import re

import pytest

from cifake_core.errors import ConfigError
from train.config import RECIPES, Config, from_mapping, load_recipe

RECIPE_NAMES = sorted(path.stem for path in RECIPES.glob("*.toml"))


def config(**values) -> Config:
    return from_mapping({"model": "lens", "epochs": 1} | values)


@pytest.fixture
def recipe(tmp_path) -> str:
    path = tmp_path / "some.toml"
    path.write_text('model = "lens"\nepochs = 3\n[model_args]\ndropout = 0.5\n')
    return str(path)


@pytest.mark.parametrize("name", RECIPE_NAMES)
def test_shipped_recipe_opens_with_its_command(name):
    first, *_ = (RECIPES / f"{name}.toml").read_text().splitlines()
    assert re.match(rf"# python -m train\.train --recipe {name}\b", first)
    assert load_recipe(name).epochs >= 1


def test_lens_is_among_the_recipes():
    assert "lens" in RECIPE_NAMES


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("epochs", 2.0),
        ("epochs", True),
        ("epochs", "2"),
        ("epochs", 0),
        ("batch_size", 0),
        ("devices", 0),
        ("checkpoint_every", 0),
        ("validate_every", -1),
        ("model", 3),
        ("model_args", [1]),
        ("learning_rate", "fast"),
        ("learning_rate", False),
        ("flip", 1),
        ("warmup", 1.5),
        ("warmup", float("nan")),
        ("jpeg", -0.1),
        ("noise", 2),
        ("ema", 1.0),
        ("seed", -1),
        ("seed", 2**32),
        ("limit", -1),
        ("shift", -1),
        ("crop", 7),
        ("crop", -8),
        ("dtype", "float12"),
        ("jpeg_quality", (40,)),
        ("jpeg_quality", (95, 40)),
        ("jpeg_quality", (40.5, 95)),
        ("jpeg_quality", (0, 101)),
        ("jpeg_quality", (True, 95)),
        ("blur_sigma", (0, 0.5)),
        ("noise_sigma", (-0.1, 0.1)),
        ("noise_sigma", "0.1"),
        ("optimizer", "sgd"),
        ("schedule", "cosine"),
        ("zoom", 1.0),
        ("rotation", -1),
        ("light", 1.5),
        ("contrast", (0, 1)),
        ("contrast", (0.5, float("inf"))),
        ("brightness", (float("-inf"), 0.2)),
        ("noise_sigma", (0, float("inf"))),
        ("blur_sigma", (0.3, float("inf"))),
        ("early_stopping", 3),  # of a schedule that ends by itself
        ("mixup", float("inf")),
        ("cutmix", float("nan")),
        ("plateau", 3),
        ("then", {"epochs": 1}),
        ("then", [{"learning_rate": 1e-3}]),
        ("then", [{"epochs": 1, "batch_size": 3}]),
    ],
)
def test_wrong_value_is_refused_by_name(key, value):
    with pytest.raises(ConfigError, match=key):
        config(**{key: value})


def test_unknown_key_is_refused_and_the_known_ones_are_named():
    with pytest.raises(ConfigError, match=r"'learning_rat'.*learning_rate"):
        config(learning_rat=1)


@pytest.mark.parametrize("missing", ["model", "epochs"])
def test_missing_key_is_named(missing):
    values = {"model": "lens", "epochs": 1}
    del values[missing]
    with pytest.raises(ConfigError, match=missing):
        from_mapping(values)


def test_whole_numbers_and_lists_become_what_the_field_says():
    made = config(learning_rate=1, jpeg_quality=[50, 60])
    assert isinstance(made.learning_rate, float)
    assert made.jpeg_quality == (50, 60)
    assert made.as_dict()["jpeg_quality"] == (50, 60)


def test_later_cycles_change_what_they_name_and_keep_the_rest():
    made = config(
        jpeg=0.5, noise=0.25, then=[{"epochs": 4, "learning_rate": 1, "jpeg": 0}, {"epochs": 2}]
    )
    first, second, third = made.phases()
    assert [p.epochs for p in (first, second, third)] == [1, 4, 2]
    assert [p.learning_rate for p in (first, second, third)] == [3e-3, 1.0, 3e-3]
    assert [p.jpeg for p in (first, second, third)] == [0.5, 0.0, 0.5]
    assert {p.noise for p in (first, second, third)} == {0.25}


@pytest.mark.parametrize("jpeg", [2, "often"])
def test_a_later_cycle_cannot_ask_for_what_the_first_may_not(jpeg):
    with pytest.raises(ConfigError, match="jpeg"):
        config(then=[{"epochs": 1, "jpeg": jpeg}])


def test_config_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        config().epochs = 2


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("epochs=7", "epochs", 7),
        ("learning_rate=1e-3", "learning_rate", 1e-3),
        ("flip=false", "flip", False),
        ("model=lens", "model", "lens"),
        ('model="lens"', "model", "lens"),
        (" epochs = 7 ", "epochs", 7),
        ("jpeg_quality=[50, 60]", "jpeg_quality", (50, 60)),
        ("model_args.widths=[4, 4, 8]", "model_args", {"dropout": 0.5, "widths": [4, 4, 8]}),
        ("model_args.dropout=0.25", "model_args", {"dropout": 0.25}),
        ("model_args={}", "model_args", {}),
    ],
)
def test_set_replaces_a_value(recipe, text, key, value):
    changed = load_recipe(recipe, [text])
    assert getattr(changed, key) == value
    others = {f.name for f in dataclasses.fields(Config)} - {key}
    assert all(getattr(changed, o) == getattr(load_recipe(recipe), o) for o in others)


def test_later_set_wins(recipe):
    assert load_recipe(recipe, ["epochs=5", "epochs=6"]).epochs == 6


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("epochs", "key=value"),
        ("=5", "''"),
        ("epochs.x=5", "epochs"),
        ("flip.x=1", "flip"),
        ("epochs=", "epochs"),
        ("epochs=2000-01-01", "epochs"),
        ("flip=False", "flip"),
    ],
)
def test_set_that_says_nothing_sensible_is_refused(recipe, text, said):
    with pytest.raises(ConfigError, match=said):
        load_recipe(recipe, [text])


def test_recipe_that_is_not_there_or_no_toml(tmp_path):
    with pytest.raises(ConfigError, match=r"'no-such'.*lens"):
        load_recipe("no-such")
    broken = tmp_path / "broken.toml"
    broken.write_text("model = lens")
    with pytest.raises(ConfigError, match="not valid TOML"):
        load_recipe(str(broken))
    broken.write_bytes(b"model = '\xff'")
    with pytest.raises(ConfigError, match="not valid TOML"):
        load_recipe(str(broken))


def test_a_rate_that_would_not_be_used_is_refused():
    phases = [{"epochs": 1, "learning_rate": 1e-4}]
    settings = {"model": "lens", "epochs": 1, "then": phases}
    assert from_mapping(settings).phases()[1].learning_rate == 1e-4
    with pytest.raises(ConfigError, match="then, table 1: with schedule = constant the rate is"):
        from_mapping(settings | {"schedule": "constant"})
    with pytest.raises(ConfigError, match="learning_rate must be more than 0"):
        from_mapping({"model": "lens", "epochs": 1, "learning_rate": -1})
    with pytest.raises(ConfigError, match="then, table 1: wants epochs, and knows"):
        from_mapping(settings | {"then": [{"epochs": 1, "lerning_rate": 1e-4}]})
