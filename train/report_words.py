"""What the tables of ``python -m train.report`` say of calibration and of planted patches."""

from __future__ import annotations

import math

import numpy as np

from cifake_core import artifacts, curves, metrics
from cifake_core.catalogue import fewest, rate
from cifake_core.errors import ConfigError
from train import cells as cell

KEPT = 6  # decimals of a largest difference in the evidence
CALIBRATED = 0.01  # an ECE that is good enough
GOALS = {"lens": {"JPEG 40": 0.965, "noise 0.10": 0.965, "blur 0.6": 0.95}}  # accuracy


def calibration(name: str, evidence: dict, command: str) -> list[str]:
    """Two rows for a model: all test images, and the leak-free ones.

    Raises:
        ConfigError: the evidence is older than the figures wanted here, or lacks the logits.
    """
    card, scores = artifacts.read_card(name), curves.decode(evidence)
    if scores is None:
        raise ConfigError(f"Evidence on {name} lacks its logits: run `{command}`.")
    fitted_to = card.raw["calibration"].get("fitted_to", "images as they are")
    p_fake, rows = card.calibration.p_fake(scores.logits), []
    for key, kept in (("official", slice(None)), ("leak_free", ~scores.leaked)):
        figures = evidence["test"][key]
        before = cell.get(figures, "before_calibration", command)
        errors = [
            f"{cell.get(before, ece, command):.4f} / {cell.get(figures, ece, command):.4f}"
            for ece in ("ece", "ece_p_fake")
        ]
        found = curves.middle(p_fake[kept], scores.is_fake[kept])
        middle = (
            f"{found.count:,} | {found.p_fake:.1%} | {found.fake_share:.1%}"
            if found
            else "none | | "
        )
        rows.append(
            f"| `{name}` | {figures['n']:,} | {' | '.join(errors)} | {middle} | {fitted_to} |"
        )
    return rows


def middle(name: str, evidence: dict) -> curves.Bin | None:
    """The official test images of which a model is least sure."""
    scores = curves.decode(evidence)
    p_fake = artifacts.read_card(name).calibration.p_fake(scores.logits)
    return curves.middle(p_fake, scores.is_fake)


def leaning(middles: dict[str, curves.Bin | None]) -> str:
    """In which direction each model is off in the middle, by :attr:`curves.Bin.lean`."""
    sides = {1: "AI-generated", -1: "real", 0: ""}
    by_side = {side: [] for side in sides.values()}
    for name, found in middles.items():
        if found:
            by_side[sides[found.lean]].append(f"`{name}`")
    said = [f"{side}: {', '.join(names)}" for side, names in by_side.items() if names and side]
    words = f"leans, on the official images, towards {'; towards '.join(said)}" if said else ""
    if by_side[""]:
        words += f"{'; ' if said else ''}chance alone could explain the gap of " + ", ".join(
            by_side[""]
        )
    return f"In the middle p_fake {words}." if said else f"In the middle {words}." if words else ""


def too_far(errors: dict[str, dict]) -> str:
    """Which models' calibration errors on the official test images miss ``CALIBRATED``."""
    words = {"ece": "of confidence", "ece_p_fake": "of p_fake"}
    missed = [
        f"`{name}` ({said}: {found[key]:.4f})"
        for name, found in errors.items()
        for key, said in words.items()
        if found[key] > CALIBRATED
    ]
    return (
        f"Goal after calibration: at most {CALIBRATED:g} on the official images; "
        f"{'missed by ' + ', '.join(missed) if missed else 'met by all'}."
    )


def promises(name: str, evidence: dict, command: str) -> list[str]:
    """Two rows for a model, as :func:`calibration`: promised mistakes, and what came of them."""
    card, scores = artifacts.read_card(name), curves.decode(evidence)
    if scores is None:
        raise ConfigError(f"Evidence on {name} lacks its logits: run `{command}`.")
    fitted, again = card.raw["calibration"], "python -m train.calibrate --all"
    promised = cell.get(fitted, "promised_error", again)
    calibrated = fewest(card.raw["validation"]["confusion"])
    p_fake, rows = card.calibration.p_fake(scores.logits), []
    for key, kept in (("official", slice(None)), ("leak_free", ~scores.leaked)):
        figures, away = evidence["test"][key], scores.away[kept]
        low, high = metrics.promised_range(calibrated, promised, fewest(figures["confusion"]))
        turned = {
            "share": away.mean(),
            "interval_95": metrics.wilson_interval(int(away.sum()), len(away)),
        }
        turned_round = cell.get(cell.get(evidence, "thorough", command), "reversed", command)
        cells = [
            f"{figures['n']:,}",
            f"{promised:.2%} on average ({low:.2%} to {high:.2%})",
            *(
                rate(cell.get(figures, k, command))
                for k in ("real_called_fake", "fake_called_real")
            ),
            _price(p_fake[kept], scores.is_fake[kept], away),
            rate(turned),
            f"{rate(turned_round)} of {cell.get(turned_round, 'n', command):,}"
            if key == "official"
            else "",
        ]
        rows.append(f"| `{name}` | {' | '.join(cells)} |")
    return rows


def _price(p_fake: np.ndarray, is_fake: np.ndarray, away: np.ndarray) -> str:
    """What stays unanswered for ``curves.WANTED``, with its interval where there is one."""
    asked = p_fake, is_fake, away, curves.WANTED
    if (price := curves.least_unanswered(*asked)) is None:
        return "not to be had"
    between = curves.least_unanswered_interval(*asked)
    return f"{price:.1%}" + (f" ({between[0]:.1%} to {between[1]:.1%})" if between else "")


def goals(name: str, stress: list[dict], command: str) -> list[str]:
    """A line for each goal of a model's accuracy under stress, and whether it was met.

    Raises:
        ConfigError: the evidence lacks one of these changes.
    """
    lines = []
    for label, goal in GOALS.get(name, {}).items():
        row = cell.get({r["label"]: r for r in stress}, label, command)
        low, high = row["accuracy_interval_95"]
        met = "met" if row["accuracy"] >= goal else "missed"
        if met == "met" and low < goal:
            met = "met, but chance alone could explain it"
        lines.append(
            f"- `{name}`, {label}: {row['accuracy']:.2%} ({low:.2%} to {high:.2%}), goal "
            f"{goal:.1%}: {met}."
        )
    return lines


def counted(table: dict) -> str:
    """On how many images the rows of the ablations are, and how sure the best of them is."""
    counts = {row["what"]: row.get("n", table.get("n")) for row in table["rows"]}
    best = max(table["rows"], key=lambda row: row["validation_accuracy"])
    accuracy, n = best["validation_accuracy"], counts[best["what"]]
    low, high = metrics.wilson_interval(round(accuracy * n), n)
    different = sorted(set(counts.values()))
    return (
        f"Each on {' or '.join(f'{count:,}' for count in different)} images: the 95% interval of "
        f"the best accuracy, {accuracy:.2%}, is {low:.2%} to {high:.2%}"
        f"{', those of lower ones are wider' if len(different) == 1 else ''}."
    )


def identified(rows: list[dict]) -> str:
    """Which rows of the ablations do not say of which weights and data they are."""
    lack = [row["what"] for row in rows if not {"weights_sha256", "data_sha256"} <= row.keys()]
    if not lack:
        return "The evidence has the SHA-256 of each row's weights and data."
    which = "all rows" if len(lack) == len(rows) else "; ".join(lack)
    return f"Measured before the SHA-256 of weights and data were kept, so without: {which}."


def reach(interval: tuple[float, float]) -> float:
    """How far an interval reaches to either side of its middle."""
    return (interval[1] - interval[0]) / 2


def hits(found: dict) -> str:
    """A share of hits, and what kind of patch the images had."""
    by_patch = found["by_patch"]
    fake, real = (by_patch[label]["n"] for label in ("FAKE", "REAL"))
    if not found["n"]:
        return cell.hits(found)
    if fake and real:
        return f"{cell.hits(found)} ({fake} AI-generated, {real} photographed)"
    return f"{cell.hits(found)} (all {'AI-generated' if fake else 'photographed'})"


def agreement(rows: list[dict]) -> str:
    """To how many decimals our figures are those of Quantus."""
    # None: no figure could be compared, as when every map was flat.
    differences = [r["largest_difference"] for r in rows if r["largest_difference"] is not None]
    largest = max(differences, default=None)
    if largest is None:
        return "nothing to compare"
    if not largest:
        return f"all figures agree to the last decimal kept, the {KEPT}th"
    decimals = math.floor(-math.log10(2 * largest) + 1e-9)
    if decimals < 1:
        return f"the figures differ by up to {largest:g}"
    return f"all figures agree to {decimals} decimal{'s' if decimals > 1 else ''}"
