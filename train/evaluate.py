"""Measure what ships and keep the evidence: ``python -m train.evaluate --model lens`` or ``--all``.

Calibration and thresholds come from the card, where validation put them. This is the only program
that measures models on the official test split; choose by validation, not by what it prints. It
writes ``assets/evidence/<name>.json``, and :mod:`train.looks` keeps which weights were scored.
With ``--run`` it first turns a finished run into ``assets/models/<name>/``. What the file has of
the same weights and thresholds is kept, unless ``--again`` is given: rows under stress on as many
images, and the speed.
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
from pathlib import Path

import numpy as np

from cifake_core import artifacts, dataset, metrics
from cifake_core.calibration import UNCALIBRATED, Calibration
from cifake_core.catalogue import dig, is_of
from cifake_core.domain import SIGNALS, Gate
from cifake_core.errors import CifakeLensError, ConfigError
from cifake_core.labels import CLASSES, FAKE, LABELS, REAL
from cifake_core.perturb import STRESS
from cifake_core.predict import CHUNK, Engine
from cifake_core.progress import Progress, progress_bar
from cifake_core.stability import stabilities
from train import looks
from train.cost import SPEED, speed, time_again
from train.export import evidence_dir, export, predict, write_json
from train.gate import distances
from train.runs import seeds_of

THOROUGH = 2000  # test images at random on which tiny changes are tried; each asks 15 times


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m train.evaluate", description=__doc__)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "--model", action="append", dest="models", help="name under assets/models; may be repeated"
    )
    which.add_argument("--all", action="store_true", help="every model that ships")
    parser.add_argument("--run", type=Path, help="finished run to export first; else as shipped")
    parser.add_argument("--note", default="", help="with --run: how it was trained, for the card")
    parser.add_argument("--data", help="folder or archive of CIFAKE (default: found by itself)")
    parser.add_argument(
        "--stress-images", type=int, metavar="N", help="of the test images, at random, for stress"
    )
    parser.add_argument("--again", action="store_true", help="measure what is there, too")
    parser.add_argument(
        "--cost", action="store_true", help="only time the models again; no image is scored"
    )
    args = parser.parse_args(argv)
    names = args.models or artifacts.available()
    if args.run and (args.all or len(names) != 1):
        parser.error("--run wants exactly one --model")
    if args.note and not args.run:
        parser.error("--note goes with --run")
    if args.cost and args.run:
        parser.error("--cost times what ships already; leave out --run")
    if args.stress_images is not None and args.stress_images < 1:
        parser.error("--stress-images must be at least 1")
    try:
        if args.cost:
            for name in names:
                time_again(name)
            return 0
        with progress_bar() as show:
            data = dataset.load(args.data, show)
        if args.run:
            export(names[0], args.run, data, args.note)
        for name in names:
            with progress_bar(f"{name}, stress", " images") as show:
                evidence = evaluate(name, data, show, args.stress_images, args.again)
            print("\n".join(in_words(evidence)))
    except CifakeLensError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def evaluate(
    name: str,
    data: dataset.Dataset,
    progress: Progress | None = None,
    stress_images: int | None = None,
    again: bool = False,
) -> dict:
    """Score the shipped model on the official test split; writes evidence and the card's results.

    ``stress_images`` limits the stress table, which asks the model 20 times, to that many images
    drawn at random, the same for each model. All of them take minutes on two CPU cores, and half
    an hour of a slow model.

    Returns:
        The evidence: cost, figures on all 20,000 and on the leak-free test images, abstention,
        the same with tiny changes tried, stress, and the logits with the labels they belong to.

    Raises:
        ConfigError: by its card the model was trained on other data, or ``stress_images`` are of
            one kind.
    """
    card = artifacts.read_card(name)
    if dig(card.raw, "training", "data_sha256") not in (None, data.sha256):
        raise ConfigError(
            f"{name} was trained on other data than the set found here, so it is not measured."
        )
    engine = artifacts.load_engine(card)
    test, calibration = data.test, card.calibration
    logits, is_fake = predict(engine, test.images), test.labels == FAKE
    p_fake, leaked = calibration.p_fake(logits), dataset.leaked_rows(data)
    signals = turned_away(artifacts.load_gate(card, engine), engine, test.images)
    away = signals.any(axis=1)
    some = np.sort(np.random.default_rng(0).permutation(len(test))[:stress_images])
    if is_fake[some].all() or not is_fake[some].any():
        raise ConfigError("All images drawn for the stress table are of one kind: ask for more.")
    few = np.sort(np.random.default_rng(0).permutation(len(test))[:THOROUGH])
    before = {} if again else _before(card, data)
    rows = before.get("stress", [])
    wanted = [("unchanged", len(some)), *((change.label, len(some)) for change in STRESS)]
    if [(row["label"], row["n"]) for row in rows] != wanted:
        rows = stress(engine, calibration, test.images[some], logits[some], is_fake[some], progress)
    cost = before.get("cost") or speed(engine, test.images)
    evidence = {
        "name": name,
        "command": f"python -m train.evaluate --model {name}"
        + (f" --stress-images {stress_images}" if stress_images else ""),
        **card.identity,
        "data_sha256": data.sha256,
        "seeds": [seeds_of(card.raw["training"])],
        "cost": {
            "parameters": card.raw["parameters"],
            "weights_bytes": card.weights_bytes,
            "graph_bytes": card.raw["files"][artifacts.GRAPH]["bytes"],
            **{k: cost[k] for k in SPEED},
        },
        "test": {
            "official": figures(calibration, logits, is_fake, away),
            "leak_free": figures(*(calibration, logits[~leaked], is_fake[~leaked], away[~leaked])),
            "accuracy_by_class": {
                word: {
                    LABELS[label]: float(np.mean((p_fake[rows] >= 0.5) == is_fake[rows]))
                    for label in (REAL, FAKE)
                    for rows in [(test.classes == i) & (test.labels == label)]
                }
                for i, word in enumerate(CLASSES)
            },
        },
        "gate": gated(signals, is_fake),
        "abstention": metrics.abstention_curve(p_fake, is_fake),
        "thorough": thorough(
            engine, calibration, test.images[few], logits[few], is_fake[few], away[few]
        ),
        "stress": rows,
        # Rows in the order of the sorted relative paths; little-endian float32, and bits.
        "logits": base64.b64encode(logits.astype("<f4").tobytes()).decode(),
        "is_fake": base64.b64encode(np.packbits(is_fake).tobytes()).decode(),
        "leaked": base64.b64encode(np.packbits(leaked).tobytes()).decode(),
        "turned_away": base64.b64encode(np.packbits(away).tobytes()).decode(),
    }
    looks.keep(evidence)
    write_json(evidence_dir() / f"{name}.json", evidence)
    results = {k: evidence["test"][k] for k in ("official", "leak_free")}
    write_json(artifacts.models_dir() / name / artifacts.CARD, card.raw | {"results": results})
    return evidence


def _before(card: artifacts.Card, data: dataset.Dataset) -> dict:
    """The evidence there is of these weights, thresholds and images; {} if none."""
    path = evidence_dir() / f"{card.name}.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    same = is_of(card, found, gate=False) and found["data_sha256"] == data.sha256
    return found if same else {}


def figures(
    calibration: Calibration, logits: np.ndarray, is_fake: np.ndarray, away: np.ndarray
) -> dict:
    """The figures of one set of images, the three-way verdict's and the uncalibrated included.

    Args:
        logits: (N,) raw, growing with *real*.
        away: (N,) bool, turned away by the gate; counts in ``with_gate`` alone.
    """
    p_fake, raw = calibration.p_fake(logits), UNCALIBRATED.p_fake(logits)
    return (
        metrics.summary(p_fake, is_fake)
        | {"nll": metrics.negative_log_likelihood(calibration.scaled(logits), ~is_fake)}
        | _answers(calibration, p_fake, is_fake)
        | {
            "with_gate": _answered(calibration, p_fake, is_fake, ~away),
            "before_calibration": {
                "accuracy": float(np.mean((logits <= 0) == is_fake)),
                "ece": metrics.expected_calibration_error(raw, is_fake),
                "ece_p_fake": metrics.calibration_error_of_p_fake(raw, is_fake),
                "brier": metrics.brier(raw, is_fake),
                "nll": metrics.negative_log_likelihood(logits, ~is_fake),
            },
        }
    )


def thorough(
    engine: Engine,
    calibration: Calibration,
    images: np.ndarray,
    logits: np.ndarray,
    is_fake: np.ndarray,
    away: np.ndarray,
) -> dict:
    """What is answered if tiny changes (:mod:`cifake_core.stability`) have a say beside the gate.

    The page answers like that, ``check`` only with ``--thorough``; ``without`` is without.

    Args:
        images: (N, S, S, 3) uint8, with their ``logits``.
        away: (N,) bool, turned away by the gate.
    """
    p_fake = calibration.p_fake(logits)
    parts = np.array_split(np.arange(len(images)), -(-len(images) // CHUNK))
    found = [s for p in parts for s in stabilities(engine.logits, calibration, images[p])]
    turned = np.array([bool(s.reversed) for s in found])
    # Only a sure answer can be turned round.
    sure = calibration.is_sure(p_fake)
    return {
        "n": len(images),
        "reversed": {"n": int(sure.sum()), **metrics.rate(turned[sure])},
        **_answered(calibration, p_fake, is_fake, ~away & ~turned),
        "without": _answered(calibration, p_fake, is_fake, ~away),
    }


def stress(
    engine: Engine,
    calibration: Calibration,
    images: np.ndarray,
    logits: np.ndarray,
    is_fake: np.ndarray,
    progress: Progress | None = None,
) -> list[dict]:
    """How the calibrated verdict holds on changed (N, S, S, 3) images; the unchanged come first.

    ``logits`` are those of the unchanged images. ``progress`` counts images.
    """
    none = {"transform": "none", "setting": 0, "unit": "", "label": "unchanged"}
    rows = [none | _stressed(calibration, logits, is_fake)]
    for done, change in enumerate(STRESS, start=1):
        changed = predict(engine, change.apply(images))
        rows.append(
            {
                "transform": change.transform,
                "setting": change.setting,
                "unit": change.unit,
                "label": change.label,
                **_stressed(calibration, changed, is_fake),
            }
        )
        if progress:
            progress(done * len(images), len(STRESS) * len(images))
    return rows


def turned_away(gate: Gate | None, engine: Engine, images: np.ndarray) -> np.ndarray:
    """(N, K) bool: which of (N, S, S, 3) images each of the gate's K signals finds strange."""
    if gate is None:
        return np.zeros((len(images), len(SIGNALS)), bool)
    return gate.too_far(distances(gate, engine, images))


def gated(away: np.ndarray, is_fake: np.ndarray) -> dict:
    """How many of the model's own images its gate turns away, from :func:`turned_away`."""
    one = away.any(axis=1)
    return {
        "turned_away": {
            **metrics.rate(one),
            "real": float(one[~is_fake].mean()),
            "fake": float(one[is_fake].mean()),
        },
        "by_signal": {name: float(away[:, i].mean()) for i, name in enumerate(SIGNALS)},
    }


def in_words(evidence: dict) -> list[str]:
    """A line for each set of test images."""
    lines = []
    for key, words in (("official", "all test images"), ("leak_free", "without leaked ones")):
        found = evidence["test"][key]
        low, high = found["accuracy_interval_95"]
        lines.append(
            f"{evidence['name']}, {words:20} n={found['n']:,} accuracy {found['accuracy']:.4f} "
            f"[{low:.4f}, {high:.4f}] AUROC {found['auroc']:.5f} "
            f"ECE of confidence {found['ece']:.4f}, of p_fake {found['ece_p_fake']:.4f}"
        )
    return lines


def _answers(calibration: Calibration, p_fake: np.ndarray, is_fake: np.ndarray) -> dict:
    return _answered(calibration, p_fake, is_fake, np.ones(len(p_fake), bool)) | {
        # What the thresholds promise to keep small, each a share of its class.
        "real_called_fake": metrics.rate(p_fake[~is_fake] >= calibration.fake_from),
        "fake_called_real": metrics.rate(p_fake[is_fake] <= calibration.real_to),
    }


def _answered(
    calibration: Calibration, p_fake: np.ndarray, is_fake: np.ndarray, among: np.ndarray
) -> dict:
    """Share of all images that get an answer, if only those ``among`` may; and of those right."""
    answered = among & calibration.is_sure(p_fake)
    right = ((p_fake >= 0.5) == is_fake)[answered]
    return {
        "answered_share": float(answered.mean()),
        "accuracy_answered": float(right.mean()) if len(right) else None,
    }


def _stressed(calibration: Calibration, logits: np.ndarray, is_fake: np.ndarray) -> dict:
    p_fake = calibration.p_fake(logits)
    right = (p_fake >= 0.5) == is_fake
    return {
        "n": len(right),
        "accuracy": float(right.mean()),
        "accuracy_interval_95": list(metrics.wilson_interval(int(right.sum()), len(right))),
        "fake_recall": float(right[is_fake].mean()),
        **_answers(calibration, p_fake, is_fake),
    }


if __name__ == "__main__":
    sys.exit(main())
