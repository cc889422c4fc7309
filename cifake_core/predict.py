"""Batches in, logits out: the engine of the verdict, on ONNX Runtime and without TensorFlow."""

from __future__ import annotations

import os
import threading

import numpy as np
import onnxruntime

from cifake_core.errors import ArtifactError

# Images at a time: with more, the feature maps no longer fit a processor's cache.
CHUNK = 64


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Engine:
    """One exported model in memory, shared by all threads.

    Args:
        graph: the bytes of a ``model.onnx`` whose input is (N, S, S, 3) uint8 and whose outputs
            are ``logit`` (N, 1), ``features`` (N, K), what the last dense unit sees, where the
            file has them, and ``cam`` (N, h, w) where the model allows it; all float32.
        threads: threads that work on one batch; 0 takes one for each core, at most four.

    Raises:
        ArtifactError: the bytes are not such a model.
    """

    def __init__(self, graph: bytes, threads: int = 0) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or min(4, cores())
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        # A server waits more than it works: threads that spin would keep cores busy for nothing.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # Without the arena memory stays flat over batches of every size.
        options.enable_cpu_mem_arena = False
        try:
            self._session = onnxruntime.InferenceSession(
                graph, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime's own errors share no public base class
            raise ArtifactError(f"The exported model cannot be opened: {error}") from None
        outputs = [output.name for output in self._session.get_outputs()]
        (entry,) = self._session.get_inputs()
        if entry.type != "tensor(uint8)" or len(entry.shape) != 4 or "logit" not in outputs:
            raise ArtifactError("The exported model's input or output is not what it should be.")
        self._input, self.has_cam = entry.name, "cam" in outputs
        self.has_features = "features" in outputs
        self.image_size = int(entry.shape[1])
        # Runs beyond the number of cores would only take turns and hold their memory meanwhile.
        self._room = threading.BoundedSemaphore(max(2, cores()))

    def logits(self, batch: np.ndarray) -> np.ndarray:
        """(N,) float32 raw logits of (N, S, S, 3) uint8; raises ValueError for anything else."""
        return self._run(["logit"], batch)[0][:, 0]

    def logits_and_features(self, batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(N,) raw logits, and (N, K) float32 penultimate features, in one pass.

        Raises:
            ArtifactError: this model has no such output.
            ValueError: the images are of another size or type.
        """
        if not self.has_features:
            raise ArtifactError("This model's file does not give its features.")
        logits, features = self._run(["logit", "features"], batch)
        return logits[:, 0], features

    def cam(self, batch: np.ndarray) -> np.ndarray:
        """(N, h, w) float32: each position's part of the logit, before the bias (CAM).

        Raises:
            ArtifactError: this model has no such output.
            ValueError: the images are of another size or type.
        """
        if not self.has_cam:
            raise ArtifactError("This model has no class activation map of its own.")
        return self._run(["cam"], batch)[0]

    def _run(self, outputs: list[str], batch: np.ndarray) -> list[np.ndarray]:
        size = self.image_size
        kind, shape = getattr(batch, "dtype", None), getattr(batch, "shape", ())
        if kind != np.uint8 or len(shape) != 4 or shape[1:] != (size, size, 3):
            given = type(batch).__name__ if kind is None else f"{kind} of shape {tuple(shape)}"
            raise ValueError(f"The model takes uint8 of shape (N, {size}, {size}, 3), not {given}.")
        parts = []
        for start in range(0, max(1, len(batch)), CHUNK):
            with self._room:
                chunk = {self._input: batch[start : start + CHUNK]}
                parts.append(self._session.run(outputs, chunk))
        return (
            parts[0] if len(parts) == 1 else [np.concatenate(p) for p in zip(*parts, strict=True)]
        )
