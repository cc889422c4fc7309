"""Are the heatmaps true? ``python -m train.explanations --all`` writes what the page shows.

On validation images only: a planted patch, deletion and insertion, and randomised weights, for each
method and model. A row of the same weights and thresholds and as many images or more is kept, so
that a run that was stopped goes on where it was; ``--again`` measures the methods asked for anew.
For the cross-check with Quantus (``--quantus 64``) see requirements-quantus.txt.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cifake_core import artifacts, dataset, faithfulness, randomise
from cifake_core.artifacts import Card
from cifake_core.errors import CifakeLensError, ConfigError
from cifake_core.explain import SLOW, Explainer, Method
from cifake_core.explain_occlusion import occlusion
from cifake_core.labels import FAKE, REAL
from cifake_core.predict import Engine
from cifake_core.progress import progress_bar
from train import explanations_planted as planted
from train.explanations_figures import Curves, curve_row, means, over, paired
from train.export import evidence_dir, write_json
from train.lock import alone_with

FILE = "explanations.json"
# CAM is left out: where a model has it, it is Grad-CAM up to a factor.
METHODS = [m for m in Method if m is not Method.CAM]
AGAINST = ("centre", "edges", "random")  # what knows no model
BASELINES = (*AGAINST, "smooth")  # the last shows what smoothness alone does to a curve
CHUNK = 32
DEPTHS = 6  # at most, from the logit alone to every layer
SEEDS = (1, 2, 3, 4)  # of randomised weights; each draws a part of the images
# The limit was chosen before any map was looked at; that an interval which reaches it decides
# nothing came later. At 0.5 two maps share a quarter of their ranks' variance. An edge detector,
# which knows no weights, scores 1.
CHANGES_BELOW = 0.5


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m train.explanations", description=__doc__)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--model", nargs="+", default=[])
    which.add_argument("--all", action="store_true")
    parser.add_argument("--method", nargs="+", type=Method, default=METHODS, choices=METHODS)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument(
        "--slow-images",
        type=int,
        help="for slow methods (default: as --images), next to the patches that turned the answer",
    )
    parser.add_argument("--random-images", type=int, default=32, help="for randomised weights")
    parser.add_argument("--quantus", type=int, default=0, help="images of the cross-check")
    parser.add_argument("--again", action="store_true", help="measure what is there, too")
    parser.add_argument("--data", help="folder or archive of CIFAKE (default: found by itself)")
    args = parser.parse_args(argv)
    slow = min(args.slow_images or args.images, args.images)
    try:
        with progress_bar() as show:
            data = dataset.load(args.data, show)
        for name in artifacts.available("cifake") if args.all else args.model:
            trial = Trial(artifacts.read_card(name), data.train, args.images, slow)
            if args.again:
                trial.forget(args.method)
            if args.quantus:
                from train.explanations_quantus import cross_check

                both = trial.sample(args.quantus), trial.made
                trial.keep(
                    "quantus", cross_check(trial.p_fake, trial.explainer, both, args.quantus)
                )
                continue
            trial.refuse_others()
            trial.blind_curves()
            # What is quick first, so that a run that is stopped early has most of it.
            for method in sorted(args.method, key=lambda m: m in SLOW):
                trial.planted(method)
                trial.randomised(method, args.random_images)
                trial.curves(method)
            if set(args.method) == set(METHODS):
                said = f"--slow-images {slow} --random-images {args.random_images}"
                model = f"--model {name} --images {args.images} {said}"
                trial.keep("command", f"python -m train.explanations {model}")
    except (CifakeLensError, ImportError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


class Trial:
    """One model, and the record of it that the evidence file holds."""

    def __init__(self, card: Card, train: dataset.Split, images: int, slow: int):
        self.card, self.count, self.slow = card, images, slow
        self.engine: Engine = artifacts.load_engine(card)
        self.keras = artifacts.load_keras(card)
        self.explainer = Explainer(self.keras, card.target_layer, warm_up=False)
        of = {k: v for k, v in card.identity.items() if k != "gate_sha256"}
        old = find(read(), card.name)
        same = all(old.get(key) == value for key, value in of.items())
        self.record = old if same else {"name": card.name} | of
        self.train, self.rows = train, planted.unique_rows(train)
        self.made = planted.compose(train, self.rows, images)
        self._baselines: dict[str, Curves] = {}
        self._copies: dict[tuple[int, int], tuple[Callable, Explainer]] = {}

    def forget(self, methods: list[Method]) -> None:
        """Rows of these methods; of the baselines, too, where these are all methods."""
        gone = {*methods, *(BASELINES if set(methods) == set(METHODS) else ())}
        for part in ("planted", "curves", "randomised"):
            found = self.record.get(part, {})
            if "rows" in found:
                found["rows"] = [r for r in found["rows"] if r["method"] not in gone]

    def refuse_others(self) -> None:
        """What a table says of its composites must be true of all its rows."""
        there = self.record.get("planted", {})
        if there.get("rows") and there["n"] != len(self.made.labels):
            raise ConfigError(
                f"The rows of {self.card.name} are of {there['n']:,} composites: ask for as many "
                f"with --images {there['n']}, or for all methods --again."
            )

    def keep(self, part: str, value: Any) -> None:
        self.record[part] = value
        with alone_with(path := evidence_dir() / FILE):
            others = [m for m in read().get("models", []) if m["name"] != self.card.name]
            models = sorted([*others, self.record], key=lambda m: m["name"])
            write_json(
                path,
                {
                    "command": "python -m train.explanations --all",
                    "data": "validation",
                    "rules": planted.RULES,
                    "tolerance": planted.TOLERANCE,
                    "changes_below": CHANGES_BELOW,
                    "steps": faithfulness.STEPS,
                    "models": models,
                },
            )

    def keep_row(self, part: str, method: str, row: dict, **head: Any) -> None:
        rows = [r for r in self.record.get(part, {}).get("rows", []) if r["method"] != method]
        self.keep(part, head | {"rows": [*rows, {"method": str(method)} | row]})

    def there(self, part: str, method: str, count: int) -> bool:
        rows = self.record.get(part, {}).get("rows", [])
        return any(r["method"] == method and r["n"] >= count for r in rows)

    def number(self, method: Method) -> int:
        return self.slow if method in SLOW else self.count

    def p_fake(self, batch: np.ndarray) -> np.ndarray:
        return self.card.calibration.p_fake(self.engine.logits(batch))

    def sample(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """The first images of a shuffled list, and the label that the model leans to for each."""
        chosen = np.random.default_rng(5).permutation(self.rows)[:count]
        images = self.train.images[np.sort(chosen)][np.argsort(np.argsort(chosen))]
        return images, np.where(self.p_fake(images) >= 0.5, FAKE, REAL)

    def maps(self, method: Method, images: np.ndarray, targets: np.ndarray, part: str):
        return drawn(self.engine.logits, self.explainer, method, images, targets, self._say(part))

    def _say(self, part: str) -> str:
        return f"{self.card.name}, {part}"

    def planted(self, method: Method) -> None:
        """Where the maximum and the mass of the map for the patch's label lie."""
        made, count = self.made, self.number(method)
        if self.there("planted", method, count):
            return
        logits = [self.engine.logits(images) for images in (made.hosts, made.images)]
        kept = planted.sets(*logits, made.labels, self.card.calibration)
        head = {"n": len(made.labels), "chance": planted.chance(made, kept)}
        if not self.there("planted", "centre", len(made.labels)):
            blob = faithfulness.centre_blob(made.images.shape[1])
            for name, others in (
                ("centre", [blob] * len(made.labels)),
                ("edges", [faithfulness.edges(image) for image in made.images]),
            ):
                found = planted.row(dict(enumerate(others)), made, kept)
                self.keep_row("planted", name, {"n": len(others)} | found, **head)
        kept["all"] = np.arange(len(made.labels)) < count
        chosen = np.flatnonzero(kept["all"] | kept["changed"] | kept["reversed"])
        maps = self.maps(method, made.images[chosen], made.labels[chosen], "planted patches")
        found = planted.row(dict(zip(chosen, maps, strict=True)), made, kept)
        self.keep_row("planted", method, {"n": count} | found, **head)

    def curves(self, method: Method) -> None:
        """Deletion and insertion, and how far they are from what knows no model."""
        count = self.number(method)
        if self.there("curves", method, count):
            return
        images, targets = self.sample(self.count)
        self._baselines_of(images, targets, count)
        maps = self.maps(method, images[:count], targets[:count], "maps for deletion")
        size = images.shape[1]
        orders = [faithfulness.order(faithfulness.fit(m, size)) for m in maps]
        found = self._curves(orders, images[:count], targets[:count], method)
        row = curve_row(found) | over(found, {k: self._baselines[k] for k in AGAINST}, targets)
        self.keep_row("curves", method, row)

    def blind_curves(self) -> None:
        """The same of the orders that know no model, where the record lacks it."""
        missing = [n for n in BASELINES if not self.there("curves", n, self.count)]
        if missing:
            self._baselines_of(*self.sample(self.count), self.count, ["random", *missing])

    def _baselines_of(self, images, targets, count: int, names: Sequence[str] = AGAINST) -> None:
        """Of all images where the record lacks them, else of as many as the method needs."""
        if all(self.there("curves", name, len(images)) for name in names):
            images, targets = images[:count], targets[:count]
        size = images.shape[1]
        flat, blob = np.zeros((size, size)), faithfulness.centre_blob(size)
        ways = {
            "random": lambda: [faithfulness.order(flat, 1 + i) for i in range(len(images))],
            "edges": lambda: [faithfulness.order(faithfulness.edges(image)) for image in images],
            "centre": lambda: [faithfulness.order(blob)] * len(images),
            "smooth": lambda: map(faithfulness.order, faithfulness.random_blobs(len(images), size)),
        }
        for name, orders in ways.items():
            if name not in names or len(self._baselines.get(name, [()])[0]) >= len(images):
                continue
            found = self._baselines[name] = self._curves(orders(), images, targets, name)
            if not self.there("curves", name, self.count):
                chance = {"random": self._baselines["random"]}
                row = {} if name == "random" else over(found, chance, targets)
                self.keep_row("curves", name, curve_row(found) | row)

    def _curves(self, orders, images, targets, what) -> Curves:
        found = []
        with progress_bar(self._say(f"deletion and insertion, {what}"), " images") as show:
            for i, (ranking, image, target) in enumerate(zip(orders, images, targets, strict=True)):

                def score(batch: np.ndarray, target: int = target) -> np.ndarray:
                    return self.p_fake(batch) if target == FAKE else 1 - self.p_fake(batch)

                curves = faithfulness.deletion_insertion(score, image, [ranking])
                found.append([c[0] for c in curves])
                show(i + 1, len(images))
        deletion, insertion = np.array(found).transpose(1, 0, 2)
        return deletion, insertion

    def randomised(self, method: Method, count: int) -> None:
        """How alike maps stay while layers forget, from the logit down."""
        rows, count = self.record.get("randomised", {}).get("rows", []), min(count, len(self.rows))
        for row in rows:
            if row["method"] == method and row["n"] >= count and "pairs" in row:
                if row["passes"] is not (passes := changed_enough(row["rest"], row["n"])):
                    self.keep_row("randomised", method, row | {"passes": passes})
                return
        images, targets = self.sample(count)
        groups = randomise.learned(self.keras)
        depths = sorted({int(d) for d in np.rint(np.linspace(1, len(groups), DEPTHS))})
        size = images.shape[1]
        before = [faithfulness.fit(m, size) for m in self.maps(method, images, targets, "maps")]
        halves = np.array_split(np.arange(len(images)), len(SEEDS))
        # NaN where one of the maps is empty: there is nothing to compare.
        figures = np.full((len(depths), 2, count), np.nan)
        for at, depth in enumerate(depths):
            for half, seed in zip(halves, SEEDS, strict=True):
                if not len(half):
                    continue
                say = self._say(f"{depth} of {len(groups)} layers randomised")
                copy = self._copy(depth, seed)
                maps = drawn(*copy, method, images[half], targets[half], say)
                for i, after in zip(half, maps, strict=True):
                    after = faithfulness.fit(after, size)
                    if not (before[i].max() > 0 and after.max() > 0):
                        continue
                    figures[at, 0, i] = faithfulness.spearman(before[i], after)
                    figures[at, 1, i] = faithfulness.ssim(before[i], after)
        both = ~np.isnan(figures[:, 0])
        row = {
            "n": count,
            "pairs": both.sum(-1).tolist(),  # images with two maps to compare, at each depth
            "spearman": means(figures[:, 0]),
            "spearman_absolute": means(np.abs(figures[:, 0])),
            "ssim": means(figures[:, 1]),
            "empty_share": float((~both[-1]).mean()),
        }
        # With every layer random.
        rest = row["rest"] = paired(np.abs(figures[-1, 0])[both[-1]])
        row["passes"] = changed_enough(rest, count)
        head = {"depths": depths, "layers": [group[0] for group in groups]}
        self.keep_row("randomised", method, row, **head)

    def _copy(self, depth: int, seed: int) -> tuple[Callable, Explainer]:
        if (depth, seed) not in self._copies:
            model = randomise.randomised(self.keras, depth, seed)
            self._copies[depth, seed] = (
                lambda batch: np.asarray(model(batch, training=False))[:, 0],
                Explainer(model, self.card.target_layer, warm_up=False),
            )
        return self._copies[depth, seed]


def changed_enough(rest: dict, count: int) -> bool | None:
    """Whether maps clearly changed, or clearly did not, when every layer had forgotten.

    None, which is undecided, where the 95% interval of the mean rank correlation ``rest`` reaches
    ``CHANGES_BELOW``, or where fewer than half of the ``count`` images have two maps to compare.
    """
    if rest["interval_95"] is None or 2 * rest["n"] < count:
        return None
    low, high = rest["interval_95"]
    return True if high < CHANGES_BELOW else False if low > CHANGES_BELOW else None


def drawn(logits_of, explainer: Explainer, method: Method, images, targets, say: str) -> np.ndarray:
    """(N, h, w) maps of one method."""
    parts = []
    with progress_bar(f"{say}, {method}", " images") as show:
        for start in range(0, len(images), CHUNK):
            batch, labels = images[start : start + CHUNK], targets[start : start + CHUNK]
            if method is Method.OCCLUSION:
                each = zip(batch, labels, strict=True)
                parts += [occlusion(logits_of, image, int(label)) for image, label in each]
            else:
                parts += list(explainer.heatmaps(batch, method, labels))
            show(len(parts), len(images))
    return np.stack(parts)


def read() -> dict[str, Any]:
    path = evidence_dir() / FILE
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def find(evidence: dict[str, Any], name: str) -> dict[str, Any]:
    return next((m for m in evidence.get("models", []) if m["name"] == name), {})


if __name__ == "__main__":
    sys.exit(main())
