"""Figures as the cells of a Markdown table."""

from __future__ import annotations

from cifake_core import artifacts
from cifake_core.errors import ConfigError


def get(evidence: dict, key: str, command: str):
    if key not in evidence:
        raise ConfigError(f"The evidence is older than this program: run `{command}`.")
    return evidence[key]


def stored(name: str) -> str:
    """The precision of the files, and what half of it does to validation's verdicts."""
    found = artifacts.read_card(name).raw["storage"]
    low, high = get(found, "judged_at", "python -m train.calibrate --all")
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


def weights(name: str, cost: dict) -> str:
    """The size of the weights file; what lies in the graph is counted there."""
    if artifacts.read_card(name).weights_file == artifacts.WEIGHTS:
        return megabytes(cost["weights_bytes"])
    return f"{megabytes(cost['weights_bytes'] - cost['graph_bytes'])}, kernels in the graph"


def hits(found: dict) -> str:
    if found["hit_share"] is None:
        return "none"
    low, high = found["hit_interval_95"]
    return f"{found['hit_share']:.0%} ({low:.0%} to {high:.0%}) of {found['n']}"


def mass(found: dict) -> str:
    return "none" if found["mass_share"] is None else f"{found['mass_share']:.0%}"


def gain(found: dict | None) -> str:
    if not found:
        return ""
    low, high = (100 * x for x in found["interval_95"])
    return f"{100 * found['mean']:+.1f} points ({low:+.1f} to {high:+.1f}), n = {found['n']:,}"


def left(row: dict | None) -> str:
    if row is None:
        return ""
    if (found := row["rest"])["interval_95"] is None:
        return "no maps to compare"
    low, high = found["interval_95"]
    said = {True: "passes", False: "fails", None: "undecided"}[row["passes"]]
    count = "" if found["n"] == row["n"] else f"{found['n']} of "
    return f"{found['mean']:.2f} ({low:.2f} to {high:.2f}), {said}, n = {count}{row['n']}"


def share(value: float | None) -> str:
    return "none" if value is None else f"{value:.2%}"


def megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
