"""The app on a port of its own, started as the README says."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def serving(log: Path, **environment: str) -> Iterator[str]:
    """Address of a server that answers; at its end nothing of a broken session is in ``log``."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with log.open("w") as stream:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "streamlit", "run", "streamlit_app.py"),
                *("--server.headless=true", "--server.address=127.0.0.1", f"--server.port={port}"),
            ],
            cwd=ROOT,
            env=os.environ | environment,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                with urllib.request.urlopen(f"{address}/_stcore/health", timeout=1):
                    break
            except OSError:
                assert process.poll() is None, log.read_text()
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(30)
    # Streamlit prints a traceback of its own when a browser cancels an upload half-way.
    said = log.read_text()
    assert said.count("Traceback") == said.count("starlette.requests.ClientDisconnect"), said
