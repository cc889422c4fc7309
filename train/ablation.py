"""One row of the ablation table: ``python -m train.ablation --what "no noise" --run runs/a``.

Several ``--run`` are the seeds of one row, which then holds their means. ``--flip`` adds a second
row, of logits averaged over each image and its mirror image. Only validation images are used, and
a row replaces the one of the same name, so the table can be made again in any order. A run is
calibrated on the unchanged images; a model that ships keeps its own calibration.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from cifake_core import artifacts, dataset, metrics
from cifake_core.calibration import Calibration, fit_platt
from cifake_core.errors import CifakeLensError, ConfigError
from cifake_core.labels import FAKE
from cifake_core.perturb import STRESS
from cifake_core.predict import Engine
from cifake_core.progress import progress_bar
from train.config import load_recipe
from train.convert import to_onnx
from train.export import evidence_dir, predict, write_json
from train.lock import alone_with
from train.runs import load_run, read_run, seeds_of, settings_of

FILE = "ablations.json"
LABELS = ("JPEG 40", "noise 0.10", "blur 0.6")
FLIPPED = ", flip-averaged"
Logits = Callable[[np.ndarray], np.ndarray]  # (N, S, S, 3) uint8 to (N,) float64


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m train.ablation", description=__doc__)
    parser.add_argument("--what", required=True, help="what is different in this row, in words")
    parser.add_argument("--run", type=Path, action="append", default=[], dest="runs")
    parser.add_argument("--model", help="a model that ships, in place of runs")
    parser.add_argument("--command", help="how to train it, where the run's settings do not say it")
    parser.add_argument("--flip", action="store_true", help="a second row, flip-averaged")
    parser.add_argument("--data", help="folder or archive of CIFAKE (default: found by itself)")
    args = parser.parse_args(argv)
    if bool(args.runs) == bool(args.model):
        parser.error("name either finished runs (--run) or one model that ships (--model)")
    try:
        with progress_bar() as show:
            data = dataset.load(args.data, show)
        if args.model:
            card = artifacts.read_card(args.model)
            record = card.raw["training"] | {"weights_sha256": card.weights_sha256}
            members, ships = [(record, artifacts.load_engine(card))], card.calibration
        else:
            members, ships = [opened(run, data) for run in args.runs], None
        rows = measure(args.what, members, data, args.flip, args.command or "", ships)
    except CifakeLensError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    keep(rows)
    for row in rows:
        stress = ", ".join(
            f"{label} {value:.2%}" for label, value in row["stress_accuracy"].items()
        )
        print(f"{row['what']}: accuracy {row['validation_accuracy']:.2%}, {stress}")
    return 0


def opened(run: Path, data: dataset.Dataset) -> tuple[dict[str, Any], Engine]:
    """A finished run's record with the hash of its weights, and its net as it was trained, without
    ``export_args``.
    """
    record = read_run(run, data)
    record["weights_sha256"] = artifacts.file_record(run / artifacts.WEIGHTS)["sha256"]
    config = record["config"]
    return record, Engine(to_onnx(load_run(run, config, config["model_args"])))


def measure(
    what: str,
    members: list[tuple[dict, Engine]],
    data: dataset.Dataset,
    flip: bool,
    trained_by: str = "",
    calibration: Calibration | None = None,
) -> list[dict[str, Any]]:
    """The row of these members, one for each seed, and with ``flip`` the flip-averaged one too.

    ``trained_by`` is the command to name; by default it is made from the members' settings.
    ``calibration`` is that of a model that ships; runs are given one each.

    Raises:
        ConfigError: the members differ in more than the seed, or learned nothing.
    """
    records = [record for record, _ in members]
    settings = [settings_of(record["config"]) for record in records]
    plain = [{k: v for k, v in config.items() if k != "seed"} for config in settings]
    if any(config != plain[0] for config in plain):
        raise ConfigError("Runs of one row must differ in nothing but the seed.")
    seeds = [seeds_of(record) for record in records]
    if len({str(seed) for seed in seeds}) != len(seeds):
        raise ConfigError("Runs of one row must have different seeds.")
    if not trained_by and any("parts" in record for record in records):
        raise ConfigError("Of joined nets --command must say how they were trained.")
    trained_by = trained_by or command(records[0])  # of the first seed
    rows = dataset.validation_indices(data.train)
    images, is_fake = data.train.images[rows], data.train.labels[rows] == FAKE
    table = []
    for name, averaged in ((what, False), (what + FLIPPED, True)) if flip else ((what, False),):
        found = [
            scores(logits_of(engine, averaged), images, is_fake, calibration)
            for _, engine in members
        ]
        table.append(
            {
                "what": name,
                "recipe": records[0]["recipe"],
                "command": trained_by,
                "seeds": seeds,
                "flip": averaged,
                "n": len(rows),
                "weights_sha256": [record["weights_sha256"] for record in records],
                "data_sha256": data.sha256,
                "calibration": "as shipped" if calibration else "fitted to unchanged images",
                "validation_accuracy": _mean(found, "accuracy"),
                "validation_accuracy_each": [f["accuracy"] for f in found],
                "validation_auroc": _mean(found, "auroc"),
                "stress_accuracy": {label: _mean(found, label) for label in LABELS},
            }
        )
    return table


def scores(
    logits_of: Logits,
    images: np.ndarray,
    is_fake: np.ndarray,
    calibration: Calibration | None = None,
) -> dict[str, float]:
    """Accuracy after Platt scaling and AUROC on these images, accuracy on them under stress.

    The scaling, if none is given, is fitted to the unchanged images and then frozen.
    """
    logits = logits_of(images)
    try:
        calibration = calibration or Calibration(*fit_platt(logits, ~is_fake), 0.5, 0.5)
    except ValueError:
        raise ConfigError("A run learned nothing: it is no better than chance.") from None

    def accuracy(logits: np.ndarray) -> float:
        return float(np.mean((calibration.p_fake(logits) >= 0.5) == is_fake))

    found = {"accuracy": accuracy(logits), "auroc": metrics.auroc(-logits, is_fake)}
    for change in STRESS:
        if change.label in LABELS:
            found[change.label] = accuracy(logits_of(change.apply(images)))
    return found


def logits_of(engine: Engine, averaged: bool) -> Logits:
    """The engine's logits, or their means over each image and its mirror image."""
    if not averaged:
        return lambda images: predict(engine, images)
    return lambda images: (predict(engine, images) + predict(engine, images[:, :, ::-1])) / 2


def command(record: dict[str, Any]) -> str:
    """The training command of a run's record: its recipe, and ``--set`` for what differs.

    Settings that are no longer known can only be those of the commit it ran at, and so can a recipe
    that is not here, such as a file of one's own that lay elsewhere.
    """
    parts = ["python", "-m", "train.train", "--recipe", record["recipe"]]
    try:
        recipe = json.loads(json.dumps(load_recipe(record["recipe"]).as_dict()))
    except ConfigError:
        recipe = {}
    if not record["config"].keys() <= recipe.keys():
        return f"{shlex.join(parts)}  # at commit {record['git_commit'][:10]}"
    for key, value in record["config"].items():
        if value != recipe[key]:
            parts += ["--set", f"{key}={_toml(value)}"]
    return shlex.join(parts)


def keep(rows: list[dict[str, Any]]) -> None:
    """Write rows into the evidence; each replaces the one of the same name.

    The file's own ``n`` is that of rows older than theirs, and stays.
    """
    path, found = evidence_dir() / FILE, {"command": "python -m train.ablation --what WHAT"}
    with alone_with(path):
        found |= json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"rows": []}
        new = {row["what"]: row for row in rows}
        table = [new.pop(r["what"], r) for r in found["rows"]]
        write_json(path, found | {"rows": table + [r for r in rows if r["what"] in new]})


def _mean(found: list[dict[str, float]], key: str) -> float:
    return float(np.mean([f[key] for f in found]))


def _toml(value: Any) -> str:
    """A value as ``--set`` reads it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k} = {_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value)  # numbers, strings and booleans are written the same in both


if __name__ == "__main__":
    sys.exit(main())
