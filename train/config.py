"""A training configuration: one frozen dataclass, filled from a recipe and ``--set`` options."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cifake_core.errors import ConfigError

RECIPES = Path(__file__).parent / "recipes"
DTYPES = ("float32", "mixed_bfloat16", "mixed_float16")


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that decides what a run computes. A recipe file is the only difference between
    two trainings; probabilities are per image, sizes in pixels, noise and blur as sigma.
    """

    model: str
    epochs: int
    model_args: dict[str, Any] = field(default_factory=dict)
    batch_size: int = 256
    learning_rate: float = 3e-3  # peak of the one-cycle schedule
    warmup: float = 0.2  # share of all steps spent rising to the peak
    tail_epochs: int = 0  # more epochs at the end, in a cycle of their own, on clean images
    tail_learning_rate: float = 5e-4
    weight_decay: float = 0.05
    label_smoothing: float = 0.0
    ema: float = 0.998  # decay of the weight average; 0 ships the last weights
    seed: int = 1
    dtype: str = "float32"  # one of DTYPES
    devices: int = 1  # more than one: data parallel through keras.distribution (JAX)
    jit: bool = False
    # augmentation
    flip: bool = True
    shift: int = 3  # at most this many pixels each way, edges reflected
    jpeg: float = 0.0  # chance of a round trip through JPEG
    jpeg_quality: tuple[int, int] = (40, 95)
    noise: float = 0.0  # chance of Gaussian noise
    noise_sigma: tuple[float, float] = (0.0, 0.1)  # of the full range 1.0
    blur: float = 0.0  # chance of Gaussian blur
    blur_sigma: tuple[float, float] = (0.3, 0.8)
    # how the run is kept
    limit: int = 0  # train on this many images only; 0 is all of them
    checkpoint_every: int = 200  # steps; a crash loses at most this many
    validate_every: int = 1  # epochs

    def __post_init__(self) -> None:
        for key in ("epochs", "batch_size", "devices", "checkpoint_every", "validate_every"):
            if getattr(self, key) < 1:
                raise ConfigError(f"{key} must be at least 1.")
        for key in ("warmup", "jpeg", "noise", "blur", "label_smoothing"):
            if not 0 <= getattr(self, key) <= 1:
                raise ConfigError(f"{key} must lie between 0 and 1.")
        for key in ("shift", "limit", "seed", "tail_epochs"):
            if getattr(self, key) < 0:
                raise ConfigError(f"{key} must be at least 0.")
        if not 0 <= self.ema < 1:
            raise ConfigError("ema must be at least 0 and less than 1.")
        if self.dtype not in DTYPES:
            raise ConfigError(f"dtype must be one of {', '.join(DTYPES)}.")
        if not 1 <= self.jpeg_quality[0] <= self.jpeg_quality[1] <= 100:
            raise ConfigError("jpeg_quality must lie between 1 and 100.")
        if self.blur_sigma[0] <= 0 or self.noise_sigma[0] < 0:
            raise ConfigError("blur_sigma must be more than 0, noise_sigma at least 0.")

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
    """Read ``train/recipes/<name>.toml`` (or a path) and apply ``key=value`` overrides.

    Values of overrides are TOML; what is not TOML is taken as a string.
    """
    path = Path(name) if name.endswith(".toml") else RECIPES / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in RECIPES.glob("*.toml")))
        raise ConfigError(f"There is no recipe {name!r}. Recipes: {known}.")
    try:
        values = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}.") from None
    for item in overrides:
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
    return from_mapping(values)


def _checked(key: str, kind: str, value: Any) -> Any:
    if kind.startswith("dict"):
        ok = isinstance(value, dict)
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
