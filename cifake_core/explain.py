"""Heatmaps: where the evidence for one answer lies.

Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391), Grad-CAM++ (Chattopadhay et al. 2018,
arXiv:1710.11063), LayerCAM (Jiang et al. 2021), Score-CAM (Wang et al. 2020, arXiv:1910.01279) and
SmoothGrad (Smilkov et al. 2017, arXiv:1706.03825) come from tf-keras-vis, on the whole classifier's
raw logit. CAM (Zhou et al. 2016) comes from the exported model: where a net ends in global average
pooling and one dense unit it is Grad-CAM up to a constant factor, and it needs no TensorFlow.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from cifake_core.labels import FAKE, REAL
from cifake_core.progress import Progress


class Method(StrEnum):
    CAM = "cam"
    GRADCAM = "gradcam"
    GRADCAM_PLUS_PLUS = "gradcam++"
    LAYERCAM = "layercam"
    SCORECAM = "scorecam"
    SMOOTHGRAD = "smoothgrad"
    OCCLUSION = "occlusion"


METHOD_WORDS = {
    Method.CAM: "CAM",
    Method.GRADCAM: "Grad-CAM",
    Method.GRADCAM_PLUS_PLUS: "Grad-CAM++",
    Method.LAYERCAM: "LayerCAM",
    Method.SCORECAM: "Score-CAM",
    Method.SMOOTHGRAD: "SmoothGrad",
    Method.OCCLUSION: "Occlusion",
}
# What :class:`Explainer` draws; the others need no TensorFlow.
BY_TENSORFLOW = frozenset(Method) - {Method.CAM, Method.OCCLUSION}
# Up to 3 s an image on two cores, with progress; the others take less than 100 ms.
SLOW = frozenset({Method.SMOOTHGRAD, Method.OCCLUSION})

SMOOTH_COPIES, SMOOTH_CHUNK = 32, 8
SMOOTH_NOISE = 0.1  # of the image's range; its paper finds 0.1 to 0.2 best
# Maps that Score-CAM tries, at most: those that vary most, as in Faster-Score-CAM. It is what a map
# within 100 ms costs: on `lens` 16 order pixels nearly as well as 128, but hit less often. A net
# that works on maps of more than ``SCORE_LARGE`` positions a side takes longer for each.
SCORE_MAPS, SCORE_MAPS_OF_LARGE, SCORE_LARGE = 16, 8, 64
ROUNDING = 1e-4  # of a logit; a map that raises it by less does nothing


@dataclass(frozen=True, slots=True, eq=False)
class Heatmap:
    """Evidence for ``target``, a label of :mod:`cifake_core.labels`.

    SmoothGrad's is the same for either: how much a pixel moves the answer, not which way.

    Attributes:
        values: (h, w) float32, non-negative, not normalised.
        method: the method asked for. ``drawn_by`` is the one that computed it.
    """

    values: np.ndarray
    method: Method
    drawn_by: Method
    target: int

    @property
    def peak(self) -> float:
        """The value of the strongest spot, in the method's own unit."""
        return float(self.values.max())

    @property
    def empty(self) -> bool:
        """True if nothing in the image speaks for the target: there is nothing to draw."""
        return not self.peak > 0

    @property
    def normalised(self) -> np.ndarray:
        """(h, w) float32 in [0, 1]: 1 where the evidence is strongest."""
        return self.values if self.empty else self.values / self.peak


def checked(target: int) -> int:
    """The target, if it is a label; else raises ValueError."""
    if target not in (FAKE, REAL):
        raise ValueError(f"A heatmap is for FAKE ({FAKE}) or REAL ({REAL}), not for {target!r}.")
    return target


def from_cam(cam: np.ndarray, method: Method, target: int) -> Heatmap:
    """Heatmap of one (h, w) class activation map whose values add up towards *real*.

    Raises:
        ValueError: the target is no label.
    """
    signed = cam if checked(target) == REAL else -cam
    return Heatmap(np.maximum(signed, 0).astype(np.float32), method, Method.CAM, target)


class Explainer:
    """tf-keras-vis on one Keras model. Creating one imports TensorFlow and takes seconds.

    Args:
        model: functional Keras model, (N, S, S, 3) uint8 to one raw logit that grows with *real*.
            Its weights are copied.
        target_layer: name of the layer whose maps are weighted. No path may lead around it.
        warm_up: draw some heatmaps, so that the first that somebody waits for is no slower.

    Attributes:
        classifier: the Keras model that is explained: the same net, float32 of 0 to 255 in.
        score_maps: how many maps Score-CAM tries.
    """

    def __init__(self, model, target_layer: str, warm_up: bool = True) -> None:
        import keras
        from tf_keras_vis.gradcam import Gradcam
        from tf_keras_vis.gradcam_plus_plus import GradcamPlusPlus
        from tf_keras_vis.layercam import Layercam
        from tf_keras_vis.saliency import Saliency

        # No gradient passes through uint8: what is explained is the same net behind a float input.
        entry = keras.Input(model.input_shape[1:], dtype="float32")
        self.classifier = keras.models.clone_model(model, input_tensors=entry)
        self.classifier.set_weights(model.get_weights())
        net = _in_two_parts(self.classifier, target_layer)
        self._layer = target_layer
        self._cams = {
            Method.GRADCAM: Gradcam(net, clone=False),
            Method.GRADCAM_PLUS_PLUS: GradcamPlusPlus(net, clone=False),
            Method.LAYERCAM: Layercam(net, clone=False),
        }
        self._saliency = Saliency(net, clone=False)
        self._net = net
        self._nothing: float | None = None  # the logit of a black image, once it is wanted
        shapes = [layer.output.shape for layer in self.classifier.layers]
        widest = max(shape[1] for shape in shapes if len(shape) == 4)
        channels = self.classifier.get_layer(target_layer).output.shape[-1]
        tried = SCORE_MAPS if widest <= SCORE_LARGE else SCORE_MAPS_OF_LARGE
        self.score_maps = min(channels, tried)
        # Each call builds a small graph of its own; two at a time keep memory bounded.
        self._room = threading.BoundedSemaphore(2)
        if warm_up:
            size = model.input_shape[1]
            for method in (Method.GRADCAM, Method.GRADCAM_PLUS_PLUS):
                self.heatmap(np.zeros((size, size, 3), np.uint8), method, FAKE)

    def heatmap(
        self, pixels: np.ndarray, method: Method, target: int, progress: Progress | None = None
    ) -> Heatmap:
        """Heatmap of one (S, S, 3) uint8 image for a target label.

        Args:
            method: one of ``BY_TENSORFLOW``.
            progress: hears of the passes of the methods in ``SLOW``.
        """
        values = self.heatmaps(pixels[None], method, np.array([target]), progress)[0]
        return Heatmap(values, method, method, target)

    def feature_maps(self, pixels: np.ndarray) -> np.ndarray:
        """(K, h, w) float32 maps of the target layer, of one (S, S, 3) uint8 image."""
        with self._room:
            maps = self._net.get_layer(self._layer).run(pixels[None].astype(np.float32))
        return np.asarray(maps, np.float32)[0].transpose(2, 0, 1)

    def answer_weights(self) -> tuple[np.ndarray, float]:
        """(K,) float32 weights and the bias of the dense unit that gives the logit."""
        kernel, bias = self.classifier.layers[-1].get_weights()
        return kernel[:, 0].astype(np.float32), float(bias[0])

    def heatmaps(
        self,
        batch: np.ndarray,
        method: Method,
        targets: np.ndarray,
        progress: Progress | None = None,
    ) -> np.ndarray:
        """(N, h, w) float32 non-negative maps of (N, S, S, 3) uint8 for (N,) target labels.

        Each is what :meth:`heatmap` gives for its image. All N pass the net at once (Score-CAM and
        SmoothGrad: one after the other), so give as many as memory holds, some 64.
        """
        signs = np.where(np.asarray(targets) == REAL, 1, -1).astype(np.float32)
        floats = batch.astype(np.float32)
        with self._room:
            if method is Method.SCORECAM:
                each = zip(floats, signs, strict=True)
                maps = np.stack([self._score_cam(x, sign) for x, sign in each])
            elif method is Method.SMOOTHGRAD:
                maps = self._smooth_grads(floats, signs, progress)
            else:
                maps = self._cams[method](
                    lambda output: signs * output[:, 0], floats, **self._at_layer()
                )
        return np.maximum(np.nan_to_num(np.asarray(maps, np.float32)), 0)

    def _at_layer(self) -> dict:
        return {
            "penultimate_layer": self._layer,
            "seek_penultimate_conv_layer": False,
            "expand_cam": False,
            "normalize_cam": False,
        }

    def _smooth_grads(
        self, floats: np.ndarray, signs: np.ndarray, progress: Progress | None
    ) -> np.ndarray:
        def part(i: int) -> Progress | None:
            if progress is None:
                return None
            return lambda done, total: progress(i * total + done, len(floats) * total)

        each = enumerate(zip(floats, signs, strict=True))
        return np.stack([self._smooth_grad(x, sign, part(i)) for i, (x, sign) in each])

    def _smooth_grad(self, pixels, sign: float, progress: Progress | None) -> np.ndarray:
        """Mean gradient of noisy copies, its strongest channel in absolute value."""
        # Saliency's own noise comes from NumPy's shared generator: other maps at each call.
        rng = np.random.default_rng(0)
        sigma = SMOOTH_NOISE * float(np.ptp(pixels))
        total = np.zeros_like(pixels)
        for done in range(0, SMOOTH_COPIES, SMOOTH_CHUNK):
            shape = (SMOOTH_CHUNK, *pixels.shape)
            noisy = pixels + sigma * rng.standard_normal(shape, np.float32)
            gradients = self._saliency(
                lambda output: sign * output[:, 0], noisy, keepdims=True, normalize_map=False
            )
            total += np.asarray(gradients).sum(axis=0)
            if progress:
                progress(done + SMOOTH_CHUNK, SMOOTH_COPIES)
        return np.abs(total / SMOOTH_COPIES).max(axis=-1)

    def _score_cam(self, pixels, sign: float) -> np.ndarray:
        from tf_keras_vis.scorecam import Scorecam

        net = _TwoAnswers(self._net)
        if self._nothing is None:
            (self._nothing,) = net.logits(np.zeros_like(pixels)[None])
        nothing = self._nothing

        def increase(p_fake_and_real) -> list[float]:
            """How far the target's logit rises above that of an image of which nothing is seen."""
            p = np.asarray(p_fake_and_real, np.float64)
            rise = sign * (np.log(p[:, 1]) - np.log(p[:, 0]) - nothing)
            return list(np.where(rise > ROUNDING, rise, 0))

        maps = Scorecam(net)(increase, pixels[None], max_N=self.score_maps, **self._at_layer())
        return np.asarray(maps)[0]


def _in_two_parts(classifier, target_layer: str):
    """The classifier as two layers, up to the target layer and from there on, each compiled.

    tf-keras-vis runs a model layer by layer, which takes longer than the arithmetic: it sees two
    layers instead of up to 150, the first by the name of the target layer. Weights are shared.
    """
    import keras
    import tensorflow as tf

    class Part(keras.layers.Layer):
        def __init__(self, start, end, name: str) -> None:
            super().__init__(name=name)
            part = keras.Model(start, end)
            self.run = tf.function(
                lambda x: part(x, training=False),
                input_signature=[tf.TensorSpec(start.shape, tf.float32)],
            )

        def call(self, x):
            return self.run(x)

    (entry,), (logit,) = classifier.inputs, classifier.outputs
    maps = classifier.get_layer(target_layer).output
    parts = Part(entry, maps, target_layer), Part(maps, logit, "answer")
    # A list, because that is how tf-keras-vis hands its input over.
    image = keras.Input(entry.shape[1:], dtype="float32")
    return keras.Model([image], parts[1](parts[0](image)))


class _TwoAnswers:
    """A classifier as Score-CAM reads it: its softmax over one logit alone would always be 1."""

    def __init__(self, classifier) -> None:
        self._classifier = classifier

    def __getattr__(self, name: str):
        return getattr(self._classifier, name)

    def predict(self, images: list[np.ndarray], batch_size: int) -> np.ndarray:
        """(N, 2) values whose softmax is p_fake, p_real; quietly, unlike Keras' own."""
        (batch,) = images
        parts = np.split(batch, range(batch_size, len(batch), batch_size))
        # Beyond 60 the softmax of a float32 is 0 or 1, and the logit could not be read back.
        logits = np.clip(np.concatenate([self.logits(part) for part in parts]), -60, 60)
        return np.stack([-logits / 2, logits / 2], axis=1)

    def logits(self, batch: np.ndarray) -> np.ndarray:
        return np.asarray(self._classifier([batch.astype(np.float32)], training=False))[:, 0]
