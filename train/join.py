"""Nets that were trained apart, side by side in one: ``python -m train.join --part A --part B``.

A part is a finished run's folder, the name of a model that ships, or one net of a joined model that
ships (``lens:1``), all of one architecture whose builder takes ``nets`` (``lens``, ``lens_large``).
The folder that is written exports like any run:
``python -m train.evaluate --model mine --run runs/joined``. The joint logit is the mean of the
parts' logits, with ``--mirror`` of every other part's for the mirror image; ``export_args`` of the
parts are left aside, and calibration is fitted to images damaged as the first part's were. What two
nets get wrong differs, more so if they were trained differently, so the mean is right more often
than either (Lakshminarayanan et al. 2017, arXiv:1612.01474).
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cifake_core import artifacts, dataset
from cifake_core.catalogue import is_curve_of
from cifake_core.errors import CifakeLensError, ConfigError
from cifake_core.models import build
from cifake_core.progress import progress_bar
from train import checkpoint
from train.export import evidence_dir
from train.runs import load_run, read_run
from train.train import in_words, validate

if TYPE_CHECKING:
    import keras

OF_RUN = (
    "recipe", "config", "backend", "versions", "git_commit", "device", "sittings", "extended",
    "initial_weights_sha256", "note",
)  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m train.join", description=__doc__)
    parser.add_argument("--part", action="append", required=True, dest="parts")
    parser.add_argument("--run", type=Path, default=Path("runs/joined"), help="folder to write")
    parser.add_argument("--mirror", action="store_true", help="every other net sees mirror images")
    parser.add_argument("--data", help="folder or archive of CIFAKE (default: found by itself)")
    args = parser.parse_args(argv)
    try:
        with progress_bar() as show:
            data = dataset.load(args.data, show)
        join(args.parts, args.run, data, args.mirror)
    except CifakeLensError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def join(parts: list[str], folder: Path, data: dataset.Dataset, mirror: bool = False) -> None:
    """Write a finished run whose model is all parts at once.

    Raises:
        ConfigError: fewer than two parts, parts of different shapes, a folder that holds a run, a
            part that is no finished run on this data, or a net that a model does not have.
            ArtifactError: a model that cannot be used.
    """
    if len(parts) < 2:
        raise ConfigError("It takes two parts or more.")
    if (folder / "config.json").exists():
        raise ConfigError(f"{folder} holds a run; choose another --run.")
    found = [_opened(part, data) for part in parts]
    records = [record for record, _, _ in found]
    if any(r["config"]["model_args"].get("nets", 1) != 1 for r in records):
        raise ConfigError(
            "A part that is joined already cannot be joined again. Of a model that ships, one net "
            "can be: lens:1 is the first of lens."
        )
    shape = {key: records[0]["config"][key] for key in ("model", "model_args")}
    if any({key: r["config"][key] for key in shape} != shape for r in records):
        raise ConfigError("The parts must be of one architecture, with the same model_args.")
    arguments = shape["model_args"] | {"nets": len(parts)} | ({"mirror": True} if mirror else {})
    try:
        model = build(shape["model"], **arguments)
    except TypeError:
        raise ConfigError(f"{shape['model']} cannot be joined: it takes no nets.") from None
    set_parts(model, [part for _, part, _ in found])
    result = validate(model, data.train, dataset.validation_indices(data.train), averaged=False)

    folder.mkdir(parents=True, exist_ok=True)
    model.save_weights(work := folder / ".model.weights.h5")
    work.replace(folder / artifacts.WEIGHTS)
    record = {k: records[0].get(k) for k in ("data_sha256", "validation_seed", "backend")} | {
        "recipe": " + ".join(r["recipe"] for r in records),
        "config": {"model": shape["model"], "model_args": arguments},
        "versions": records[-1]["versions"],
        "git_commit": records[-1]["git_commit"],
        "parts": [{k: r[k] for k in OF_RUN if k in r} for r in records],
    }
    curve = [entry | {"net": n} for n, (_, _, c) in enumerate(found, start=1) for entry in c]
    result |= {"parameters": model.count_params()}
    for name, text in {
        "config.json": json.dumps(record, indent=1),
        "metrics.jsonl": "".join(json.dumps(entry) + "\n" for entry in curve),
        "result.json": json.dumps(result, indent=1),  # last: it says that the run is finished
    }.items():
        checkpoint.replace(folder / name, text.encode())
    print(f"{folder}: {in_words(result)}")


def set_parts(model: keras.Model, parts: list[keras.Model]) -> None:
    """Give a model built with ``nets`` the weights of its parts; the logit becomes their mean."""
    for number, part in enumerate(parts, start=1):
        prefix = f"net{number}_" if number > 1 else ""
        for layer in part.layers:
            if layer.weights and layer.name != "logit":
                model.get_layer(prefix + layer.name).set_weights(layer.get_weights())
    kernels, biases = zip(*(p.get_layer("logit").get_weights() for p in parts), strict=True)
    mean = [np.concatenate(kernels) / len(parts), np.mean(biases, axis=0)]
    model.get_layer("logit").set_weights(mean)


def set_net(plain: keras.Model, joint: keras.Model, number: int) -> None:
    """Give a single net the weights of net ``number``, from 1, of a model built with ``nets``.

    The biases of the logit became one when the nets were joined, and this net gets that one. So its
    logits may all be off by the same amount, which calibration makes up for.
    """
    prefix = f"net{number}_" if number > 1 else ""
    for layer in plain.layers:
        if layer.weights and layer.name != "logit":
            layer.set_weights(joint.get_layer(prefix + layer.name).get_weights())
    kernel, bias = joint.get_layer("logit").get_weights()
    width = plain.get_layer("logit").get_weights()[0].shape[0]
    nets = len(kernel) // width  # the joint kernel holds each net's, divided by their number
    plain.get_layer("logit").set_weights([kernel[(number - 1) * width :][:width] * nets, bias])


def _opened(part: str, data: dataset.Dataset) -> tuple[dict[str, Any], keras.Model, list[dict]]:
    """A part's record, its float32 net as it was trained, and its training curve."""
    if (run := Path(part)).is_dir():
        record = read_run(run, data)
        lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
        config = record["config"]
        return record, load_run(run, config, config["model_args"]), [json.loads(x) for x in lines]
    name, colon, number = part.partition(":")
    card = artifacts.read_card(name)
    record = card.raw["training"] | {"versions": card.raw["training"]["training_versions"]}
    if record["data_sha256"] != data.sha256:
        raise ConfigError(f"{name} was trained on other data than the set found here.")
    path = evidence_dir() / f"{name}_training.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    curve = kept.get("metrics", []) if is_curve_of(card, kept) else []
    if colon:
        record = _record_of_net(name, number, record)
        curve = [entry for entry in curve if entry.get("net") == int(number)]
    plain = build(record["config"]["model"], **record["config"]["model_args"])
    shipped = artifacts.load_keras(card)
    if colon:
        set_net(plain, shipped, int(number))
    else:
        plain.set_weights(shipped.get_weights())
    return record, plain, curve


def _record_of_net(name: str, number: str, training: dict[str, Any]) -> dict[str, Any]:
    """What a joined model's card says of the training of one of its nets, from 1."""
    parts = training.get("parts", [])
    if not parts:
        raise ConfigError(f"{name} is one net: name it without a number.")
    numbers = [str(n) for n in range(1, len(parts) + 1)]
    if number not in numbers:
        raise ConfigError(f"{name} has the nets {', '.join(f'{name}:{n}' for n in numbers)}.")
    record = parts[int(number) - 1]
    said = f"Taken as net {number} out of {name} as it ships."
    note = f"{record['note']} {said}" if record.get("note") else said
    return {k: training[k] for k in ("data_sha256", "validation_seed")} | record | {"note": note}


if __name__ == "__main__":
    sys.exit(main())
