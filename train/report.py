"""Write the figures of README.md and RESULTS.md from evidence: ``python -m train.report``."""

from __future__ import annotations

import argparse
import json
import sys

from cifake_core import artifacts
from cifake_core.artifacts import ASSETS
from cifake_core.catalogue import is_of
from cifake_core.errors import CifakeLensError, ConfigError
from cifake_core.explain import METHOD_WORDS

ROOT = ASSETS.parent
TIMED = {
    "benchmarks.json": "python -m benchmarks --save",
    "benchmarks_training.json": "python -m benchmarks.training --save",
}
OTHERS = {
    "outside.json": "python -m train.outside --pictures PICTURES.tar",
    "explanations.json": "python -m train.explanations --all",
}
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
    except CifakeLensError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for file, after in differ:
        if args.check:
            print(f"{file} differs from the evidence", file=sys.stderr)
        else:
            (ROOT / file).write_text(after, encoding="utf-8")
    return int(args.check and bool(differ))


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
        "| model | parameters | test images | accuracy (95 % interval) | AUROC | F1 fake / real "
        "| ECE before / after | answered | accuracy when answered | runs |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name in artifacts.available():
        evidence, again = of_model(name), _command(name)
        cost, test = (_get(evidence, key, again) for key in ("cost", "test"))
        for key in ("official", "leak_free"):
            figures = test[key]
            before = _get(figures, "before_calibration", again)
            answers = _get(figures, "with_gate", again)
            low, high = figures["accuracy_interval_95"]
            rows.append(
                f"| `{name}` | {cost['parameters']:,} | {figures['n']:,} "
                f"| **{figures['accuracy']:.2%}** ({low:.2%} to {high:.2%}) "
                f"| {figures['auroc']:.4f} "
                f"| {figures['fake']['f1']:.4f} / {figures['real']['f1']:.4f} "
                f"| {before['ece']:.4f} / {figures['ece']:.4f} | {answers['answered_share']:.1%} "
                f"| {_share(answers['accuracy_answered'])} "
                f"| {_runs(evidence['seeds'])} |"
            )
    return rows


def costs() -> list[str]:
    """A row for each shipped model: its files and its speed."""
    rows = [
        "| model | weights | graph | stored in | one image | in batches of 64 | processors |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in artifacts.available():
        cost = _get(of_model(name), "cost", _command(name))
        rows.append(
            f"| `{name}` | {_weights(name, cost)} | {_megabytes(cost['graph_bytes'])} "
            f"| {_stored(name)} "
            f"| {cost['ms_per_image']:.2f} ms | {cost['images_per_s']:,.0f} a second "
            f"| {cost['processors']} |"
        )
    return rows


def promises() -> list[str]:
    """What the thresholds promise and what became of it on the official test images."""
    rows = [
        "| model | promised, of each class | photographs called AI-generated "
        "| AI-generated called real | own images turned away |",
        "|---|---|---|---|---|",
    ]
    for name in artifacts.available():
        evidence, again = of_model(name), _command(name)
        test, gate = evidence["test"]["official"], _get(evidence, "gate", again)
        calibration = artifacts.read_card(name).raw["calibration"]
        promised = _get(calibration, "promised_error", "python -m train.calibrate --all")
        found = [_get(test, key, again) for key in ("real_called_fake", "fake_called_real")]
        cells = [_rate(f) for f in (*found, gate["turned_away"])]
        rows.append(f"| `{name}` | {promised:.2%} at most | {' | '.join(cells)} |")
    return rows


def outside() -> list[str]:
    """What the models make of pictures that are not of their kind."""
    models = read("outside.json")["models"]
    for name, found in models.items():
        _check(name, found, OTHERS["outside.json"])
    rows = [
        f"| | {' | '.join(f'`{name}`' for name in models)} |",
        "|---" * (len(models) + 1) + "|",
        *(
            f"| {words} | "
            + " | ".join(_span(m["reduced"], key, form) for m in models.values())
            + " |"
            for words, key, form in (
                ("reduced pictures, AUROC over eight filters", "auroc", ".2f"),
                ("… share that would get a sure answer", "sure_share", ".0%"),
                ("… of those right", "right_of_sure", ".0%"),
            )
        ),
    ]
    kinds = {(r["kind"], r["how"]): r["n"] for m in models.values() for r in m["recognised"]}
    for (kind, how), n in kinds.items():
        cells = [
            f"{r['share']:.1%}"
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
            f"{r['turned_away']:.0%} / {r['sure_share']:.0%} / {_share(r['right_of_sure'])}"
            for m in models.values()
            for r in [m["changed"][at]]
        ]
        rows.append(f"| {label} | {' | '.join(cells)} |")
    return rows


def heatmaps() -> list[str]:
    """A row for each model and method, and for two baselines that know no model."""
    rows = [
        "| model | method | hits the planted patch | … where it reversed the verdict "
        "| beats a random order by | like before when all is random |",
        "|---|---|---|---|---|---|",
    ]
    for record in read("explanations.json")["models"]:
        again = f"python -m train.explanations --model {record['name']}"
        _check(record["name"], record, again, gate=False)
        parts = {
            part: {row["method"]: row for row in record.get(part, {}).get("rows", [])}
            for part in ("planted", "curves", "randomised")
        }
        for method, planted in parts["planted"].items():
            gain = parts["curves"].get(method, {}).get("over_random", {}).get("both")
            random = parts["randomised"].get(method)
            rows.append(
                f"| `{record['name']}` | {METHODS.get(method, method)} "
                f"| {_hits(planted['changed'])} | {_hits(planted['reversed'])} "
                f"| {_gain(gain)} | {_left(random)} |"
            )
    return rows


def stress() -> list[str]:
    """Accuracy and, in brackets, the share of fakes found: a row for each change."""
    names = artifacts.available()
    table = {}
    for name in names:
        found = _get(of_model(name), "stress", _command(name))
        for row in found:
            words = f"{row['accuracy']:.2%} ({row['fake_recall']:.2%})"
            table.setdefault("number of images", {})[name] = f"{row['n']:,}"
            table.setdefault(row["label"], {})[name] = words
    return [
        f"| official test images | {' | '.join(f'`{name}`' for name in names)} |",
        "|---" * (len(names) + 1) + "|",
        *(
            f"| {label} | {' | '.join(cells.get(name, '') for name in names)} |"
            for label, cells in table.items()
        ),
    ]


def ablations() -> list[str]:
    """A row for each variant that ``python -m train.ablation`` measured on validation."""
    if not (artifacts.evidence_dir() / "ablations.json").is_file():
        return ["None has been measured yet."]
    table = read("ablations.json")
    labels = list(table["rows"][0]["stress_accuracy"])
    rows = [
        f"| what | runs | accuracy | AUROC | {' | '.join(labels)} | its recipe |",
        "|---" * (len(labels) + 5) + "|",
    ]
    for row in table["rows"]:
        hard = " | ".join(f"{row['stress_accuracy'][label]:.2%}" for label in labels)
        rows.append(
            f"| {row['what']} | {_runs(row['seeds'])} "
            f"| {row['validation_accuracy']:.2%} | {row['validation_auroc']:.4f} | {hard} "
            f"| `{row['command']}` |"
        )
    return rows


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
        again = (TIMED | OTHERS).get(file) or _command(path.stem)
        raise ConfigError(f"assets/evidence/{file} is missing: run `{again}`.")
    return json.loads(path.read_text(encoding="utf-8"))


def of_model(name: str) -> dict:
    """What ``train.evaluate`` wrote of a model.

    Raises:
        ConfigError: it is missing, or of other weights, thresholds or another gate than ship.
    """
    found = read(f"{name}.json")
    _check(name, found, _command(name))
    return found


def _check(name: str, found: dict, command: str, gate: bool = True) -> None:
    if not is_of(artifacts.read_card(name), found, gate):
        raise ConfigError(f"Evidence on {name} is not of what ships now: run `{command}`.")


def _command(name: str) -> str:
    return f"python -m train.evaluate --model {name}"


def _get(evidence: dict, key: str, command: str):
    if key not in evidence:
        raise ConfigError(f"The evidence is older than this program: run `{command}`.")
    return evidence[key]


def _stored(name: str) -> str:
    """The precision of the files, and what half of it does to validation's verdicts."""
    found = artifacts.read_card(name).raw["storage"]
    low, high = _get(found, "judged_at", "python -m train.calibrate --all")
    changed = f"{found['verdicts_changed']} of {found['of']:,} verdicts"
    at = f" (at the thresholds of its export, {low} and {high})"
    if found["dtype"] == "float16":
        if found["verdicts_changed_as_fitted"]:
            at = (
                f"{at[:-1]}, which moved by {found['thresholds_moved']} for that: "
                f"{found['verdicts_changed_as_fitted']} before)"
            )
        return f"float16, which changed {changed}{at}"
    return f"float32; float16 would change {changed}{at}"


def _weights(name: str, cost: dict) -> str:
    """The size of the weights file; what lies in the graph is counted there."""
    if artifacts.read_card(name).weights_file == artifacts.WEIGHTS:
        return _megabytes(cost["weights_bytes"])
    return f"{_megabytes(cost['weights_bytes'] - cost['graph_bytes'])}, kernels in the graph"


def _hits(found: dict) -> str:
    if found["hit_share"] is None:
        return "none"
    low, high = found["hit_interval_95"]
    return f"{found['hit_share']:.0%} ({low:.0%} to {high:.0%}) of {found['n']}"


def _gain(found: dict | None) -> str:
    if not found:
        return ""
    low, high = (100 * x for x in found["interval_95"])
    return f"{100 * found['mean']:+.1f} points ({low:+.1f} to {high:+.1f}), n = {found['n']:,}"


def _left(row: dict | None) -> str:
    if row is None:
        return ""
    if (found := row["rest"])["interval_95"] is None:
        return "no maps to compare"
    low, high = found["interval_95"]
    said = {True: "passes", False: "fails", None: "undecided"}[row["passes"]]
    return f"{found['mean']:.2f} ({low:.2f} to {high:.2f}), {said}"


def _rate(found: dict) -> str:
    low, high = found["interval_95"]
    return f"{found['share']:.2%} ({low:.2%} to {high:.2%})"


def _span(rows: list[dict], key: str, form: str) -> str:
    values = [row[key] for row in rows if row[key] is not None]
    return f"{min(values):{form}} to {max(values):{form}}" if values else "none"


def _runs(seeds: list[int]) -> str:
    """How many, and their seeds, which are names and no counts."""
    return f"{len(seeds)} (seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))})"


def _share(value: float | None) -> str:
    return "none" if value is None else f"{value:.2%}"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


BLOCKS = {
    "README.md": (results, promises),
    "RESULTS.md": (costs, stress, outside, heatmaps, ablations, timings),
}

if __name__ == "__main__":
    sys.exit(main())
