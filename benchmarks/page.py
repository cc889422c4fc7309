"""First paint and first verdict, as a visitor's browser sees them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.timing import ROOT, child, report
from cifake_core.samples import samples


def first_verdict() -> None:
    """A fresh server and a fresh browser; TensorFlow's own import time beside them."""
    chromium = os.environ.get("CIFAKE_CHROMIUM") or shutil.which("chromium")
    if not chromium:
        print("first paint and verdict in the browser: left out, there is no Chromium")
        return
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with served() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        page = browser.new_page()
        start = time.perf_counter()
        page.goto(address)
        page.get_by_role("heading", name="Real or AI-generated?").wait_for()
        upload = page.locator("input[type=file]")
        upload.wait_for(state="attached")
        paint = time.perf_counter() - start
        clouds = next(s.png for s in samples() if s.name == "Clouds")  # gets a verdict
        start = time.perf_counter()
        upload.set_input_files([{"name": "a.png", "mimeType": "image/png", "buffer": clouds}])
        page.get_by_text("Probability of AI-generated").wait_for()
        verdict = time.perf_counter() - start
        browser.close()
    tensorflow, _ = child(["-c", "import tensorflow"])
    report("first verdict after the page is there", f"{verdict:.2f} s", "1 s", verdict <= 1)
    report("  first paint, over `import tensorflow`",
           f"{paint:.2f} / {tensorflow:.1f} s = {paint / tensorflow:.2f}", "below 1",
           paint < tensorflow)  # fmt: skip


@contextmanager
def served() -> Iterator[str]:
    """Address of a server that has just started and answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "streamlit", "run", "streamlit_app.py"),
            *("--server.headless=true", "--server.address=127.0.0.1", f"--server.port={port}"),
        ],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(f"http://127.0.0.1:{port}")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(10)


def _wait_for(address: str) -> None:
    for _ in range(300):
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=1):  # noqa: S310
                return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError("the server did not start")
