"""Heatmaps: where the evidence for one answer lies.

Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391) and Grad-CAM++ (Chattopadhay et al. 2018,
arXiv:1710.11063) come from tf-keras-vis, on the whole classifier's raw logit. CAM (Zhou et al.
2016) comes from the exported model: where a net ends in global average pooling and one dense unit
it is Grad-CAM up to a constant factor, and it needs no TensorFlow.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from cifake_core.labels import FAKE, REAL


class Method(StrEnum):
    CAM = "cam"
    GRADCAM = "gradcam"
    GRADCAM_PLUS_PLUS = "gradcam++"


METHOD_WORDS = {
    Method.CAM: "CAM",
    Method.GRADCAM: "Grad-CAM",
    Method.GRADCAM_PLUS_PLUS: "Grad-CAM++",
}


@dataclass(frozen=True, slots=True)
class Heatmap:
    """Evidence for ``target``, a label of :mod:`cifake_core.labels`.

    Attributes:
        values: (h, w) float32, non-negative, not normalised.
        method: the method asked for. ``drawn_by`` is the one that computed it.
    """

    values: np.ndarray
    method: Method
    drawn_by: Method
    target: int

    @property
    def empty(self) -> bool:
        """True if nothing in the image speaks for the target: there is nothing to draw."""
        return not self.values.max() > 0

    @property
    def normalised(self) -> np.ndarray:
        """(h, w) float32 in [0, 1]: 1 where the evidence is strongest."""
        return self.values if self.empty else self.values / self.values.max()


def from_cam(cam: np.ndarray, method: Method, target: int) -> Heatmap:
    """Heatmap of one (h, w) class activation map whose values add up towards *real*."""
    signed = cam if target == REAL else -cam
    return Heatmap(np.maximum(signed, 0).astype(np.float32), method, Method.CAM, target)


class Explainer:
    """tf-keras-vis on one Keras model. Creating one imports TensorFlow and takes seconds.

    Args:
        model: functional Keras model, (N, S, S, 3) uint8 to one raw logit that grows with *real*.
        target_layer: name of the layer whose maps are weighted.
    """

    def __init__(self, model, target_layer: str) -> None:
        import keras
        from tf_keras_vis.gradcam import Gradcam
        from tf_keras_vis.gradcam_plus_plus import GradcamPlusPlus

        # No gradient passes through uint8: what is explained is the same net behind a float input.
        entry = keras.Input(model.input_shape[1:], dtype="float32")
        classifier = keras.models.clone_model(model, input_tensors=entry)
        classifier.set_weights(model.get_weights())
        self._layer = target_layer
        self._methods = {
            Method.GRADCAM: Gradcam(classifier, clone=False),
            Method.GRADCAM_PLUS_PLUS: GradcamPlusPlus(classifier, clone=False),
        }
        # Each call builds a small graph of its own; two at a time keep memory bounded.
        self._room = threading.BoundedSemaphore(2)
        size = model.input_shape[1]
        for method in self._methods:
            self.heatmap(np.zeros((size, size, 3), np.uint8), method, FAKE)

    def heatmap(self, pixels: np.ndarray, method: Method, target: int) -> Heatmap:
        """Heatmap of one (S, S, 3) uint8 image for a target label."""
        sign = 1.0 if target == REAL else -1.0
        with self._room:
            maps = self._methods[method](
                lambda output: sign * output[:, 0],
                pixels[None].astype(np.float32),
                penultimate_layer=self._layer,
                seek_penultimate_conv_layer=False,
                expand_cam=False,
                normalize_cam=False,
            )
        values = np.nan_to_num(np.asarray(maps)[0].astype(np.float32))
        return Heatmap(np.maximum(values, 0), method, method, target)
