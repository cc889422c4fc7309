"""A training configuration: one frozen dataclass, filled from a recipe and ``--set`` options."""

from __future__ import annotations

import dataclasses
import math
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cifake_core.errors import ConfigError

RECIPES = Path(__file__).parent / "recipes"
CHOICES = {
    "dtype": ("float32", "mixed_bfloat16", "mixed_float16"),
    "optimizer": ("adamw", "adam"),
    "schedule": ("one_cycle", "constant"),
}
SEEDS = 2**32  # NumPy's generator, which Keras seeds along, takes no larger ones
SMALLEST_CROP = 8  # pixels; less is nothing to pool
AUGMENTATION = {
    "flip",
    "flip_vertical",
    "shift",
    "crop",
    "zoom",
    "rotation",
    "light",
    "brightness",
    "contrast",
    "jpeg",
    "jpeg_quality",
    "noise",
    "noise_sigma",
    "blur",
    "blur_sigma",
    "mixup",
    "cutmix",
}


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that decides what a run computes. A recipe file is the only difference between
    two trainings; probabilities are per image, sizes in pixels, noise and blur as sigma.
    """

    model: str
    epochs: int
    model_args: dict[str, Any] = field(default_factory=dict)
    export_args: dict[str, Any] = field(default_factory=dict)  # of the model that ships only
    initial_weights: str = ""  # "imagenet", or a .weights.h5 file: of the backbone, if there is one
    batch_size: int = 256
    optimizer: str = "adamw"
    schedule: str = "one_cycle"
    learning_rate: float = 3e-3  # peak of the one-cycle schedule
    warmup: float = 0.2  # share of a cycle's steps spent rising to the peak
    # More cycles: tables of epochs, learning_rate and whatever augmentation changes.
    then: tuple[dict[str, Any], ...] = ()
    # Both count validations, one every validate_every epochs. 0: never
    plateau: int = 0  # so many without a lower validation loss before the rate is halved
    early_stopping: int = 0  # so many without one before the end, with the best weights
    weight_decay: float = 0.05
    label_smoothing: float = 0.0
    # Distillation: a model that ships, or a finished run's folder; its share of the target.
    teacher: str = ""
    teacher_share: float = 0.5
    ema: float = 0.998  # decay of the weight average; 0 ships the last weights
    seed: int = 1
    dtype: str = "float32"
    devices: int = 1  # more than one: data parallel through keras.distribution (JAX)
    jit: bool = False
    # augmentation
    flip: bool = True
    flip_vertical: bool = False
    shift: int = 3  # at most this many pixels each way, edges reflected
    crop: int = 0  # train on a square of this many pixels from anywhere in each image; 0: on all
    zoom: float = 0.0  # at most this share larger or smaller, edges reflected
    rotation: float = 0.0  # at most this many degrees either way, edges reflected
    light: float = 0.0  # chance of another brightness and contrast
    brightness: tuple[float, float] = (-0.2, 0.2)  # added, of the full range 1.0
    contrast: tuple[float, float] = (0.75, 1.25)  # factor about mid-grey
    jpeg: float = 0.0  # chance of a round trip through JPEG
    jpeg_quality: tuple[int, int] = (40, 95)
    noise: float = 0.0  # chance of Gaussian noise
    noise_sigma: tuple[float, float] = (0.0, 0.1)  # of the full range 1.0
    blur: float = 0.0  # chance of Gaussian blur
    blur_sigma: tuple[float, float] = (0.3, 0.8)
    # Two images in one, the label in proportion; the share is drawn from Beta(a, a). 0: never
    mixup: float = 0.0  # both, one over the other (Zhang et al. 2018, arXiv:1710.09412)
    cutmix: float = 0.0  # a box of one in the other (Yun et al. 2019, arXiv:1905.04899)
    # how the run is kept
    limit: int = 0  # train on this many images only; 0 is all of them
    checkpoint_every: int = 200  # steps; where a save is slow, more: see train.checkpoint
    validate_every: int = 1  # epochs

    def __post_init__(self) -> None:
        for key in ("epochs", "batch_size", "devices", "checkpoint_every", "validate_every"):
            if getattr(self, key) < 1:
                raise ConfigError(f"{key} must be at least 1.")
        for key in (
            "warmup", "light", "jpeg", "noise", "blur", "label_smoothing", "teacher_share"
        ):  # fmt: skip
            if not 0 <= getattr(self, key) <= 1:
                raise ConfigError(f"{key} must lie between 0 and 1.")
        for key in (
            "shift", "crop", "limit", "rotation", "plateau", "early_stopping", "mixup", "cutmix",
        ):  # fmt: skip
            if not 0 <= getattr(self, key) < math.inf:
                raise ConfigError(f"{key} must be at least 0.")
        if not 0 <= self.seed < SEEDS:
            raise ConfigError(f"seed must be at least 0 and less than {SEEDS}.")
        if not (0 < self.learning_rate < math.inf and 0 <= self.weight_decay < math.inf):
            raise ConfigError("learning_rate must be more than 0, weight_decay at least 0.")
        if self.crop and self.crop < SMALLEST_CROP:
            raise ConfigError(f"crop must be 0 or at least {SMALLEST_CROP}.")
        for key in ("ema", "zoom"):
            if not 0 <= getattr(self, key) < 1:
                raise ConfigError(f"{key} must be at least 0 and less than 1.")
        for key, known in CHOICES.items():
            if getattr(self, key) not in known:
                raise ConfigError(f"{key} must be one of {', '.join(known)}.")
        for key in ("brightness", "contrast", "noise_sigma", "blur_sigma"):
            if not all(map(math.isfinite, getattr(self, key))):
                raise ConfigError(f"{key} must be two numbers, neither of them infinite.")
        if not 1 <= self.jpeg_quality[0] <= self.jpeg_quality[1] <= 100:
            raise ConfigError("jpeg_quality must lie between 1 and 100.")
        if self.contrast[0] <= 0:
            raise ConfigError("contrast must be more than 0.")
        if self.blur_sigma[0] <= 0 or self.noise_sigma[0] < 0:
            raise ConfigError("blur_sigma must be more than 0, noise_sigma at least 0.")
        if (self.plateau or self.early_stopping) and self.schedule != "constant":
            raise ConfigError("plateau and early_stopping need schedule = constant.")
        if self.then and self.early_stopping:
            raise ConfigError("early_stopping ends a run of one cycle only: without then.")
        allowed = {"epochs", "learning_rate", *AUGMENTATION}
        for number, table in enumerate(self.then, start=1):
            if "epochs" not in table or not set(table) <= allowed:
                raise ConfigError(
                    f"then, table {number}: wants epochs, and knows {', '.join(sorted(allowed))}."
                )
            if "learning_rate" in table and self.schedule == "constant":
                raise ConfigError(
                    f"then, table {number}: with schedule = constant the rate is that of the run."
                )
        self.phases()  # refuses what a table changes for the worse

    def phases(self) -> list[Config]:
        """The cycles of the run in their order, each as a configuration of its own."""
        first = dataclasses.replace(self, then=()) if self.then else self
        return [first, *(dataclasses.replace(first, **table) for table in self.then)]

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def from_mapping(values: dict[str, Any]) -> Config:
    """A Config from plain values, refusing unknown keys and wrong types.

    Raises:
        ConfigError: naming the key and what would be right.
    """
    fields = {f.name: f for f in dataclasses.fields(Config)}
    checked = {}
    for key, value in values.items():
        if key not in fields:
            raise ConfigError(f"There is no setting {key!r}. Settings: {', '.join(fields)}.")
        checked[key] = _checked(key, str(fields[key].type), value)
    missing = [k for k in ("model", "epochs") if k not in checked]
    if missing:
        raise ConfigError(f"The recipe does not say {' and '.join(missing)}.")
    return Config(**checked)


def load_recipe(name: str, overrides: list[str] = ()) -> Config:
    """The configuration of a recipe after ``key=value`` overrides.

    Values of overrides are TOML; what is not TOML is taken as a string.
    """
    values = read_recipe(name)
    values.pop("about", None)
    for item in overrides:
        _override(values, item)
    return from_mapping(values)


def read_recipe(name: str) -> dict[str, Any]:
    """``train/recipes/<name>.toml`` or a path; ``about`` holds what is said of it in words.

    Raises:
        ConfigError: no such recipe, or not TOML.
    """
    path = Path(name) if name.endswith(".toml") else RECIPES / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in RECIPES.glob("*.toml")))
        raise ConfigError(f"There is no recipe {name!r}. Recipes: {known}.")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}.") from None


def _override(values: dict[str, Any], item: str) -> None:
    key, equals, text = item.partition("=")
    if not equals:
        raise ConfigError(f"--set wants key=value, not {item!r}.")
    try:
        value = tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        value = text
    # model_args.dropout=0.1 reaches into the table
    table, _, inner = key.strip().partition(".")
    if inner:
        inside = values.setdefault(table, {})
        if not isinstance(inside, dict):
            raise ConfigError(f"{table} is one value, so --set cannot reach {item!r}.")
        inside[inner] = value
    else:
        values[table] = value


def _checked(key: str, kind: str, value: Any) -> Any:
    if kind.startswith("dict"):
        ok = isinstance(value, dict)
    elif kind.startswith("tuple[dict"):
        ok = isinstance(value, list | tuple) and all(isinstance(v, dict) for v in value)
        types = {f.name: str(f.type) for f in dataclasses.fields(Config)}
        if ok:
            value = tuple(
                # What is no setting is refused by its name, later.
                {k: _checked(k, types[k], v) if k in types else v for k, v in table.items()}
                for table in value
            )
    elif kind.startswith("tuple"):
        ok = isinstance(value, list | tuple) and len(value) == 2
        number = int if "int" in kind else int | float
        ok = ok and all(isinstance(v, number) and not isinstance(v, bool) for v in value)
        ok = ok and value[0] <= value[1]
        value = tuple(value) if ok else value
    elif kind == "bool":
        ok = isinstance(value, bool)
    elif kind == "float":
        ok = isinstance(value, int | float) and not isinstance(value, bool)
        value = float(value) if ok else value
    elif kind == "int":
        ok = isinstance(value, int) and not isinstance(value, bool)
    else:
        ok = isinstance(value, str)
    if not ok:
        raise ConfigError(f"{key} must be {kind}, not {value!r}.")
    return value
