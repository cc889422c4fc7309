"""Folders of models and evidence with figures made by arithmetic, for the page that compares."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from cifake_core import metrics
from cifake_core.artifacts import ASSETS
from cifake_core.calibration import Calibration
from cifake_core.labels import CLASSES
from cifake_core.perturb import STRESS


def card(models: Path, name: str, note: str = "", **calibration: float) -> dict[str, Any]:
    """Write the folder of a model that is a copy of lens under another name."""
    folder = shutil.copytree(ASSETS / "models" / "lens", models / name)
    made = json.loads((folder / "card.json").read_text())
    made |= {"name": name, "title": f"{name}: a title", "results": {}}
    made["training"]["note"] = note
    made["calibration"] |= calibration
    (folder / "card.json").write_text(json.dumps(made))
    return made


def evidence(
    made: dict[str, Any], logits: np.ndarray, is_fake: np.ndarray, leaked: np.ndarray
) -> dict[str, Any]:
    """Evidence as ``train.evaluate`` writes it; under stress each next setting costs 1%."""
    fields = ("temperature", "bias", "real_to", "fake_from")
    calibration = {k: made["calibration"][k] for k in fields}
    p_fake = Calibration(**calibration).p_fake(logits)
    accuracy = metrics.summary(p_fake, is_fake)["accuracy"]

    def figures(kept: np.ndarray) -> dict[str, Any]:
        answers = {"answered_share": 0.9, "accuracy_answered": min(1.0, accuracy + 0.01)}
        extra = {"nll": 0.1, "with_gate": answers | {"answered_share": 0.89}}
        extra["before_calibration"] = {
            "accuracy": 0.5,
            "ece": 0.2,
            "ece_p_fake": 0.25,
            "brier": 0.3,
            "nll": 0.9,
        }
        return metrics.summary(p_fake[kept], is_fake[kept]) | answers | extra

    steps = [
        {"transform": "none", "setting": 0, "unit": "", "label": "unchanged"},
        *(
            {"transform": s.transform, "setting": s.setting, "unit": s.unit, "label": s.label}
            for s in STRESS
        ),
    ]
    return {
        "name": made["name"],
        "weights_sha256": made["files"]["model.weights.h5"]["sha256"],
        "calibration": calibration,
        "gate_sha256": made["files"]["gate.npz"]["sha256"],
        "seeds": [1],
        "cost": {
            "parameters": made["parameters"],
            "weights_bytes": 2_000_000,
            "graph_bytes": 2_000_000,
            "ms_per_image": 0.5 * len(made["name"]),
        },
        "test": {
            "official": figures(np.ones(len(logits), bool)),
            "leak_free": figures(~leaked),
            "accuracy_by_class": {
                w: {"REAL": 0.99 - i / 200, "FAKE": 0.95 + i / 200} for i, w in enumerate(CLASSES)
            },
        },
        "thorough": {"n": 20, "reversed": {"n": 18, "share": 0.05}},
        "abstention": metrics.abstention_curve(p_fake, is_fake),
        "stress": [
            step | {"accuracy": accuracy - 0.01 * i, "fake_recall": accuracy - 0.02 * i}
            for i, step in enumerate(steps)
        ],
        "logits": base64.b64encode(logits.astype("<f4").tobytes()).decode(),
        "is_fake": base64.b64encode(np.packbits(is_fake).tobytes()).decode(),
        "leaked": base64.b64encode(np.packbits(leaked).tobytes()).decode(),
        "turned_away": base64.b64encode(np.packbits(np.zeros_like(leaked)).tobytes()).decode(),
    }


def training(name: str) -> dict[str, Any]:
    rows: list[dict[str, Any]] = [{"epoch": 0.5 * i, "loss": 0.5 / i} for i in range(1, 21)]
    for row in rows[1::2]:
        row["validation_accuracy"] = 0.98 - 0.2 * row["loss"]
    return {"name": name, "remark": "A remark on the training.", "metrics": rows}


def several(root: Path, strengths: dict[str, float], count: int = 20_000) -> tuple[Path, Path]:
    """Folders of models and of evidence; a model's logits part by ``strength`` on either side."""
    models, folder = root / "models", root / "evidence"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(3)
    is_fake = np.arange(count) % 2 == 0
    leaked = np.arange(count) < count // 50
    for name, strength in strengths.items():
        made = card(models, name, "Stopped early." if name == "paper_cnn" else "", bias=0.1)
        logits = rng.normal(np.where(is_fake, -strength, strength), 2.0)
        write(folder, name, evidence(made, logits, is_fake, leaked))
        write(folder, f"{name}_training", training(name))
    return models, folder


def write(folder: Path, name: str, content: dict[str, Any]) -> None:
    (folder / f"{name}.json").write_text(json.dumps(content))
