"""Images of the data set where one is found on this machine; opened in the background."""

from __future__ import annotations

import logging
import os
import threading
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np
import streamlit as st

from cifake_core import dataset
from cifake_core.errors import DatasetError
from cifake_core.labels import CLASSES

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Drawn:
    """One image of the data set: its file's bytes, and what it truly is."""

    data: bytes
    label: int
    class_word: str


@st.cache_resource(show_spinner=False)
def _future() -> Future:
    future: Future = Future()

    def load() -> None:
        try:
            future.set_result(dataset.load())
        except DatasetError as error:
            if os.environ.get("CIFAKE_DATA"):  # someone meant it to be there
                _log.warning("%s", error)
            future.set_exception(error)
        except BaseException as error:  # pages wait for the future whatever happens
            _log.exception("the data set cannot be opened")
            future.set_exception(error)

    threading.Thread(target=load, name="dataset", daemon=True).start()
    return future


def opened() -> dataset.Dataset | None:
    """The data set, or None while it is being opened or where there is none."""
    future = _future()
    return future.result() if future.done() and future.exception() is None else None


def opening() -> bool:
    return not _future().done()


@st.fragment(run_every=1.0)
def wait() -> None:
    """Say that it is being looked for, and draw the page anew once that is over."""
    st.caption("Looking for the data set; if it is on this machine, its images appear here.")
    if not opening():
        st.rerun()


def draw(data: dataset.Dataset, rng: np.random.Generator) -> Drawn:
    """A random test image that no training image equals; real and fake are equally likely."""
    label = int(rng.integers(2))
    rows = np.flatnonzero((data.test.labels == label) & ~_leaked(data.sha256, data))
    row = int(rng.choice(rows))
    return Drawn(
        (data.root / str(data.test.names[row])).read_bytes(),
        label,
        CLASSES[int(data.test.classes[row])],
    )


@st.cache_resource(max_entries=1, show_spinner=False)
def _leaked(sha256: str, _data: dataset.Dataset) -> np.ndarray:
    return dataset.leaked_rows(_data)
