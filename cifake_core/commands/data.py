"""``python -m cifake_core data {check,stats,fetch}``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from cifake_core import dataset, locate
from cifake_core.artifacts import evidence_dir
from cifake_core.commands import output
from cifake_core.progress import progress_bar


def add_to(commands) -> None:
    parser = commands.add_parser("data", help="check, describe or fetch the CIFAKE data set")
    actions = parser.add_subparsers(dest="action", required=True)
    check = actions.add_parser("check", help="decode every file; exit 1 if something is off")
    stats = actions.add_parser("stats", help="write the figures that the data-set page shows")
    actions.add_parser("fetch", help="download the set from Kaggle").set_defaults(data=None)
    stats.add_argument("--out", type=Path, default=evidence_dir() / "dataset.json")
    for action in (check, stats):
        action.add_argument("--data", help="folder or archive (default: found by itself)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from cifake_core import stats

    if args.action == "fetch":
        output.say(str(locate.fetch()))
        return 0
    with progress_bar() as show:
        if args.action == "check":
            report, problems = stats.check(locate.find(args.data), show)
        else:
            data = dataset.load(args.data, show)
    if args.action == "check":
        lines = [*report, *(f"off: {problem}" for problem in problems)]
        lines.append("something is off" if problems else "all is as it should be")
        output.say("\n".join(lines))
        return 1 if problems else 0
    text = json.dumps(stats.summarise(data), separators=(",", ":"))
    with output.result(args.out) as stream, output.naming(args.out):
        stream.write(text.replace('{"split"', '\n{"split"') + "\n")
    print(f"wrote {args.out}")
    return 0
