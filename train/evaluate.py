"""Measure a trained model and write what ships: ``python -m train.evaluate --model lens``.

Calibration and thresholds come from validation. This is the only program that scores the official
test split, and nothing is chosen from what it prints. It writes ``assets/models/<name>/`` (weights,
ONNX graph, card) from a finished run, and ``assets/evidence/<name>.json``.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from cifake_core import artifacts, dataset, metrics
from cifake_core.calibration import Calibration, choose_thresholds, fit_platt
from cifake_core.errors import CifakeLensError, ConfigError
from cifake_core.labels import CLASSES, FAKE, LABELS, REAL
from cifake_core.predict import Engine
from cifake_core.preprocess import PREPROCESS_ID
from cifake_core.progress import progress_bar
from train.checkpoint import replace

UNCERTAIN_SHARE = 0.05  # of validation, at most
TITLES = {"lens": "lens: small residual net, native 32x32"}
REMARK = (
    "Validation while training is of the averaged weights with the running statistics that batch "
    "normalisation has of the raw ones, so it reads too low until the learning rate has fallen."
)
VERSIONS = ("keras", "tensorflow-cpu", "tensorflow", "jax", "torch", "numpy", "onnxruntime")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m train.evaluate", description=__doc__)
    parser.add_argument("--model", required=True, help="name under assets/models")
    parser.add_argument("--run", type=Path, help="finished run to export first; else as shipped")
    parser.add_argument("--data", help="folder or archive of CIFAKE (default: found by itself)")
    args = parser.parse_args(argv)
    try:
        with progress_bar() as show:
            data = dataset.load(args.data, show)
        if args.run:
            export(args.model, args.run, data)
        evidence = evaluate(args.model, data)
    except CifakeLensError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for key, words in (("official", "all test images"), ("leak_free", "without leaked ones")):
        figures = evidence["test"][key]
        low, high = figures["accuracy_interval_95"]
        print(
            f"{words:20} n={figures['n']:,} accuracy {figures['accuracy']:.4f} "
            f"[{low:.4f}, {high:.4f}] AUROC {figures['auroc']:.5f} ECE {figures['ece']:.4f}"
        )
    return 0


def export(name: str, run: Path, data: dataset.Dataset) -> None:
    """Turn a finished run into ``assets/models/<name>/``, calibrated on validation.

    Raises:
        ConfigError: the run is not finished, or was trained on other data.
    """
    import keras

    from cifake_core.models import build

    if not (run / "result.json").is_file():
        raise ConfigError(f"{run} is not a finished run.")
    record = json.loads((run / "config.json").read_text())
    if record["data_sha256"] != data.sha256:
        raise ConfigError(f"{run} was trained on other data than the set found here.")
    config = record["config"]
    keras.config.set_dtype_policy("float32")
    model = build(config["model"], **config["model_args"])
    artifacts.load_all_weights(model, run / artifacts.WEIGHTS)
    graph = to_onnx(model)
    engine = Engine(graph)
    rows = dataset.validation_indices(data.train)
    logits = predict(engine, data.train.images, rows)
    is_real = data.train.labels[rows] == REAL
    try:
        temperature, bias = fit_platt(logits, is_real)
    except ValueError:
        raise ConfigError(f"{run} learned nothing: it is no better than chance.") from None
    fitted, raw = Calibration(temperature, bias, 0.5, 0.5), Calibration(1.0, 0.0, 0.5, 0.5)
    p_fake = fitted.p_fake(logits)
    real_to, fake_from = choose_thresholds(p_fake, UNCERTAIN_SHARE)

    # Nothing that ships is touched before all of the above has worked.
    folder = artifacts.models_dir() / name
    folder.mkdir(parents=True, exist_ok=True)
    model.save_weights(folder / artifacts.WEIGHTS)
    replace(folder / artifacts.GRAPH, graph)
    goldens = artifacts.golden_images(model.input_shape[1])
    uncertain = (p_fake > real_to) & (p_fake < fake_from)
    card = {
        "format": artifacts.CARD_FORMAT,
        "name": name,
        "title": TITLES.get(name, name),
        "domain": "cifake",
        "scope": "whole image",
        "image_size": model.input_shape[1],
        "preprocess": PREPROCESS_ID,
        "builder": config["model"],
        "builder_arguments": config["model_args"],
        "parameters": model.count_params(),
        "target_layer": "features",
        "classes": list(LABELS),
        "logit_grows_with": LABELS[REAL],
        "files": {
            file: artifacts.file_record(folder / file)
            for file in (artifacts.WEIGHTS, artifacts.GRAPH)
        },
        "calibration": {
            "temperature": temperature,
            "bias": bias,
            "real_to": real_to,
            "fake_from": fake_from,
            "chosen_on": "validation",
            "uncertain_share": float(uncertain.mean()),
            "nll_before": metrics.negative_log_likelihood(logits, is_real),
            "nll_after": metrics.negative_log_likelihood(fitted.scaled(logits), is_real),
            "ece_before": metrics.expected_calibration_error(raw.p_fake(logits), ~is_real),
        },
        "validation": metrics.summary(p_fake, ~is_real),
        "training": {
            **{k: record[k] for k in ("recipe", "config", "backend", "git_commit", "data_sha256")},
            "training_versions": record["versions"],
            "note": record.get("note", ""),
            "validation_seed": record["validation_seed"],
            "result": json.loads((run / "result.json").read_text()),
        },
        "versions": {"python": platform.python_version(), **_versions()},
        "goldens": artifacts.encode_goldens(goldens, engine.logits(goldens)),
    }
    replace(folder / artifacts.CARD, _json(card))
    curve = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    replace(
        evidence_dir() / f"{name}_training.json",
        _json({"name": name, "remark": REMARK, "metrics": curve}),
    )
    split = {
        "seed": dataset.VALIDATION_SEED,
        "data_sha256": data.sha256,
        "files": data.train.names[rows].tolist(),
    }
    replace(evidence_dir() / "validation_split.json", json.dumps(split).encode())


def evaluate(name: str, data: dataset.Dataset) -> dict:
    """Score the shipped model on the official test split; writes evidence and the card's results.

    Returns:
        The evidence: figures on all 20,000 and on the leak-free test images, and the logits.
    """
    card = artifacts.read_card(name)
    test = data.test
    logits = predict(artifacts.load_engine(card), test.images, np.arange(len(test)))
    p_fake, is_fake = card.calibration.p_fake(logits), test.labels == FAKE
    clean = ~dataset.leaked_rows(data)
    evidence = {
        "name": name,
        "command": f"python -m train.evaluate --model {name}",
        "weights_sha256": card.raw["files"][artifacts.WEIGHTS]["sha256"],
        "data_sha256": data.sha256,
        "seeds": [card.raw["training"]["config"]["seed"]],
        "test": {
            "official": figures(card.calibration, logits, p_fake, is_fake),
            "leak_free": figures(card.calibration, logits[clean], p_fake[clean], is_fake[clean]),
            "accuracy_by_class": {
                word: {
                    LABELS[label]: float(np.mean((p_fake[rows] >= 0.5) == is_fake[rows]))
                    for label in (REAL, FAKE)
                    for rows in [(test.classes == i) & (test.labels == label)]
                }
                for i, word in enumerate(CLASSES)
            },
        },
        # Rows in the order of the sorted relative paths; little-endian float32 in base64.
        "logits": base64.b64encode(logits.astype("<f4").tobytes()).decode(),
    }
    replace(evidence_dir() / f"{name}.json", _json(evidence))
    results = {k: evidence["test"][k] for k in ("official", "leak_free")}
    path = artifacts.models_dir() / name / artifacts.CARD
    replace(path, _json(card.raw | {"results": results}))
    return evidence


def figures(calibration: Calibration, logits, p_fake, is_fake) -> dict:
    """The figures of one set of test images, the three-way verdict's included."""
    answered = (p_fake <= calibration.real_to) | (p_fake >= calibration.fake_from)
    right = (p_fake >= 0.5) == is_fake
    return metrics.summary(p_fake, is_fake) | {
        "nll": metrics.negative_log_likelihood(calibration.scaled(logits), ~is_fake),
        "answered_share": float(answered.mean()),
        "accuracy_answered": float(right[answered].mean()),
    }


def predict(engine: Engine, images: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(len(rows),) float64 logits, in batches."""
    parts = [engine.logits(images[rows[i : i + 256]]) for i in range(0, len(rows), 256)]
    return np.concatenate(parts).astype(np.float64)


def to_onnx(model) -> bytes:
    """The model as ONNX with two outputs: ``logit`` (N, 1) and ``cam`` (N, h, w).

    ``cam`` is the last dense unit applied at every position, without its bias; its mean over
    positions plus the bias is the logit.
    """
    import tempfile

    import keras
    import onnx

    features, dense = model.get_layer("features").output, model.get_layer("logit")
    at_each = keras.layers.Conv2D(1, 1, use_bias=False, name="at_each_position")
    cam = keras.layers.Reshape(features.shape[1:3], name="cam")(at_each(features))
    at_each.set_weights([dense.get_weights()[0][None, None]])
    both = keras.Model(model.input, {"logit": model.output, "cam": cam})
    both(np.zeros((1, *model.input_shape[1:]), np.uint8))  # Keras exports what was called once
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        both.export(path, format="onnx", verbose=False)
        graph = onnx.load(path)
    onnx.checker.check_model(graph)
    return graph.SerializeToString()


def evidence_dir() -> Path:
    """Where evidence goes: ``CIFAKE_EVIDENCE``, else ``assets/evidence``."""
    folder = Path(os.environ.get("CIFAKE_EVIDENCE") or artifacts.ASSETS / "evidence")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _versions() -> dict[str, str]:
    found = {}
    for package in VERSIONS:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _json(value: dict) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()


if __name__ == "__main__":
    sys.exit(main())
