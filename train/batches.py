"""Training batches as a function of the step alone, so that a resumed run sees the same ones."""

from __future__ import annotations

import dataclasses
import os
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from cifake_core.device import device
from cifake_core.errors import ConfigError
from cifake_core.labels import FAKE, REAL
from train.augment import augment, mix
from train.config import Config


class Batches:
    """Shuffled, augmented batches of one training set.

    Args:
        images: (N, S, S, 3) uint8, may be memory-mapped.
        labels: (N,) uint8.
        rows: which rows to train on.

    Raises:
        ConfigError: a crop or a shift larger than the images, or a net for images of another size.
    """

    def __init__(
        self, images: np.ndarray, labels: np.ndarray, rows: np.ndarray, config: Config
    ) -> None:
        self.images, self.rows, self.config = images, rows, config
        self.targets = labels.astype(np.float32)[:, None]
        self.steps_per_epoch = max(1, len(rows) // config.batch_size)
        self.phases = config.phases()
        size = min(images.shape[1:3])
        if any(phase.crop > size for phase in self.phases):
            raise ConfigError(f"crop must be at most {size}, the size of the images.")
        if any(phase.shift >= size for phase in self.phases):
            raise ConfigError(f"shift must be less than {size}, the size of the images.")
        for key in ("model_args", "export_args"):
            if getattr(config, key).get("image_size", size) != size:
                raise ConfigError(f"image_size in {key} must be {size}, the size of the images.")
        self._ends = np.cumsum([phase.epochs for phase in self.phases])
        self._orders: dict[int, np.ndarray] = {}
        self._lock = threading.Lock()

    def teach(self, given: np.ndarray) -> None:
        """Mix a teacher's (N,) probabilities of REAL into the targets, by ``teacher_share``."""
        share = np.float32(self.config.teacher_share)
        self.targets = (1 - share) * self.targets + share * given.astype(np.float32)[:, None]

    @property
    def steps(self) -> int:
        """Of the whole run."""
        return int(self._ends[-1]) * self.steps_per_epoch

    def batch(self, step: int, whole: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """(x, y) of one step: (B, S, S, 3) uint8 and (B, 1) float32, y = 1 for REAL.

        S is ``crop`` where the cycle has one, unless ``whole`` images are asked for. Any thread may
        ask for any step.
        """
        epoch, inside = divmod(step, self.steps_per_epoch)
        order = self._order(epoch)
        size = self.config.batch_size
        # Sorted: nearby rows of a memory map are read together; the order inside a batch is free.
        rows = np.sort(order[inside * size : (inside + 1) * size])
        rng = np.random.default_rng((self.config.seed, 1, step))
        phase = self.phases[int(np.searchsorted(self._ends, epoch, side="right"))]
        if whole:
            phase = dataclasses.replace(phase, crop=0)
        return mix(augment(self.images[rows], phase, rng), self.targets[rows], phase, rng)

    def _order(self, epoch: int) -> np.ndarray:
        """The rows as that epoch takes them; two epochs are kept, as threads work on both."""
        with self._lock:
            if epoch not in self._orders:
                rng = np.random.default_rng((self.config.seed, 0, epoch))
                kept = list(self._orders.items())[-1:]
                self._orders = dict([*kept, (epoch, rng.permutation(self.rows))])
            return self._orders[epoch]

    def stream(
        self, start: int, stop: int, ahead: int = 8, workers: int | None = None
    ) -> Iterator[tuple[int, tuple]]:
        """(step, batch) from ``start`` to before ``stop``, in order, made ahead in the background.

        Args:
            ahead: batches that are made or wait at a time; twice ``workers`` at least.
            workers: threads, of which the batches do not depend; :func:`workers_here` if None.
        """
        workers = workers or workers_here()
        ahead = max(ahead, 2 * workers)
        with ThreadPoolExecutor(workers, thread_name_prefix="batches") as pool:
            waiting = deque(
                pool.submit(self.batch, s) for s in range(start, min(start + ahead, stop))
            )
            for step in range(start, stop):
                ready = waiting.popleft().result()
                if step + ahead < stop:
                    waiting.append(pool.submit(self.batch, step + ahead))
                yield step, ready


def workers_here() -> int:
    """Threads to make batches with: several where a GPU computes, as the cores are free then."""
    return 1 if device() == "cpu" else min(8, os.cpu_count() or 1)


def some(rows: np.ndarray, labels: np.ndarray, count: int, seed: int) -> np.ndarray:
    """``count`` of the rows at random, each label with its share; all if there are fewer."""
    shuffled = np.random.default_rng(seed).permutation(rows)
    fake, real = (shuffled[labels[shuffled] == label] for label in (FAKE, REAL))
    first = round(min(count, len(rows)) * len(fake) / len(rows))
    return np.concatenate([fake[:first], real[: count - first]])
