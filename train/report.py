"""Write the README's figures from ``assets/evidence/``: ``python -m train.report``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from cifake_core import artifacts
from cifake_core.artifacts import ASSETS

README = ASSETS.parent / "README.md"
START, END = "<!-- {}: written by python -m train.report -->", "<!-- end of {} -->"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m train.report", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if it differs")
    args = parser.parse_args(argv)
    before = README.read_text(encoding="utf-8")
    after = filled(before)
    if args.check:
        return int(before != after)
    README.write_text(after, encoding="utf-8")
    return 0


def filled(readme: str) -> str:
    """The README with each marked block replaced by what the evidence says today."""
    for name, lines in (("results", results()), ("timings", timings())):
        start, end = START.format(name), END.format(name)
        if readme.count(start) != 1 or readme.count(end) != 1:
            raise ValueError(f"the README must hold the markers of {name} once each")
        head, _, rest = readme.partition(start)
        _, _, tail = rest.partition(end)
        readme = "\n".join([head + start, *lines, end + tail])
    return readme


def results() -> list[str]:
    """One table row for each shipped model, on both sets of test images."""
    rows = [
        "| model | parameters | test images | accuracy (95 % interval) | AUROC | F1 fake / real "
        "| ECE | answered | accuracy when answered | seeds |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name in artifacts.available():
        evidence = read(f"{name}.json")
        parameters = artifacts.read_card(name).raw["parameters"]
        for figures in (evidence["test"]["official"], evidence["test"]["leak_free"]):
            low, high = figures["accuracy_interval_95"]
            rows.append(
                f"| `{name}` | {parameters:,} | {figures['n']:,} "
                f"| **{figures['accuracy']:.2%}** ({low:.2%} to {high:.2%}) "
                f"| {figures['auroc']:.4f} "
                f"| {figures['fake']['f1']:.4f} / {figures['real']['f1']:.4f} "
                f"| {figures['ece']:.4f} | {figures['answered_share']:.1%} "
                f"| {figures['accuracy_answered']:.2%} "
                f"| {', '.join(map(str, evidence['seeds']))} |"
            )
    return rows


def timings() -> list[str]:
    """The lines that ``python -m benchmarks --save`` kept."""
    kept = read("benchmarks.json")
    rows = [f"On {kept['machine']}:", "", "| what | measured | goal | |", "|---|---|---|---|"]
    rows += [f"| {b['what']} | {b['figure']} | {b['goal']} | {b['met']} |" for b in kept["lines"]]
    return rows


def read(file: str):
    return json.loads((Path(ASSETS) / "evidence" / file).read_text(encoding="utf-8"))


if __name__ == "__main__":
    sys.exit(main())
