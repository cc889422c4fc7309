"""Choose thresholds and gate of shipped models anew: ``python -m train.calibrate --all``.

From validation images and training images only. The weights stay as they are; ``train.export``
does the same for a new model. What evidence says of thresholds and gate is old afterwards: run
``train.evaluate`` and ``train.outside`` again. New thresholds lie elsewhere than where the card's
``storage`` says that half precision changed no verdict; with ``--gate`` they stay.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from cifake_core import artifacts, dataset
from cifake_core.errors import CifakeLensError
from cifake_core.labels import REAL
from cifake_core.predict import Engine
from cifake_core.progress import progress_bar
from train import checkpoint, export
from train.convert import add_features
from train.gate import Signals, fit_gate, fit_pixels


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m train.calibrate", description=__doc__)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--model", action="append", dest="models", help="may be repeated")
    which.add_argument("--all", action="store_true", help="every model that ships")
    parser.add_argument("--gate", action="store_true", help="the gate alone; thresholds stay")
    parser.add_argument("--data", help="folder or archive of CIFAKE (default: found by itself)")
    args = parser.parse_args(argv)
    try:
        with progress_bar() as show:
            data = dataset.load(args.data, show)
        names = args.models or artifacts.available()
        for name in names:
            artifacts.read_card(name)  # before what takes a minute
        signals = fit_pixels(data)
        for name in names:
            said = calibrate(name, data, args.gate, signals)
            print(
                f"{name}: real up to {said['calibration']['real_to']}, fake from "
                f"{said['calibration']['fake_from']}, {said['calibration']['uncertain_share']:.2%} "
                f"uncertain; gate turns {said['gate']['false_alarms_on_validation']:.2%} away"
            )
    except CifakeLensError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def calibrate(
    name: str, data: dataset.Dataset, gate_alone: bool = False, signals: Signals | None = None
) -> dict[str, Any]:
    """Choose thresholds and gate of one model on validation; returns its new card."""
    import onnx

    card = artifacts.read_card(name)
    artifacts.load_engine(card)  # its checks
    folder, now = artifacts.models_dir() / name, card.calibration
    model = onnx.load(folder / artifacts.GRAPH)
    add_features(model)
    engine = Engine(graph := model.SerializeToString())
    rows = dataset.validation_indices(data.train)
    logits = export.predict(engine, data.train.images, rows)
    is_real = data.train.labels[rows] == REAL
    calibration = now
    if not gate_alone:
        calibration = export.with_thresholds(now.temperature, now.bias, logits, is_real)
    gate, said = fit_gate(engine, data, signals)

    checkpoint.replace(folder / artifacts.GRAPH, graph)
    checkpoint.replace(folder / artifacts.GATE, gate.to_bytes())
    kept = (card.weights_file, artifacts.GRAPH, artifacts.GATE)
    raw = card.raw | {
        "files": {file: artifacts.file_record(folder / file) for file in kept},
        "storage": {"judged_at": [now.real_to, now.fake_from]} | card.raw["storage"],
        "calibration": card.raw["calibration"]
        | export.calibration_record(calibration, logits, is_real),
        "gate": said,
    }
    raw.pop("results", None)  # were of the old thresholds
    export.write_json(folder / artifacts.CARD, raw)
    return raw


if __name__ == "__main__":
    sys.exit(main())
