"""What was measured of the heatmaps of a model, read from ``assets/evidence/``."""

from __future__ import annotations

from typing import Any

from cifake_core.artifacts import Card
from cifake_core.catalogue import dig, is_of
from cifake_core.explain import Method
from pages.parts import evidence

FILE = "explanations"
Rows = dict[str, dict[str, Any]]


def of(card: Card) -> dict[str, Any] | None:
    """The record of exactly these weights and thresholds; the gate has no part in it."""
    models = (evidence.read(FILE) or {}).get("models")
    for record in models if isinstance(models, list) else []:
        if dig(record, "name") == card.name and is_of(card, record, gate=False):
            return record
    return None


def rows(found: dict[str, Any], part: str) -> Rows:
    """method -> row."""
    block = dig(found, part, "rows")
    return {r["method"]: r for r in block} if isinstance(block, list) else {}


def warning(card: Card, method: Method) -> str:
    """A sentence unless the map clearly changed when the model forgot all it had learned."""
    said = forgets(card, method)
    return said and f" :material/warning: {said[:-1]} (see “Can you believe a heatmap?”)."


def forgets(card: Card, method: Method) -> str:
    """Whether the method's map is about what was learned, in a sentence; "" if it clearly is."""
    row = rows(of(card) or {}, "randomised").get(str(method))
    if row is None or row.get("passes", True):
        return ""
    said = "it is not clear that the map changes enough"
    if row["passes"] is False:
        said = "the map changed too little"
    return f"Of this model {said} when all that was learned was made random."
