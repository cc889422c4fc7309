"""Signals that stop a run, and threads, which cannot hear them."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor

from train.runs import StopRequest


def test_a_signal_is_a_request_and_the_handlers_come_back():
    before = signal.getsignal(signal.SIGTERM)
    with StopRequest() as stop:
        assert not stop.asked
        signal.raise_signal(signal.SIGTERM)
        assert stop.asked
    assert signal.getsignal(signal.SIGTERM) is before


def test_another_thread_trains_without_touching_the_handlers():
    before = signal.getsignal(signal.SIGTERM)

    def inside() -> tuple[bool, object]:
        with StopRequest() as stop:
            return stop.asked, signal.getsignal(signal.SIGTERM)

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(inside).result() == (False, before)
    assert signal.getsignal(signal.SIGTERM) is before
