"""The only composer of the steps: bytes -> decode -> preprocess -> predict -> calibrate -> explain.

A verdict is given where the calibrated probability is clear, the image is like those the model was
made for and, if that was asked for, no change that means nothing to a person turns it round.

``load(name)`` gives a :class:`Detector`, shared by all threads of a process; three stay in memory.
Verdicts run on ONNX Runtime; TensorFlow is imported only when a heatmap asks for it.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from itertools import islice

import numpy as np

from cifake_core import artifacts, images
from cifake_core.analysis import Analysis, Explain, Opened, doubted
from cifake_core.calibration import Verdict
from cifake_core.explain import Explainer, Heatmap, Method, checked, from_cam
from cifake_core.explain_occlusion import occlusion
from cifake_core.preprocess import prepare, shrink, size_doubt, size_notes
from cifake_core.progress import Progress
from cifake_core.shelf import Shelf
from cifake_core.stability import stability

_log = logging.getLogger(__name__)
PREVIEW_SIDE = 768
RETRY_SECONDS = 60
MODELS_KEPT = 3
AT_A_TIME = 256  # images judged, as memory for their features must not grow with the batch


# A large picture may take some 400 MB while it is decoded; others wait for their turn.
_decoding = threading.BoundedSemaphore(2)
_one_explainer = threading.Lock()  # loads at a time, however many models are asked for


class Detector:
    """One model, checked and warmed up. All methods may be called from many threads.

    Args:
        name: of a model under ``assets/models``.
        threads: for one batch, as in :class:`cifake_core.predict.Engine`.
        decoders: pictures that it decodes at a time, at most; by default it takes turns with the
            other models of the process.
        previews: whether what it opens keeps one.
    """

    def __init__(
        self, name: str, threads: int = 0, decoders: int | None = None, previews: bool = True
    ) -> None:
        self.card = artifacts.read_card(name)
        # The first time its goldens warm it up.
        self.engine = artifacts.load_engine(self.card, threads)
        self.gate = artifacts.load_gate(self.card, self.engine)
        self._preview_side = PREVIEW_SIDE if previews else 1  # a pixel costs nothing to keep
        self._decoding = threading.BoundedSemaphore(decoders) if decoders else _decoding
        self._lock = threading.Lock()
        self._explainer: Future[Explainer] | None = None
        self._failed_at: float | None = None

    def open(self, data: bytes | bytearray | memoryview) -> Opened:
        """Decode and prepare; raises ImageError, or TypeError for what is no bytes."""
        if not isinstance(data, bytes | bytearray | memoryview):
            raise TypeError(f"The bytes of an image file are wanted, not {type(data).__name__}.")
        data = bytes(data)
        with self._decoding:
            image = images.decode(data)
        return Opened(
            sha256=hashlib.sha256(data).hexdigest(),
            width=image.width,
            height=image.height,
            format=image.format,
            notes=image.notes,
            preview=images.upright(shrink(image.pixels, self._preview_side), image.orientation),
            turned=image.orientation != 1,
            prepared=prepare(image.pixels, self.card.image_size),
        )

    def judge(self, opened: Iterable[Opened]) -> list[Analysis]:
        """Verdicts for a batch of opened images."""
        waiting, found = iter(opened), []
        while batch := list(islice(waiting, AT_A_TIME)):
            read = zip(*self._read(np.stack([o.prepared.pixels for o in batch])), strict=True)
            found += [self._analysis(o, x, s) for o, (x, s) in zip(batch, read, strict=True)]
        return found

    def answer(self, pixels: np.ndarray, thorough: bool) -> tuple[float, Verdict, tuple[str, ...]]:
        """p_fake, verdict and doubts for a file of exactly these (S, S, 3) uint8 pixels.

        Raises:
            ValueError: they are of another type or size.
        """
        ((logit,), (strange,)) = self._read(pixels[None])
        p_fake = float(self.card.calibration.p_fake(np.float64(logit)))
        verdict, doubts = self._verdict(p_fake, strange)
        if thorough and verdict is not Verdict.UNCERTAIN:
            found = stability(self.engine.logits, self.card.calibration, pixels)
            if found.doubt:
                return p_fake, Verdict.UNCERTAIN, (found.doubt,)
        return p_fake, verdict, doubts

    def with_stability(self, analysis: Analysis) -> Analysis:
        """The same analysis with its stability; one that a tiny change reverses is uncertain."""
        pixels = analysis.opened.prepared.pixels
        found = stability(self.engine.logits, self.card.calibration, pixels)
        analysis = replace(analysis, stability=found)
        if not found.reversed or analysis.verdict is Verdict.UNCERTAIN:
            return analysis
        return doubted(analysis, found.doubt)

    def heatmap(
        self, pixels: np.ndarray, method: Method, target: int, progress: Progress | None = None
    ) -> Heatmap:
        """Heatmap of one (S, S, 3) uint8 image.

        Where the exported model has a ``cam`` output, Grad-CAM is drawn by it as long as TensorFlow
        is not loaded: the two are equal there. CAM and occlusion never need TensorFlow; everything
        else waits for it. ``progress`` hears of the slow methods' passes through the model.

        Raises:
            ArtifactError: CAM is asked of a model without that output.
            ValueError: there is no such method or target, or the pixels are not of that kind.
        """
        method, target = Method(method), checked(target)
        if method is Method.OCCLUSION:
            values = occlusion(self.engine.logits, pixels, target, progress=progress)
            return Heatmap(values, method, method, target)
        by_cam = method is Method.GRADCAM and self.engine.has_cam and not self.explainer_ready
        if by_cam or method is Method.CAM:
            return from_cam(self.engine.cam(pixels[None])[0], method, target)
        return self.load_explainer().result().heatmap(pixels, method, target, progress)

    def load_explainer(self, before: Callable[[], None] | None = None) -> Future[Explainer]:
        """Start loading what tf-keras-vis needs, once, in the background.

        A failed attempt is kept for a minute; the first call after that tries again.

        Args:
            before: called first, in the thread that loads.
        """
        with self._lock:
            failed = self._failed_at
            if self._explainer is None or (
                failed is not None and time.monotonic() - failed >= RETRY_SECONDS
            ):
                future: Future[Explainer] = Future()
                self._explainer, self._failed_at = future, None
                threading.Thread(
                    target=self._load_explainer,
                    args=(future, before),
                    name="explainer",
                    daemon=True,
                ).start()
            return self._explainer

    @property
    def explainer_ready(self) -> bool:
        future = self._explainer
        return future is not None and future.done() and future.exception() is None

    def _load_explainer(self, future: Future[Explainer], before) -> None:
        try:
            with _one_explainer:
                if before:
                    before()
                explainer = Explainer(artifacts.load_keras(self.card), self.card.target_layer)
        except BaseException as error:  # whoever waits for the future must hear of it
            self._failed_at = time.monotonic()
            _log.exception("What draws heatmaps of %s could not be loaded", self.card.name)
            future.set_exception(error)
        else:
            future.set_result(explainer)

    def _read(self, pixels: np.ndarray) -> tuple[Sequence[float], Sequence[tuple[str, ...]]]:
        """The logits of (N, S, S, 3) uint8, and for each why it is not of the model's kind."""
        if self.gate is None:
            return self.engine.logits(pixels), [()] * len(pixels)
        logits, features = self.engine.logits_and_features(pixels)
        return logits, self.gate.judge(pixels, features)

    def _verdict(self, p_fake: float, strange: tuple[str, ...]) -> tuple[Verdict, tuple[str, ...]]:
        calibration = self.card.calibration
        verdict = calibration.verdict(p_fake)
        if strange:
            return Verdict.UNCERTAIN, tuple(strange)
        if verdict is not Verdict.UNCERTAIN:
            return verdict, ()
        return verdict, (calibration.too_thin(p_fake),)

    def _analysis(self, opened: Opened, logit: float, strange: tuple[str, ...]) -> Analysis:
        p_fake = float(self.card.calibration.p_fake(np.float64(logit)))
        prepared = opened.prepared
        verdict, doubts = self._verdict(p_fake, strange)
        if not prepared.native:  # of pixels that were made here nothing else is said
            verdict, doubts = Verdict.UNCERTAIN, (size_doubt(prepared),)
        return Analysis(
            model=self.card.name,
            verdict=verdict,
            p_fake=p_fake,
            logit=float(logit),
            in_domain=prepared.native and not strange,
            doubts=doubts,
            notes=(*opened.notes, *size_notes(opened.width, opened.height, prepared)),
            opened=opened,
        )


def megabytes(detector: Detector) -> float:
    """What it costs to load a model, roughly: one for itself and one for each of its graph's."""
    return 1 + detector.card.raw["files"][artifacts.GRAPH].get("bytes", 0) / 1e6


_shelf: Shelf[Detector] = Shelf(MODELS_KEPT, megabytes)


def load(name: str = "lens") -> Detector:
    """The process's one detector of that name, loaded on first use; raises ArtifactError.

    ``MODELS_KEPT`` stay in memory, each with its Keras side: those used last, a large one longer
    than a small one. A model that is exported anew is loaded anew: its card has changed.
    """
    card = artifacts.models_dir() / name / artifacts.CARD
    changed = None
    with suppress(
        OSError, ValueError
    ):  # also of what can be no name: its reason comes with reading
        changed = card.stat().st_mtime_ns
    return _shelf.get((name, str(card), changed), lambda: Detector(name))


def analyze(
    data: bytes | bytearray | memoryview,
    model: str | Detector = "lens",
    *,
    thorough: bool = False,
    explain: Explain | None = None,
) -> Analysis:
    """Judge one image.

    Args:
        data: an encoded image, as it lies in a file: bytes, not the file's name.
        model: a model's name, or a loaded detector.
        thorough: also see whether the verdict holds under tiny changes, at fifteen times the work.
        explain: asks for a heatmap; may import TensorFlow, which takes seconds the first time.

    Raises:
        ImageError: the bytes cannot be judged, with a sentence for a person.
        ArtifactError: the model is missing or damaged.
        TypeError: ``data`` is no bytes.
    """
    detector = load(model) if isinstance(model, str) else model
    (analysis,) = detector.judge([detector.open(data)])
    if thorough:
        analysis = detector.with_stability(analysis)
    return analysis if explain is None else with_heatmap(analysis, detector, explain)


def with_heatmap(analysis: Analysis, detector: Detector, explain: Explain) -> Analysis:
    """The same analysis with the heatmap that ``explain`` asks for."""
    target = analysis.leans_to if explain.target is None else explain.target
    heatmap = detector.heatmap(analysis.opened.prepared.pixels, explain.method, target)
    return replace(analysis, heatmap=heatmap)
