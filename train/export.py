"""From a finished run to what ships: weights, ONNX graph and card, calibrated on validation.

The order matters: weights are rounded first, then the calibration is fitted to what the rounded
ones answer, and only with that one can it be said whether rounding changed a verdict. A net that
was trained on damaged images is calibrated on validation images damaged in the same way, so that
its probabilities hold up there (Tomani et al. 2021, arXiv:2012.10988); thresholds are always those
of the images as they are. The test split is not touched here.
"""

from __future__ import annotations

import json
import platform
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cifake_core import artifacts, dataset, kernels, metrics, precision
from cifake_core.calibration import (
    UNCALIBRATED,
    Calibration,
    conformal_thresholds,
    fit_platt,
    promisable,
)
from cifake_core.errors import ConfigError
from cifake_core.labels import LABELS, REAL
from cifake_core.models import target_layer
from cifake_core.predict import Engine
from cifake_core.preprocess import PREPROCESS_ID
from train import checkpoint
from train.augment import augment
from train.config import Config
from train.convert import half_graph, half_weights, halved, to_onnx
from train.gate import fit_gate
from train.runs import damage, load_run, read_run, remark, versions

if TYPE_CHECKING:
    import keras

ERROR = 0.005  # of each class that is given the other's verdict, at most: 1 in 200
MOVES, STEP = 100, 1e-4  # of thresholds, see choose_precision
TITLES = {
    "lens": "lens: small residual net, native 32x32",
    "lens_large": "lens_large: lens with more channels and blocks, native 32x32",
    "paper_cnn": "paper_cnn: the two convolutions of the data set's paper",
    "aireal_cnn": "aireal_cnn: three convolutions and a deep dense head, a public recipe",
    "mobilenet_v2": "mobilenet_v2: ImageNet's MobileNetV2 at 160x160",
    "resnet50": "resnet50: ResNet50 with a dense head, native 32x32",
}
VERSIONS = ("keras", "tensorflow-cpu", "tensorflow", "jax", "torch", "numpy", "onnxruntime")
# From this size on the kernels ship once, in the graph.
ONCE_FROM = 40_000_000  # bytes of both files
DAMAGE = (
    "light", "brightness", "contrast", "blur", "blur_sigma", "noise", "noise_sigma", "jpeg",
    "jpeg_quality",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Candidate:
    """One precision of the files, and its (N,) float64 logits on validation.

    ``damaged`` are those of the same images, damaged as in training; None if they were not.
    """

    dtype: str
    weights: bytes
    graph: bytes
    logits: np.ndarray
    damaged: np.ndarray | None = None

    @property
    def size(self) -> int:
        return len(self.weights) + len(self.graph)


def export(name: str, run: Path, data: dataset.Dataset, note: str = "") -> None:
    """Turn a finished run into ``assets/models/<name>/``, calibrated on validation.

    ``note`` is a sentence on how it was trained, for people who read the card.

    Raises:
        ArtifactError: no model can have that name.
        ConfigError: the run is not finished, was trained on other data, or learned nothing.
    """
    artifacts.check_name(name)
    record = read_run(run, data)
    config = record["config"]
    arguments = config["model_args"] | config.get("export_args", {})
    model = load_run(run, config, arguments)
    files, measured = made(model, data, damage(record))
    curve = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]

    parts = [p | {"config": without_folders(p["config"])} for p in record.get("parts", [])]
    # Nothing that ships is touched before all of the above has worked.
    folder = artifacts.models_dir() / name
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        checkpoint.replace(folder / file, content)
    for file in {artifacts.WEIGHTS, artifacts.REST} - set(files):
        (folder / file).unlink(missing_ok=True)
    card = {
        "format": artifacts.CARD_FORMAT,
        "name": name,
        "title": title(name, arguments),
        "domain": "cifake",
        "scope": "whole image",
        "image_size": model.input_shape[1],
        "preprocess": PREPROCESS_ID,
        "builder": config["model"],
        "builder_arguments": arguments,
        "parameters": model.count_params(),
        "target_layer": target_layer(config["model"]),
        "classes": list(LABELS),
        "logit_grows_with": LABELS[REAL],
        "files": {file: artifacts.file_record(folder / file) for file in files},
        **measured,
        "training": {
            **{k: record[k] for k in ("recipe", "config", "backend", "git_commit", "data_sha256")},
            "config": without_folders(config),
            "training_versions": record["versions"],
            "initial_weights_sha256": record.get("initial_weights_sha256", ""),
            "note": note or record.get("note", ""),
            "validation_seed": record["validation_seed"],
            **{k: record[k] for k in ("device", "extended", "sittings") if k in record},
            **({"parts": parts} if parts else {}),
            "result": json.loads((run / "result.json").read_text()),
        },
        "versions": {"python": platform.python_version(), **versions(VERSIONS)},
    }
    write_json(folder / artifacts.CARD, card)
    history = {"name": name, "weights_sha256": artifacts.read_card(name).weights_sha256}
    history |= {"remark": remark(record), "metrics": curve}
    write_json(evidence_dir() / f"{name}_training.json", history)
    keep_split(data)


def keep_split(data: dataset.Dataset) -> None:
    """Record which files are held out; beside the record of another data set, if there is one."""
    path = evidence_dir() / "validation_split.json"
    if path.is_file() and json.loads(path.read_bytes())["data_sha256"] != data.sha256:
        path = path.with_stem(f"{path.stem}_{data.sha256[:8]}")  # other models were cut by that one
    rows = dataset.validation_indices(data.train)
    split = {
        "seed": dataset.VALIDATION_SEED,
        "data_sha256": data.sha256,
        "files": data.train.names[rows].tolist(),
    }
    checkpoint.replace(path, json.dumps(split).encode())


def fitted_to(damage: Config | None) -> dict[str, Any]:
    """What a card says of the validation images that temperature and bias were fitted to."""
    if not damage:
        return {"fitted_to": "images as they are"}
    settings = damage.as_dict()
    return {
        "fitted_to": "images damaged as in the last cycle of training",
        "damage": {k: settings[k] for k in DAMAGE},
    }


def without_folders(config: dict[str, Any]) -> dict[str, Any]:
    """A configuration that names files without the machine's folders."""
    named = {k: config[k] for k in ("initial_weights", "teacher") if config.get(k)}
    return config | {k: Path(v).name for k, v in named.items()}


def title(name: str, arguments: dict[str, Any]) -> str:
    nets = arguments.get("nets", 1)
    return TITLES.get(name, name) + (f"; {nets} of them, averaged" if nets > 1 else "")


def made(
    model: keras.Model, data: dataset.Dataset, damage: Config | None = None
) -> tuple[dict[str, bytes], dict[str, Any]]:
    """The files that ship of a trained float32 model, and what was measured to make them.

    Rounds the model's weights on the way. ``damage`` is what :func:`train.runs.damage` says.

    Raises:
        ConfigError: the model is no better than chance, cannot be exported, or is too large.
    """
    rows = dataset.validation_indices(data.train)
    is_real = data.train.labels[rows] == REAL
    sets = [data.train.images[rows]]
    if damage:
        sets.append(augment(sets[0], damage, np.random.default_rng(dataset.VALIDATION_SEED)))
    full = _candidate("float32", model, *sets)
    model.set_weights([halved(w).astype(np.float32) for w in model.get_weights()])
    half = _candidate("float16", model, *sets)
    try:
        chosen, calibration, storage = choose_precision(full, half, is_real)
    except ValueError:
        raise ConfigError("The model learned nothing: it is no better than chance.") from None
    engine, goldens = Engine(chosen.graph), artifacts.golden_images(model.input_shape[1])
    gate, gate_record = fit_gate(engine, data)
    files = {artifacts.WEIGHTS: chosen.weights}
    if chosen is full and full.size >= ONCE_FROM:
        raise ConfigError(
            f"float16 changes {storage['verdicts_changed']} of {storage['of']:,} verdicts on "
            f"validation, and in float32 the files would be {full.size / 1e6:.0f} MB."
        )
    if chosen is half and half.size >= ONCE_FROM:
        rest = kernels.rest(model.get_weights(), half.graph)
        artifacts.set_all_weights(model, half.graph, rest)  # or raises
        files = {artifacts.REST: rest}
        storage["bytes_float16"] = len(rest) + len(half.graph)
    return files | {artifacts.GRAPH: chosen.graph, artifacts.GATE: gate.to_bytes()}, {
        "storage": storage,
        "calibration": calibration_record(calibration, chosen.logits, is_real) | fitted_to(damage),
        "gate": gate_record,
        "validation": metrics.summary(calibration.p_fake(chosen.logits), ~is_real),
        "goldens": artifacts.encode_goldens(goldens, engine.logits(goldens)),
    }


def choose_precision(
    full: Candidate, half: Candidate, is_real: np.ndarray
) -> tuple[Candidate, Calibration, dict[str, Any]]:
    """float16 if no verdict changes by it, else float32; its calibration, and what a card says.

    Both are judged by the calibration that would ship with float16. Its thresholds lie right at
    an image; one that costs a verdict moves outwards by ``STEP`` at a time, at most ``MOVES``
    times, which mistakes fewer. Only if float16 is turned down is another calibration fitted, to
    the float32 logits.

    Raises:
        ValueError: the logits do not grow with *real* at all.
    """
    fitted = fit(half.logits, is_real, half.damaged)
    p_fake = [fitted.p_fake(candidate.logits) for candidate in (full, half)]
    real_to = _clear(fitted.real_to, -STEP, *p_fake)
    fake_from = _clear(fitted.fake_from, STEP, *p_fake)
    calibration = replace(fitted, real_to=real_to, fake_from=fake_from)
    at_first, changed = _changed(fitted, full, half), _changed(calibration, full, half)
    moved = max(fitted.real_to - real_to, fake_from - fitted.fake_from)
    at = fitted if changed else calibration
    storage = {
        "dtype": "float32" if changed else "float16",
        "verdicts_changed": at_first if changed else 0,  # by float16
        "of": len(is_real),
        "judged_at": [at.real_to, at.fake_from],
        "largest_change": float(np.abs(p_fake[0] - p_fake[1]).max()),
        "bytes_float32": full.size,
        "bytes_float16": half.size,
        # What it took to change none.
        "verdicts_changed_as_fitted": at_first,
        "thresholds_moved": 0.0 if changed else round(moved, 4),
    }
    if changed:
        return full, fit(full.logits, is_real, full.damaged), storage
    return half, calibration, storage


def _clear(threshold: float, step: float, full: np.ndarray, half: np.ndarray) -> float:
    """The threshold, or the nearest one from it that no p_fake crosses by rounding."""
    beyond = np.greater_equal if step > 0 else np.less_equal
    for moves in range(MOVES + 1):
        at = round(min(1.0, max(0.0, threshold + moves * step)), 4)
        if (beyond(full, at) == beyond(half, at)).all():
            return at
    return threshold


def fit(logits: np.ndarray, is_real: np.ndarray, damaged: np.ndarray | None = None) -> Calibration:
    """Temperature and bias for (N,) logits of damaged images, thresholds for those as they are."""
    platt = fit_platt(logits if damaged is None else damaged, is_real)
    return with_thresholds(*platt, logits, is_real)


def with_thresholds(
    temperature: float, bias: float, logits: np.ndarray, is_real: np.ndarray
) -> Calibration:
    """The calibration with thresholds that promise ``ERROR``, or what so few images allow."""
    p_fake = Calibration(temperature, bias, 0.5, 0.5).p_fake(logits)
    thresholds = conformal_thresholds(p_fake, ~is_real, ERROR)
    return Calibration(temperature, bias, *thresholds)


def calibration_record(
    calibration: Calibration, logits: np.ndarray, is_real: np.ndarray
) -> dict[str, Any]:
    """What a card says of the calibration, with its (N,) validation logits."""
    return {
        "temperature": calibration.temperature,
        "bias": calibration.bias,
        "real_to": calibration.real_to,
        "fake_from": calibration.fake_from,
        "chosen_on": "validation",
        "promised_error": promisable(~is_real, ERROR),  # of each class
        "uncertain_share": float((verdicts(calibration, logits) == 0).mean()),
        "nll_before": metrics.negative_log_likelihood(logits, is_real),
        "nll_after": metrics.negative_log_likelihood(calibration.scaled(logits), is_real),
        "ece_before": metrics.expected_calibration_error(UNCALIBRATED.p_fake(logits), ~is_real),
    }


def verdicts(calibration: Calibration, logits: np.ndarray) -> np.ndarray:
    """(N,) int: 1 for fake, -1 for real, 0 for uncertain."""
    p_fake = calibration.p_fake(logits)
    return (p_fake >= calibration.fake_from) * 1 - (p_fake <= calibration.real_to) * 1


def predict(engine: Engine, images: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
    """(N,) float64 logits of all (N, S, S, 3) uint8 images or of some rows, in batches."""
    rows = np.arange(len(images)) if rows is None else rows
    parts = [engine.logits(images[rows[i : i + 256]]) for i in range(0, len(rows), 256)]
    return np.concatenate(parts).astype(np.float64)


def evidence_dir() -> Path:
    """Where evidence goes; made if need be."""
    folder = artifacts.evidence_dir()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_json(path: Path, value: dict) -> None:
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
    checkpoint.replace(path, (text + "\n").encode())


def _changed(calibration: Calibration, full: Candidate, half: Candidate) -> int:
    return int((verdicts(calibration, full.logits) != verdicts(calibration, half.logits)).sum())


def _candidate(dtype: str, model, images: np.ndarray, *damaged: np.ndarray) -> Candidate:
    with tempfile.TemporaryDirectory() as folder:
        model.save_weights(path := Path(folder) / artifacts.WEIGHTS)
        weights = path.read_bytes()
    graph = to_onnx(model)
    if dtype == "float16":
        weights, graph = half_weights(weights), half_graph(graph, model.get_weights())
    engine, goldens = Engine(graph), artifacts.golden_images(model.input_shape[1])
    off = np.abs(engine.logits(goldens) - precision.logits(model, goldens)).max()
    if not off <= artifacts.GOLDEN_TOLERANCE:
        raise ConfigError(
            f"The exported graph is not the Keras model: its logits are off by {off}."
        )
    return Candidate(dtype, weights, graph, *(predict(engine, x) for x in (images, *damaged)))
