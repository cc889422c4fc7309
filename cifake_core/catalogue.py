"""Which models there are and what was measured of them: cards and evidence, nothing loaded."""

from __future__ import annotations

import json
from typing import Any

from cifake_core import artifacts, metrics
from cifake_core.artifacts import Card, is_a
from cifake_core.errors import ArtifactError

FEW = 30  # answers below which a share of them would say more than they know
# Where a number, not below zero, two numbers or a list is expected, if anything: keys that mean the
# same wherever they stand in what was measured of a model.
_NUMBERS = {
    *("n", "parameters", "weights_bytes", "ms_per_image", "REAL", "FAKE"),
    *("accuracy", "auroc", "average_precision", "precision", "recall", "f1", "fake_recall"),
    *("ece", "ece_p_fake", "brier", "nll", "share", "answered_share", "accuracy_answered"),
    *("sure_share", "right_of_sure"),
}
_PAIRS = {"accuracy_interval_95", "auroc_interval_95", "interval_95"}


def cards(domain: str | None = None) -> dict[str, Card | ArtifactError]:
    """Every model by its name, one whose card cannot be used as its error.

    Args:
        domain: leaves out the models for other kinds of images.
    """
    found: dict[str, Card | ArtifactError] = {}
    for name in artifacts.available():
        try:
            card = artifacts.read_card(name)
        except ArtifactError as error:
            found[name] = error
        else:
            if domain in (None, card.domain):
                found[name] = card
    return found


def measured(card: Card) -> dict[str, Any]:
    """What ``train.evaluate`` wrote of exactly this card.

    Without it, or if it is damaged, what the card itself says of the test split; it may lack any
    key.
    """
    path = artifacts.evidence_dir() / f"{card.name}.json"
    try:
        evidence = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        evidence = {}
    if sound(evidence) and is_of(card, evidence):
        return evidence
    results = card.raw.get("results")
    return {"test": results if sound(results) else {}}


def fits(found: Any, shape: Any) -> bool:
    """Whether JSON has a shape: a kind for ``is_a``, {key: shape} at least, [shape of each],
    [shape, shape] for two of it, or (shape,) where it may be null or missing.
    """
    if isinstance(shape, tuple):
        return found is None or fits(found, shape[0])
    if isinstance(shape, dict):
        return isinstance(found, dict) and all(fits(found.get(k), s) for k, s in shape.items())
    if isinstance(shape, list):
        return (
            isinstance(found, list)
            and len(shape) in (1, len(found))
            and all(fits(each, shape[0]) for each in found)
        )
    return is_a(found, shape)


def sound(found: Any) -> bool:
    """Whether all that is taken for figures of a model are such, or null."""
    waiting = [found]  # no recursion: a file may be nested as deeply as it likes
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if not all(_figure(*item) for item in part.items() if item[1] is not None):
                return False
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part
    return True


def is_of(card: Card, found: Any, gate: bool = True) -> bool:
    """Whether evidence was measured with this card's weights, thresholds and, if so asked, gate."""
    keys = {k: v for k, v in card.identity.items() if gate or k != "gate_sha256"}
    return card.weights_sha256 is not None and all(dig(found, k) == v for k, v in keys.items())


def size(card: Card) -> int | None:
    """Bytes of all files that a model ships with: weights, graph and gate."""
    sizes = [record.get("bytes") for record in card.raw["files"].values()]
    return sum(sizes) if sizes and None not in sizes else None


def runs(seeds: list[int | list[int]]) -> str:
    """How many, and their seeds, which are names and no counts; a list's nets were joined."""
    if len(seeds) == 1 and isinstance(seeds[0], list):
        return f"1 (seeds {' and '.join(map(str, seeds[0]))}, joined)"
    return f"{len(seeds)} (seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))})"


def is_curve_of(card: Card, found: Any) -> bool:
    """Whether a training curve is of this card's weights; an older one does not say."""
    return dig(found, "weights_sha256") in (None, card.weights_sha256)


def right_of_answers(row: dict[str, Any], nothing: str) -> str:
    """How many answers of a changed image's row by ``train.outside`` were right, or ``nothing``."""
    if row["right_of_sure"] is None:
        return nothing
    answers = round(row["sure_share"] * row["n"])
    if answers < FEW:
        return f"{round(row['right_of_sure'] * answers)} of {answers}"
    return f"{row['right_of_sure']:.1%}"


def fewest(confusion: dict[str, int] | None) -> int:
    """Images of the class that has fewer of them; 0 where they were not counted."""
    counts = confusion or {}
    return min(
        sum(n for key, n in counts.items() if key.startswith(f"{label}_as_"))
        for label in ("fake", "real")
    )


def accuracy_answered(figures: dict[str, Any] | None, nothing: str) -> str:
    """How many of the answers were right, gate included, with its interval, or ``nothing``."""
    n, answers = dig(figures, "n"), dig(figures, "with_gate") or {}
    share, right = (answers.get(key) for key in ("answered_share", "accuracy_answered"))
    if None in (n, share, right):
        return nothing
    count = round(n * share)
    low, high = metrics.wilson_interval(round(right * count), count)
    return f"{right:.2%} ({low:.2%} to {high:.2%})"


def rate(found: dict[str, Any] | None, form: str = ".2%") -> str:
    """A share with its interval, a dash without."""
    if dig(found, "share") is None or not dig(found, "interval_95"):
        return "–"
    low, high = found["interval_95"]
    return f"{found['share']:{form}} ({low:{form}} to {high:{form}})"


def aurocs(rows: list[dict[str, Any]]) -> str:
    """The least and the greatest AUROC of some rows, each with its interval where there is one."""
    found = [row for row in rows if row.get("auroc") is not None]
    if not found:
        return "–"
    ends = []
    for row in (pick(found, key=lambda row: row["auroc"]) for pick in (min, max)):
        low, high = row.get("auroc_interval_95") or (None, None)
        ends.append(f"{row['auroc']:.2f}" + ("" if low is None else f" ({low:.2f} to {high:.2f})"))
    return " to ".join(ends)


def span(rows: list[dict[str, Any]], key: str, form: str = ".2f") -> str:
    """The least and the greatest of a figure, a dash where nobody measured it."""
    values = [row[key] for row in rows if row.get(key) is not None]
    return f"{min(values):{form}} to {max(values):{form}}" if values else "–"


def dig(tree: Any, *path: str) -> Any:
    """The value at a path of keys, or None where there is none."""
    for key in path:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree


def _figure(key: str, value: Any) -> bool:
    if key in _NUMBERS:
        return is_a(value, float) and value >= 0
    if key in _PAIRS:
        return fits(value, [float, float])
    return key != "seeds" or isinstance(value, list)
