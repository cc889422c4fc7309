"""Images of the data set where one is found on this machine; opened in the background."""

from __future__ import annotations

import logging
import os
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np
import streamlit as st

from cifake_core import dataset
from cifake_core.errors import DatasetError
from cifake_core.labels import CLASSES

_log = logging.getLogger(__name__)
AGAIN = 60  # seconds after which a data set that was not there is looked for once more, quietly
_missed = threading.Event()


@dataclass(frozen=True, slots=True)
class Drawn:
    """One image of the data set: its file's bytes, and what it truly is."""

    data: bytes
    label: int
    class_word: str


@dataclass(frozen=True, slots=True)
class _Try:
    """One attempt to open the data set."""

    future: Future
    began: float  # by time.monotonic

    def stands(self) -> bool:
        failed = self.future.done() and self.future.exception() is not None
        return not failed or time.monotonic() - self.began < AGAIN


@st.cache_resource(show_spinner=False, validate=_Try.stands)
def _try() -> _Try:
    future: Future = Future()

    def load() -> None:
        try:
            future.set_result(dataset.load())
        except DatasetError as error:
            _missed.set()
            if os.environ.get("CIFAKE_DATA"):  # someone meant it to be there
                _log.warning("%s", error)
            future.set_exception(error)
        except BaseException as error:  # pages wait for the future whatever happens
            _missed.set()
            _log.exception("the data set cannot be opened")
            future.set_exception(error)

    threading.Thread(target=load, name="dataset", daemon=True).start()
    return _Try(future, time.monotonic())


def opened() -> dataset.Dataset | None:
    """The data set, or None while it is being opened or where there is none."""
    future = _try().future
    return future.result() if future.done() and future.exception() is None else None


def opening() -> bool:
    """Whether it is worth waiting for: once it was not there, nobody is told of another try."""
    return not _try().future.done() and not _missed.is_set()


@st.fragment(run_every=1.0)
def wait() -> None:
    """Say that it is being looked for, and draw the page anew once that is over."""
    st.caption("Looking for the data set; if it is on this machine, its images appear here.")
    if not opening():
        st.rerun()


def draw(data: dataset.Dataset, rng: np.random.Generator) -> Drawn | None:
    """A random test image that no training image equals; real and fake are equally likely.

    None if there is no such image, or if its file is gone.
    """
    label = int(rng.integers(2))
    rows = np.flatnonzero((data.test.labels == label) & ~_leaked(data.sha256, data))
    if not len(rows):
        return None
    row = int(rng.choice(rows))
    try:
        found = (data.root / str(data.test.names[row])).read_bytes()
    except OSError:
        return None
    return Drawn(
        found,
        label,
        CLASSES[int(data.test.classes[row])],
    )


@st.cache_resource(max_entries=1, show_spinner=False)
def _leaked(sha256: str, _data: dataset.Dataset) -> np.ndarray:
    return dataset.leaked_rows(_data)
