"""``python -m cifake_core models``: the models that are here, with their measured figures."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from typing import Any

from cifake_core import artifacts, catalogue
from cifake_core.catalogue import dig
from cifake_core.commands import output
from cifake_core.errors import ArtifactError

FIGURES = ("n", "accuracy", "accuracy_interval_95", "auroc", "ece", "ece_p_fake")


def add_to(commands) -> None:
    parser = commands.add_parser(
        "models",
        help="list the models with their measured figures",
        description="Figures are of CIFAKE's test split, after calibration; leak-free leaves out "
        "the test images that are also in train. MB is the size of all files that a model ships "
        "with: weights, graph and gate. Exit status: 0 all cards were read, 1 some were "
        "not, 2 there is no model.",
    )
    parser.add_argument("--json", action="store_true", help="as JSON, null where not measured")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    rows, unread = [], 0
    for card in catalogue.cards().values():
        if isinstance(card, ArtifactError):
            unread += 1
            print(f"error: {card}", file=sys.stderr)
        else:
            rows.append(row(card, catalogue.measured(card)))
    if not rows:
        print(f"error: there is no model in {artifacts.models_dir()}", file=sys.stderr)
        return 2
    output.say(json.dumps(rows, indent=1, ensure_ascii=False) if args.json else table(rows))
    return 1 if unread else 0


def row(card: artifacts.Card, evidence: dict[str, Any]) -> dict[str, Any]:
    """One model in plain values; None for what nobody measured."""
    return {
        "name": card.name,
        "title": card.title,
        "domain": card.domain,
        "parameters": card.raw.get("parameters"),
        "bytes": catalogue.size(card),
        "official": {key: dig(evidence, "test", "official", key) for key in FIGURES},
        "leak_free": {key: dig(evidence, "test", "leak_free", key) for key in FIGURES},
        "ms_per_image": dig(evidence, "cost", "ms_per_image"),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as aligned text."""
    head = ("model", "parameters", "MB", "accuracy (95% interval)", "leak-free (95% interval)")
    lines = [(*head, "AUROC", "ECE of p_fake", "ms/image", "title")]
    lines += [
        (
            r["name"],
            _said(r["parameters"], "{:,}".format),
            _said(r["bytes"], lambda b: f"{b / 1e6:.1f}"),
            _accuracy(r["official"]),
            _accuracy(r["leak_free"]),
            _said(r["official"]["auroc"], "{:.4f}".format),
            _said(r["official"]["ece_p_fake"], "{:.4f}".format),
            _said(r["ms_per_image"], "{:.2f}".format),
            r["title"],
        )
        for r in rows
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    last = len(widths) - 1
    return "\n".join(
        "  ".join(
            text.ljust(width) if i in (0, last) else text.rjust(width)
            for i, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _accuracy(figures: dict[str, Any]) -> str:
    low, high = figures["accuracy_interval_95"] or (None, None)
    interval = "" if low is None else f" ({low:.2%} to {high:.2%})"
    return _said(figures["accuracy"], lambda a: f"{a:.2%}{interval}")


def _said(value: Any, words: Callable[[Any], str]) -> str:
    return "-" if value is None else words(value)
