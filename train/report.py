"""Write the figures of README.md and RESULTS.md from evidence: ``python -m train.report``.

A model that ``train.outside`` or ``train.explanations`` has not measured as it ships now is left
out of that table, and a line says so.
"""

from __future__ import annotations

import argparse
import json
import sys

from cifake_core import artifacts, curves
from cifake_core.artifacts import ASSETS
from cifake_core.catalogue import (
    accuracy_answered,
    aurocs,
    is_of,
    rate,
    right_of_answers,
    runs,
    span,
)
from cifake_core.errors import CifakeLensError, ConfigError
from cifake_core.explain import METHOD_WORDS
from train import cells as cell
from train import report_words as say
from train.looks import of_model as of_looks
from train.of_several import left_out, of_each

ROOT = ASSETS.parent
TIMED = {
    "benchmarks.json": "python -m benchmarks --save",
    "benchmarks_training.json": "python -m benchmarks.training --save",
}
NOTHING = ["None has been measured yet."]
METHODS = {str(m): words for m, words in METHOD_WORDS.items()} | {
    "centre": "(always the middle)",
    "edges": "(strongest edge)",
}
START, END = "<!-- {}: written by python -m train.report -->", "<!-- end of {} -->"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m train.report", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if it differs")
    args = parser.parse_args(argv)
    differ = []
    try:
        for file in BLOCKS:
            before = (ROOT / file).read_text(encoding="utf-8")
            if (after := filled(file, before)) != before:
                differ.append((file, after))
        lacking = left_out()
    except CifakeLensError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for file, after in differ:
        if args.check:
            print(f"{file} differs from the evidence", file=sys.stderr)
        else:
            (ROOT / file).write_text(after, encoding="utf-8")
    for line in lacking:
        print(line, file=sys.stderr)
    return int(args.check and bool(differ or lacking))


def filled(file: str, text: str) -> str:
    """A file's text with each marked block replaced by what the evidence says today.

    Raises:
        ConfigError: evidence is missing, or lacks what older versions did not measure.
    """
    for block in BLOCKS[file]:
        name, lines = block.__name__, block()
        start, end = START.format(name), END.format(name)
        if text.count(start) != 1 or text.count(end) != 1:
            raise ValueError(f"{file} must hold the markers of {name} once each")
        head, _, rest = text.partition(start)
        _, _, tail = rest.partition(end)
        text = "\n".join([head + start, *lines, end + tail])
    return text


def results() -> list[str]:
    """Two table rows for each shipped model: on all test images, and on the leak-free ones."""
    rows = [
        "| model | parameters | test images | accuracy (95% interval) | uncalibrated | AUROC "
        "| F1 fake / real | ECE of confidence / of p_fake | answered | accuracy when answered "
        "| runs | weights scored on test so far |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name in artifacts.available():
        evidence, again = of_model(name), _command(name)
        cost, test = (cell.get(evidence, key, again) for key in ("cost", "test"))
        for key in ("official", "leak_free"):
            figures = test[key]
            before, of_p_fake = (
                cell.get(figures, key, again) for key in ("before_calibration", "ece_p_fake")
            )
            answers = cell.get(figures, "with_gate", again)
            low, high = figures["accuracy_interval_95"]
            rows.append(
                f"| `{name}` | {cost['parameters']:,} | {figures['n']:,} "
                f"| **{figures['accuracy']:.2%}** ({low:.2%} to {high:.2%}) "
                f"| {cell.get(before, 'accuracy', again):.2%} | {figures['auroc']:.4f} "
                f"| {figures['fake']['f1']:.4f} / {figures['real']['f1']:.4f} "
                f"| {figures['ece']:.4f} / {of_p_fake:.4f} | {answers['answered_share']:.1%} "
                f"| {accuracy_answered(figures, 'none')} "
                f"| {runs(evidence['seeds'])} | {len(of_looks(name))} |"
            )
    return rows


def costs() -> list[str]:
    """A row for each shipped model: its files and its speed."""
    rows = [
        "| model | weights | graph | stored in | one image | in batches of 64 | processors |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in artifacts.available():
        cost = cell.get(of_model(name), "cost", _command(name))
        rows.append(
            f"| `{name}` | {cell.weights(name, cost)} | {cell.megabytes(cost['graph_bytes'])} "
            f"| {cell.stored(name)} "
            f"| {cost['ms_per_image']:.2f} ms | {cost['images_per_s']:,.0f} a second "
            f"| {cost['processors']} |"
        )
    return rows


def promises() -> list[str]:
    """What the thresholds promise and what became of it on the official test images."""
    rows = [
        "| model | test images | promised, of each class | photographs called AI-generated "
        f"| AI-generated called real | unanswered if {curves.WANTED:.1%} are to be right "
        "| own images turned away | turned round by a tiny change |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in artifacts.available():
        rows += say.promises(name, of_model(name), _command(name))
    return rows


def outside() -> list[str]:
    """What the models make of pictures that are not of their kind."""
    models = of_each("outside.json")
    if not models:
        return NOTHING
    rows = [
        f"| | {' | '.join(f'`{name}`' for name in models)} |",
        "|---" * (len(models) + 1) + "|",
        *(
            f"| {words} | " + " | ".join(said(m["reduced"]) for m in models.values()) + " |"
            for words, said in (
                ("reduced pictures, AUROC over eight filters", aurocs),
                (
                    "… share that would get a sure answer",
                    lambda rows: span(rows, "sure_share", ".0%"),
                ),
                ("… of those right", lambda rows: span(rows, "right_of_sure", ".0%")),
            )
        ),
    ]
    kinds = {(r["kind"], r["how"]): r["n"] for m in models.values() for r in m["recognised"]}
    for (kind, how), n in kinds.items():
        cells = [
            rate(r, ".1%")
            for m in models.values()
            for r in m["recognised"]
            if (r["kind"], r["how"]) == (kind, how)
        ]
        rows.append(f"| recognised: {kind}, {how} (n = {n}) | {' | '.join(cells)} |")
    rows += ["", f"| changed image of the data set | {' | '.join(f'`{n}`' for n in models)} |"]
    rows.append("|---" * (len(models) + 1) + "|")
    labels = [row["label"] for row in next(iter(models.values()))["changed"]]
    for at, label in enumerate(labels):
        cells = [
            f"{r['turned_away']:.0%} / {r['sure_share']:.0%} / {right_of_answers(r, 'none')}"
            for m in models.values()
            for r in [m["changed"][at]]
        ]
        rows.append(f"| {label} | {' | '.join(cells)} |")
    return rows


def heatmaps() -> list[str]:
    """A row for each model and method, and for baselines that know no model."""
    rows = [
        "| model | method | hits the planted patch | its mass in the patch "
        "| … hits where it reversed the verdict | beats a random order by "
        "| beats an edge detector by | like before when all is random |",
        "|---|---|---|---|---|---|---|---|",
    ]
    how = []
    records = of_each("explanations.json").values()
    if not records:
        return NOTHING
    for record in records:
        parts = {
            part: {row["method"]: row for row in record.get(part, {}).get("rows", [])}
            for part in ("planted", "curves", "randomised")
        }
        for method in sorted(parts["planted"], key=list(METHODS).index):
            planted = parts["planted"][method]
            curves = parts["curves"].get(method, {})
            gains = [curves.get(f"over_{other}", {}).get("both") for other in ("random", "edges")]
            random = parts["randomised"].get(method)
            rows.append(
                f"| `{record['name']}` | {METHODS.get(method, method)} "
                f"| {say.hits(planted['changed'])} | {cell.mass(planted['changed'])} "
                f"| {say.hits(planted['reversed'])} "
                f"| {' | '.join(map(cell.gain, gains))} | {cell.left(random)} |"
            )
        if smooth := parts["curves"].get("smooth"):
            gain = cell.gain(smooth["over_random"]["both"])
            rows.append(f"| `{record['name']}` | (random, but smooth) |  |  |  | {gain} |  |  |")
        chance = record["planted"]["chance"]
        one, other = (f"{chance[part]['hit']:.0%}" for part in ("changed", "reversed"))
        rows.append(
            f"| `{record['name']}` | (a point at random, an even map) | {one} | {one} | {other} "
            "|  |  |  |"
        )
        checked = record.get("quantus")
        how.append(
            f"- `{record['name']}`: `{record['command']}`; "
            + (
                f"{METHODS[checked['method']]} maps of {checked['rows'][0]['n']} images "
                f"cross-checked with Quantus: {say.agreement(checked['rows'])}."
                if checked
                else "not cross-checked with Quantus yet."
            )
        )
    title = "How each was measured (rows of more images: with `--method` and that number, too):"
    return [*rows, "", title, "", *how]


def calibration() -> list[str]:
    """How far a probability may be taken at its word: two rows for each shipped model."""
    low, high = (f"{edge:.0%}" for edge in curves.MIDDLE)
    rows = [
        "| model | test images | ECE of confidence, before / after | ECE of p_fake, before / after "
        f"| p_fake from {low} to {high}: images | … their mean p_fake | … AI-generated "
        "| calibrated on validation |",
        "|---|---|---|---|---|---|---|---|",
    ]
    names = artifacts.available()
    for name in names:
        rows += say.calibration(name, of_model(name), _command(name))
    errors = {name: of_model(name)["test"]["official"] for name in names}
    middles = {name: say.middle(name, of_model(name)) for name in names}
    return [*rows, "", say.leaning(middles), say.too_far(errors)]


def stress() -> list[str]:
    """Accuracy and, in brackets, the share of fakes found: a row for each change."""
    names = artifacts.available()
    table, goals, reach = {}, [], {}
    for name in names:
        found = cell.get(of_model(name), "stress", _command(name))
        for row in found:
            words = f"{row['accuracy']:.2%} ({row['fake_recall']:.2%})"
            table.setdefault("number of images", {})[name] = f"{row['n']:,}"
            table.setdefault(row["label"], {})[name] = words
        goals += say.goals(name, found, _command(name))
        reach[name] = max(say.reach(row["accuracy_interval_95"]) for row in found)
    return [
        f"| official test images | {' | '.join(f'`{name}`' for name in names)} |",
        "|---" * (len(names) + 1) + "|",
        *(
            f"| {label} | {' | '.join(cells.get(name, '') for name in names)} |"
            for label, cells in table.items()
        ),
        "",
        *goals,
        "- How far the 95% interval of an accuracy reaches to either side at most, in points: "
        f"{', '.join(f'`{name}` {100 * far:.1f}' for name, far in reach.items())}.",
    ]


def ablations() -> list[str]:
    """A row for each variant that ``python -m train.ablation`` measured on validation."""
    if not (artifacts.evidence_dir() / "ablations.json").is_file():
        return NOTHING
    table = read("ablations.json")
    labels = list(table["rows"][0]["stress_accuracy"])
    rows = [
        f"| what | runs | accuracy | AUROC | {' | '.join(labels)} | its recipe |",
        "|---" * (len(labels) + 5) + "|",
    ]
    for row in table["rows"]:
        hard = " | ".join(f"{row['stress_accuracy'][label]:.2%}" for label in labels)
        rows.append(
            f"| {row['what']} | {runs(row['seeds'])} "
            f"| {row['validation_accuracy']:.2%} | {row['validation_auroc']:.4f} | {hard} "
            f"| `{row['command']}` |"
        )
    return [*rows, "", say.counted(table), "", say.identified(table["rows"])]


def timings() -> list[str]:
    """The lines that the benchmarks kept."""
    rows = []
    for file, command in TIMED.items():
        kept = read(file)
        rows += [f"By `{command}`, on {kept['machine']}:", ""]
        rows += ["| what | measured | goal | |", "|---|---|---|---|"]
        rows += [
            f"| {b['what']} | {b['figure']} | {b['goal']} | {b['met']} |" for b in kept["lines"]
        ]
        rows.append("")
    return rows[:-1]


def read(file: str) -> dict:
    """One evidence file.

    Raises:
        ConfigError: it is missing.
    """
    path = artifacts.evidence_dir() / file
    if not path.is_file():
        again = TIMED.get(file) or _command(path.stem)
        raise ConfigError(f"assets/evidence/{file} is missing: run `{again}`.")
    return json.loads(path.read_text(encoding="utf-8"))


def of_model(name: str) -> dict:
    """What ``train.evaluate`` wrote of a model.

    Raises:
        ConfigError: it is missing, or of other weights, thresholds or another gate than ship.
    """
    found = read(f"{name}.json")
    if not is_of(artifacts.read_card(name), found):
        raise ConfigError(f"Evidence on {name} is not of what ships now: run `{_command(name)}`.")
    return found


def _command(name: str) -> str:
    return f"python -m train.evaluate --model {name}"


BLOCKS = {
    "README.md": (results, promises),
    "RESULTS.md": (calibration, costs, stress, outside, heatmaps, ablations, timings),
}

if __name__ == "__main__":
    sys.exit(main())
