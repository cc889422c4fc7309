"""Images of the data set where one is found on this machine; opened in the background."""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np
import streamlit as st

from cifake_core import dataset
from cifake_core.catalogue import dig, fits
from cifake_core.errors import DatasetError
from cifake_core.labels import CLASSES
from pages.parts import evidence

_log = logging.getLogger(__name__)
AGAIN = 60  # seconds after which a data set that was not there is looked for once more, quietly
# The next try waits so many times as long as the last one took: decoding 120,000 files up to the
# broken one must not become the server's main work.
PATIENCE = 60
_missed = threading.Event()


@dataclass(frozen=True, slots=True)
class Drawn:
    """One image of the data set: its file's bytes, and what it truly is."""

    data: bytes
    label: int
    class_word: str


@dataclass(slots=True)
class _Try:
    """One attempt to open the data set."""

    future: Future
    again: float = math.inf  # when another is worth it, by time.monotonic; set where it failed

    def stands(self) -> bool:
        return time.monotonic() < self.again


@st.cache_resource(show_spinner=False, validate=_Try.stands)
def _try() -> _Try:
    one, began = _Try(Future()), time.monotonic()

    def load() -> None:
        try:
            one.future.set_result(dataset.load())
        except BaseException as error:  # pages wait for the future whatever happens
            if not isinstance(error, DatasetError):
                _log.exception("the data set cannot be opened")
            elif os.environ.get("CIFAKE_DATA"):  # someone meant it to be there
                _log.warning("%s", error)
            _missed.set()
            now = time.monotonic()
            one.again = now + max(AGAIN, PATIENCE * (now - began))
            # Without its frames, which hold all that was decoded.
            one.future.set_exception(error.with_traceback(None))

    threading.Thread(target=load, name="dataset", daemon=True).start()
    return one


def opened() -> dataset.Dataset | None:
    """The data set, or None while it is being opened or where there is none."""
    future = _try().future
    return future.result() if future.done() and future.exception() is None else None


def opening() -> bool:
    """Whether it is worth waiting for: once it was not there, nobody is told of another try."""
    return not _try().future.done() and not _missed.is_set()


@st.fragment(run_every=2.3)  # never at the same moment as a look for TensorFlow
def wait() -> None:
    """Say that it is being looked for, and draw the page anew once that is over."""
    st.caption("Looking for the data set; if it is on this machine, its images appear here.")
    if not opening():
        st.rerun()


def draw(data: dataset.Dataset, rng: np.random.Generator) -> Drawn | None:
    """A random image of train that is held out of the training; real and fake equally likely.

    Not one of test: that split is there to score models, and is looked at for nothing else.
    None if there is no such image, or if its file is gone.
    """
    rows, split = _held_out(data.sha256, data), data.train
    labels = np.unique(split.labels[rows])
    if not len(labels):
        return None
    label = int(rng.choice(labels))
    return take(data, int(rng.choice(rows[split.labels[rows] == label])))


def take(data: dataset.Dataset, row: int) -> Drawn | None:
    """That image of train; None if its file is gone."""
    split = data.train
    try:
        found = (data.root / str(split.names[row])).read_bytes()
    except OSError:
        return None
    return Drawn(found, int(split.labels[row]), CLASSES[int(split.classes[row])])


def is_held_out(data: dataset.Dataset, row: int) -> bool:
    """Whether that image of train is one that no model was trained on."""
    return bool(np.isin(row, _held_out(data.sha256, data)))


@st.cache_resource(max_entries=1, show_spinner=False)
def _held_out(sha256: str, _data: dataset.Dataset) -> np.ndarray:
    """Rows of train: those that the shipped models were not trained on, if it is their data set."""
    recorded = evidence.read("validation_split")
    if dig(recorded, "data_sha256") == sha256 and fits(dig(recorded, "files"), [str]):
        return np.flatnonzero(np.isin(_data.train.names, recorded["files"]))
    return dataset.validation_indices(_data.train)  # what training on this set would hold out
