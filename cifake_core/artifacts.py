"""``assets/models/<name>/`` <-> a model in memory, with every check on the way.

A folder holds ``card.json``, ``model.onnx`` (verdicts), ``gate.npz`` (which images are its own) and
``model.weights.h5`` (training and heatmaps), or ``model.rest.npz`` in its place, which leaves out
what the graph holds; the architecture stays in code. Nothing is unpickled, and no code loaded.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cifake_core import kernels, precision
from cifake_core.calibration import Calibration
from cifake_core.domain import Gate
from cifake_core.errors import ArtifactError
from cifake_core.labels import LABELS
from cifake_core.models import BUILDERS, build
from cifake_core.preprocess import PREPROCESS_ID

if TYPE_CHECKING:
    import keras

    from cifake_core.predict import Engine

ASSETS = Path(__file__).resolve().parent.parent / "assets"
CARD_FORMAT = 1
WEIGHTS, GRAPH, GATE, CARD = "model.weights.h5", "model.onnx", "gate.npz", "card.json"
REST = "model.rest.npz"  # see cifake_core.kernels
# Engines and machines round differently; a wrong model is off by far more than this.
GOLDEN_TOLERANCE = 2e-3
_NAME = re.compile(r"[a-z0-9][a-z0-9_]{0,40}")
# Of which kind the fields of a card are that the program calculates with or passes on.
_NEEDED = dict.fromkeys(("name", "title", "domain", "builder", "target_layer"), str) | {
    "image_size": int,
    "builder_arguments": dict,
    **{f"calibration.{f.name}": float for f in fields(Calibration)},
}
_IF_ANY = {"parameters": int, "storage.of": int, "calibration.promised_error": float}
_KINDS = {str: "text", int: "a whole number", float: "a number", dict: "a group of fields"}
# What held once for the very same bytes holds again: a model that left memory comes back sooner.
_proven: set[tuple[str, ...]] = set()


@dataclass(frozen=True, slots=True)
class Card:
    """What a model is, is for and was measured to do: the fields that the program acts on."""

    name: str
    title: str
    domain: str  # the kind of images it judges, e.g. "cifake"
    image_size: int  # side of the square input in pixels
    builder: str
    builder_arguments: dict[str, Any]
    target_layer: str  # for heatmaps
    calibration: Calibration
    raw: dict[str, Any]  # the whole JSON
    folder: Path  # where it was read, and where its files lie

    @property
    def weights_file(self) -> str:
        return REST if REST in self._files else WEIGHTS

    @property
    def weights_sha256(self) -> str | None:
        """None if the card does not say."""
        return self._sha256(self.weights_file)

    @property
    def identity(self) -> dict[str, Any]:
        """What a verdict depends on, and so what evidence is keyed on."""
        return {
            "weights_sha256": self.weights_sha256,
            "calibration": asdict(self.calibration),
            "gate_sha256": self._sha256(GATE),
        }

    @property
    def weights_bytes(self) -> int | None:
        """Of all files that the Keras model is read from."""
        files = [REST, GRAPH] if REST in self._files else [WEIGHTS]
        records = [self._files.get(file) for file in files]
        sizes = [r.get("bytes") if isinstance(r, dict) else None for r in records]
        return None if None in sizes else sum(sizes)

    def _sha256(self, file: str) -> str | None:
        record = self._files.get(file)
        return record.get("sha256") if isinstance(record, dict) else None

    @property
    def _files(self) -> dict[str, Any]:
        return self.raw["files"]


def models_dir() -> Path:
    """Where models lie: ``CIFAKE_MODELS``, else ``assets/models``."""
    return Path(os.environ.get("CIFAKE_MODELS") or ASSETS / "models")


def evidence_dir() -> Path:
    """Where evidence lies: ``CIFAKE_EVIDENCE``, else ``assets/evidence``."""
    return Path(os.environ.get("CIFAKE_EVIDENCE") or ASSETS / "evidence")


def available(domain: str | None = None) -> list[str]:
    """Names of the models that have a card, those of one domain only if it is given."""
    names = sorted(path.parent.name for path in models_dir().glob(f"*/{CARD}"))
    return [n for n in names if domain is None or read_card(n).domain == domain]


def check_name(name: str) -> None:
    """Raises ArtifactError if no model can have that name."""
    if not _NAME.fullmatch(name):
        raise ArtifactError(
            "A model's name is of lower-case letters, digits and underscores, 41 at most."
        )


def read_card(name: str) -> Card:
    """Read and check one card.

    Raises:
        ArtifactError: no such model, or a card this program must not act on.
    """
    path = models_dir() / name / CARD
    if not _NAME.fullmatch(name) or not path.is_file():
        known = ", ".join(p.parent.name for p in sorted(models_dir().glob(f"*/{CARD}"))) or "none"
        raise ArtifactError(f"There is no model of that name. Models: {known}.")
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        fault = _fault(raw)
    except (OSError, ValueError, RecursionError):
        fault = "it cannot be read as JSON"
    if fault:
        raise ArtifactError(f"{CARD} of {name} is damaged: {fault}.")
    problems = [
        (raw.get("format") != CARD_FORMAT, "is of another format than this version reads"),
        (not _lists_files(raw.get("files")), "does not list its files, with SHA-256 and size"),
        (raw.get("name") != name, "belongs to another model"),
        (raw.get("classes") != list(LABELS), f"does not order the classes {', '.join(LABELS)}"),
        (raw.get("logit_grows_with") != "REAL", "has a logit that grows with the wrong class"),
        (raw.get("preprocess") != PREPROCESS_ID, "expects images prepared in another way"),
        (raw.get("builder") not in list(BUILDERS), "names an architecture that this version lacks"),
    ]
    for wrong, sentence in problems:
        if wrong:
            raise ArtifactError(f"The card of {name} {sentence}; the model is not used.")
    try:
        found = {f.name: float(raw["calibration"][f.name]) for f in fields(Calibration)}
        calibration = Calibration(**found)
    except ValueError:
        raise ArtifactError(f"{CARD} of {name} is damaged: no calibration can be so.") from None
    same = (f.name for f in fields(Card) if f.name not in ("calibration", "raw", "folder"))
    return Card(**{k: raw[k] for k in same}, calibration=calibration, raw=raw, folder=path.parent)


def is_a(value: Any, kind: type) -> bool:
    """Whether a value out of JSON is of that kind. A float is any finite number; no bool is one."""
    if kind not in (int, float):
        return isinstance(value, kind)
    numbers = int if kind is int else (int, float)
    return isinstance(value, numbers) and not isinstance(value, bool) and abs(value) < 1e15


def load_engine(card: Card, threads: int = 0) -> Engine:
    """The verdict's engine, after its hash, shape and golden logits held.

    Raises:
        ArtifactError: naming the check that failed.
    """
    from cifake_core.predict import Engine  # listing models needs no ONNX Runtime

    engine = Engine(_checked_bytes(card, GRAPH), threads)
    if engine.image_size != card.image_size:
        raise ArtifactError(f"{GRAPH} of {card.name} is made for another image size.")
    proof = (card._sha256(GRAPH), json.dumps([card.image_size, card.raw.get("goldens")]))
    if proof not in _proven:
        _check_goldens(card, engine.logits, GRAPH)
        _proven.add(proof)
    return engine


def load_gate(card: Card, engine: Engine) -> Gate | None:
    """What tells this model's images from others; None if the card names no such file.

    Raises:
        ArtifactError: naming the check that failed.
    """
    if GATE not in card.raw["files"]:
        return None
    data = _checked_bytes(card, GATE)
    proof = (card._sha256(GRAPH), card._sha256(GATE))
    try:
        gate = Gate.from_bytes(data)
        if proof in _proven:
            return gate
        pixels = golden_images(card.image_size)
        distances = gate.distances(pixels, engine.logits_and_features(pixels)[1])
    except (KeyError, ValueError) as error:
        raise ArtifactError(f"{GATE} of {card.name} does not fit the model.") from error
    if not np.isfinite(distances).all():
        raise ArtifactError(f"{GATE} of {card.name} holds numbers that are none.")
    _proven.add(proof)
    return gate


def load_keras(card: Card) -> keras.Model:
    """The Keras model, for heatmaps, after the same checks. Imports TensorFlow.

    Raises:
        ArtifactError: naming the check that failed.
    """
    data = _checked_bytes(card, file := card.weights_file)
    try:
        model = build(card.builder, **card.builder_arguments)
    except Exception as error:
        raise ArtifactError(f"{card.name} cannot be built as its card says.") from error
    if card.target_layer not in [x.name for x in model.layers if len(x.output.shape) == 4]:
        raise ArtifactError(f"{CARD} of {card.name} is damaged: “target_layer” fits no layer.")
    if file == WEIGHTS:
        load_all_weights(model, card.folder / WEIGHTS)
    else:
        set_all_weights(model, _checked_bytes(card, GRAPH), data)
    _check_goldens(card, lambda batch: precision.logits(model, batch), file)
    return model


def set_all_weights(model: keras.Model, graph: bytes, rest: bytes) -> None:
    """Weights from a graph and what it lacks, see :mod:`cifake_core.kernels`.

    Raises:
        ArtifactError: the files do not fit or lack a weight, or no package reads them.
    """
    try:
        weights = kernels.restored([tuple(w.shape) for w in model.weights], graph, rest)
    except ModuleNotFoundError as error:
        raise ArtifactError(f"{REST} needs the package {error.name}: pip install onnx") from None
    except Exception as error:  # NumPy, zipfile and ONNX raise what they like here
        raise ArtifactError(f"{REST} does not fit the architecture: {error}") from None
    missing = [w.path for w, array in zip(model.weights, weights, strict=True) if array is None]
    if missing:
        raise ArtifactError(f"{REST} lacks {len(missing)} weights, the first: {missing[0]}.")
    model.set_weights(weights)


def load_all_weights(model: keras.Model, path: Path) -> None:
    """``load_weights``, but a layer that the file lacks is an error.

    Keras passes over missing and renamed layers in silence, so every weight is NaN beforehand.

    Raises:
        ArtifactError: the file does not fit, or leaves a weight untouched.
    """
    model.set_weights([np.full(w.shape, np.nan, np.float32) for w in model.get_weights()])
    try:
        model.load_weights(path)
    except Exception as error:  # h5py and Keras raise what they like here
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ArtifactError(f"{path.name} does not fit the architecture: {reason}") from None
    read = zip(model.weights, model.get_weights(), strict=True)
    missing = [w.path for w, array in read if not np.isfinite(array).all()]
    if missing:
        raise ArtifactError(f"{path.name} lacks {len(missing)} weights, the first: {missing[0]}.")


def golden_images(size: int) -> np.ndarray:
    """(4, S, S, 3) uint8 made by arithmetic alone: a ramp, rings, a checkerboard, flat grey."""
    y, x = np.mgrid[0:size, 0:size].astype(np.int64)
    ramp = np.stack([x * 255 // (size - 1), y * 255 // (size - 1), (x + y) * 97 % 256], -1)
    distance = (2 * x - size) ** 2 + (2 * y - size) ** 2
    rings = np.stack([distance % 256, distance * 3 % 256, 255 - distance % 256], -1)
    checks = np.repeat((((x // 2 + y // 2) % 2) * 180 + 40)[..., None], 3, axis=-1)
    grey = np.full((size, size, 3), 128)
    return np.stack([ramp, rings, checks, grey]).astype(np.uint8)


def encode_goldens(images: np.ndarray, logits: np.ndarray) -> list[dict[str, Any]]:
    """Golden inputs as a card holds them: raw pixels in base64, and the logit."""
    return [
        {"pixels": base64.b64encode(image.tobytes()).decode(), "logit": float(logit)}
        for image, logit in zip(images, logits, strict=True)
    ]


def file_record(path: Path) -> dict[str, Any]:
    """What a card says of a file."""
    data = path.read_bytes()
    return {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


def _fault(raw: Any) -> str | None:
    """Which field is missing or of another kind than the program takes it for, in words."""
    if not isinstance(raw, dict):
        return "it has no fields"
    if raw.get("format", CARD_FORMAT) != CARD_FORMAT:
        return None  # whose fields may be others
    for path, kind in (_NEEDED | _IF_ANY).items():
        found: Any = raw
        for key in path.split("."):
            found = found.get(key) if isinstance(found, dict) else None
        if found is None and path in _NEEDED:
            return f"“{path}” is missing"
        if found is not None and not is_a(found, kind):
            return f"“{path}” is not {_KINDS[kind]}"
    return None


def _lists_files(files: Any) -> bool:
    return isinstance(files, dict) and all(
        isinstance(r, dict) and is_a(r.get("sha256", ""), str) and is_a(r.get("bytes", 0), int)
        for r in files.values()
    )


def _checked_bytes(card: Card, file: str) -> bytes:
    path = card.folder / file
    data = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(data).hexdigest() != card._sha256(file):
        raise ArtifactError(
            f"{file} of {card.name} is damaged or was replaced: its SHA-256 is not the card's."
        )
    return data


def _check_goldens(card: Card, logits_of, file: str) -> None:
    goldens, shape = card.raw.get("goldens") or [], (card.image_size, card.image_size, 3)
    if not goldens:
        raise ArtifactError(f"The card of {card.name} has no golden inputs to check against.")
    try:
        batch = np.stack(
            [np.frombuffer(base64.b64decode(g["pixels"]), np.uint8).reshape(shape) for g in goldens]
        )
        expected = np.array([float(g["logit"]) for g in goldens])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ArtifactError(f"The golden inputs of {card.name} are damaged.") from error
    off = np.abs(logits_of(batch) - expected)
    # Written so that NaN fails.
    if not (off <= GOLDEN_TOLERANCE).all():
        raise ArtifactError(
            f"{file} of {card.name} answers its golden inputs with other logits "
            f"(off by {off.max():.3g}); the model is not used."
        )
