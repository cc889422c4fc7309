"""What was measured of the heatmaps of a model, read from ``assets/evidence/``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cifake_core.artifacts import Card
from cifake_core.catalogue import dig, is_of
from cifake_core.explain import METHOD_WORDS, Method
from pages.parts import evidence

FILE = "explanations"
Rows = dict[str, dict[str, Any]]
WORDS = {str(method): words for method, words in METHOD_WORDS.items()}
# What knows no model and points all the same.
BASELINES = {"centre": "Always the middle", "edges": "The strongest edge"}
POINTING = {"centre": "pointing at the middle always", "edges": "pointing at the strongest edge"}
# The sets of composites that count: where the patch must have been looked at.
TURNED = {"changed": "turned the likelier side", "reversed": "reversed the verdict"}
# What pages rely on in a record; what is in (…,) may be null or missing.
_PAIR = ([float, float],)
_GAP = ({"both": ({"mean": (float,), "interval_95": _PAIR},)},)
_SHARE = {"n": int, "hit_share": (float,), "hit_interval_95": _PAIR}
_BY_PATCH = ({"FAKE": (_SHARE,), "REAL": (_SHARE,)},)
_HITS = (_SHARE | {"mass_share": (float,), "near_share": (float,), "by_patch": _BY_PATCH},)
_CURVES = {"deletion": [float], "insertion": [float]}
_AREAS = {"deletion_area": float, "insertion_area": float}
_ALIKE = {key: [(float,)] for key in ("spearman", "spearman_absolute", "ssim")}
_REST = ({"n": (int,), "mean": (float,), "interval_95": _PAIR},)
_ROW = {
    "planted": {"changed": _HITS, "reversed": _HITS},
    "curves": {"n": int, "over_random": _GAP, "over_edges": _GAP, "over_centre": _GAP}
    | _CURVES
    | _AREAS,
    "randomised": {"n": int, "passes": (bool,), "pairs": ([int],), "rest": _REST} | _ALIKE,
}
_CHECK = {"what": str, "n": int} | dict.fromkeys(("ours", "theirs", "largest_difference"), float)
_ABOUT = {
    "planted": {"n": (int,), "chance": ({"changed": ({"hit": (float,), "near": (float,)},)},)},
    "randomised": {"depths": ([int],), "layers": ([str],)},
}
_RECORD = {
    part: ({"rows": ([{"method": str} | row],)} | _ABOUT.get(part, {}),)
    for part, row in _ROW.items()
} | {"quantus": ({"versions": (dict,), "rows": ([_CHECK],)},)}
FEW = 30  # patches of one kind, below which their share of hits could be anything


def of(card: Card) -> dict[str, Any] | None:
    """The record of exactly these weights and thresholds; the gate has no part in it.

    None, too, where what it holds cannot be shown.
    """
    models = dig(evidence.read(FILE), "models")
    for record in models if isinstance(models, list) else []:
        if dig(record, "name") == card.name and is_of(card, record, gate=False):
            return record if evidence.fits(record, _RECORD) else None
    return None


def problem(card: Card) -> str:
    """Why :func:`of` has nothing, in a sentence without its end."""
    if evidence.read(FILE) is None and evidence.state(FILE) == "damaged":
        return f"{FILE}.json is damaged"
    models = dig(evidence.read(FILE), "models")
    if any(dig(r, "name") == card.name and is_of(card, r, gate=False) for r in models or []):
        return f"{FILE}.json is damaged: some of its figures are not what they should be"
    return f"The heatmaps of {card.name} were not measured yet"


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
    if row["passes"] is False:
        return "This map changes too little when the model forgets all it has learned."
    return (
        "It is not clear whether this map changes enough when the model forgets all it has learned."
    )


def patches(by_patch: Any) -> str:
    """How many patches were of which kind, in words; "" where it was not counted."""
    fake, real = (dig(by_patch, label, "n") for label in ("FAKE", "REAL"))
    if fake is None or real is None or not fake + real:
        return ""
    if not real:
        return "all AI-generated patches"
    if not fake:
        return "all photographed patches"
    return f"{fake} AI-generated patches, {real} photographed"


def one_sided(planted: Rows) -> str:
    """That hits say little of one kind of patch, where there were few of it; "" elsewhere."""
    by_patch = [dig(row, "changed", "by_patch") for row in planted.values()]
    fake, real = (
        max((n for by in by_patch if (n := dig(by, label, "n")) is not None), default=FEW)
        for label in ("FAKE", "REAL")
    )
    if min(fake, real) >= FEW:
        return ""
    kind = "an AI-generated patch in a photograph"
    if real < fake:
        kind = "a photographed patch in an AI-generated image"
    return (
        f"How often a heatmap finds {kind} is not known: such a patch hardly ever turns the answer."
    )


def best(planted: Rows, names: Iterable[str], part: str) -> tuple[str, dict[str, Any]] | None:
    """Of ``names`` the one that hits most in a set, with its figures; None if none was tried."""
    found = {name: dig(planted.get(name), part) or {} for name in names}
    found = {name: f for name, f in found.items() if f.get("hit_share") is not None}
    return max(found.items(), key=lambda item: item[1]["hit_share"]) if found else None


def nothing_shown(planted: Rows) -> str:
    """Where no method clearly hits more than what knows no model: hits prove nothing there."""
    said = []
    for part, turned in TURNED.items():
        blind, method = best(planted, BASELINES, part), best(planted, WORDS, part)
        if not (blind and method):
            continue
        (least, _), (_, most) = (f["hit_interval_95"] for f in (method[1], blind[1]))
        if least <= most:
            clearly = (
                "" if blind[1]["hit_share"] >= method[1]["hit_share"] else ", not clearly more"
            )
            said.append(
                f"Where the patch {turned}, {POINTING[blind[0]]}, without knowing any model, hits "
                f"it in {blind[1]['hit_share']:.0%} of {counted(blind[1])}. The best method, "
                f"{WORDS[method[0]]}, does in {method[1]['hit_share']:.0%}{clearly}."
            )
    if not said:
        return ""
    return (
        f"{' '.join(said)} So for this model these hits do not show that a heatmap points at what "
        "the model saw."
    )


def counted(figures: dict[str, Any]) -> str:
    """The number of images, with what kind of patch they have."""
    kinds = patches(figures.get("by_patch"))
    return f"{figures['n']:,} images" + (f" ({kinds})" if kinds else "")


def pointing(method: str, planted: Rows) -> list[str]:
    """How often a method finds the patch, each share beside the best that knows no model."""
    said = []
    for part, turned in TURNED.items():
        found = dig(planted.get(method), part) or {}
        if found.get("hit_share") is None:
            continue
        does = "it does" if said else "it points into the patch"
        # The page has said before of how many images, unless these are others.
        usual = found["n"] == dig(_tried(planted), part, "n")
        of = "" if usual else f" of {counted(found)}"
        said.append(f"Where the patch {turned}, {does} in {found['hit_share']:.0%}{of}.")
        if blind := best(planted, BASELINES, part):
            name, other = blind
            # Apart only if the intervals are, which is strict: the same images are behind both.
            (low, high), (least, most) = (f["hit_interval_95"] for f in (found, other))
            word = "not clearly more" if found["hit_share"] > other["hit_share"] else "no more"
            word = "clearly more" if low > most else "less" if high < least else word
            said.append(f"That is {word} than by {POINTING[name]} ({other['hit_share']:.0%}).")
    return said


def about_patches(found: dict[str, Any], planted: Rows) -> str:
    """What was tried, of how many images of which kind, and what "likelier side" means."""
    some = _tried(planted)
    if some is None:
        return "Planted patches were not tried yet."
    said = [
        f"Into {found['planted']['n']:,} validation images a patch of the other kind was pasted. "
        "The **likelier side** is the one the model leans to, however little: AI-generated from "
        f"50% on, else real. The patch turned it in {counted(some['changed'])}."
    ]
    if dig(some, "reversed", "n"):
        said.append(
            "It reversed the verdict, from a sure answer to the sure opposite, in "
            f"{counted(some['reversed'])}."
        )
    return " ".join([*said, one_sided(planted)]).strip()


def _tried(planted: Rows) -> dict[str, Any] | None:
    """The first method that was tried; the others mostly were on the same images."""
    return next((row for row in planted.values() if dig(row, "changed", "n") is not None), None)


def about(found: dict[str, Any], planted: Rows) -> str:
    """What chance would score, and how near the misses are."""
    chance = dig(found, "planted", "chance", "changed") or {}
    parts = []
    if chance.get("hit") is not None:
        parts.append(
            f"Where the patch turned the likelier side, a point at random would hit "
            f"{chance['hit']:.0%} of the patches, and a map that is the same everywhere has "
            f"{chance['hit']:.0%} of its brightness there. The strongest edge often is the patch's "
            "own rim: a seam that no real picture has."
        )
        parts.append(by_kind(planted))
    near = {m: dig(row, "changed", "near_share") for m, row in planted.items()}
    methods, blind = (
        {m: near[m] for m in names if near.get(m) is not None} for names in (WORDS, BASELINES)
    )
    if methods and blind:
        (method, share), (other, as_often) = (
            max(found.items(), key=lambda item: item[1]) for found in (methods, blind)
        )
        by_chance = f", a point at random in {chance['near']:.0%}" if chance.get("near") else ""
        parts.append(
            f"Into the patch or one pixel beside it the best method, {WORDS[method]}, points in "
            f"{share:.0%}; {POINTING[other]} does in {as_often:.0%}{by_chance}."
        )
    return " ".join(parts)


def by_kind(planted: Rows) -> str:
    """How the method that hits most fares with patches of either kind."""
    found = best(planted, WORDS, "changed")
    if not found:
        return ""
    name, figures = found
    fake, real = (dig(figures, "by_patch", label) or {} for label in ("FAKE", "REAL"))
    if fake.get("hit_share") is None or real.get("hit_share") is None:
        return ""
    return (
        f"{WORDS[name]}, which hits most, hits {fake['hit_share']:.0%} of the {fake['n']} "
        f"AI-generated patches in photographs and {real['hit_share']:.0%} of the {real['n']} "
        "photographed patches in AI-generated images."
    )
