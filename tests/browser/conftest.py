"""A running server and a real Chromium.

Without a Chromium the browser tests are skipped with their reason; where CIFAKE_REQUIRE_BROWSER is
set they fail instead.
"""

import os
import shutil

import pytest
from playwright.sync_api import expect, sync_playwright
from serving import ROOT, serving

SCREENSHOTS = ROOT / "screenshots"
expect.set_options(timeout=30_000)  # other tests keep the machine busy
# The last four keep Chromium from looking for its maker's servers.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def server(tmp_path_factory, users_own):
    """Address of the app, started as the README says; with the user's data set if there is one."""
    log = tmp_path_factory.mktemp("server") / "log"
    with serving(log, **{k: v for k, v in users_own.items() if v}) as address:
        yield address
    assert "picture.png" not in log.read_text()  # nothing of an upload was written down


@pytest.fixture(scope="session")
def chromium():
    found = os.environ.get("CIFAKE_CHROMIUM") or shutil.which("chromium")
    if not found:
        message = "no Chromium: install it (apt install chromium) or name it in CIFAKE_CHROMIUM"
        if os.environ.get("CIFAKE_REQUIRE_BROWSER"):
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


def is_trouble(message) -> bool:
    """An error in the console, but for what Streamlit reports of two harmless races.

    An upload that was replaced is cancelled, and a picture that a newer run has replaced is gone
    from the server when the browser asks for it late.
    """
    text = message.text
    late = "/media/" in message.location.get("url", "") and "404" in text
    return message.type == "error" and not (
        late or "CanceledError" in text or ("/media/" in text and "Image source error" in text)
    )


@pytest.fixture
def open_page(chromium, server):
    """Function (width, dark) -> page on the app, whose console and requests are watched."""
    contexts, troubles = [], []

    def opened(width: int = 1100, dark: bool = False):
        context = chromium.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            accept_downloads=True,
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: troubles.append(m.text) if is_trouble(m) else None)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("dialog", lambda dialog: troubles.append(f"dialog {dialog.message}"))
        page.on(
            "request",
            lambda r: (
                troubles.append(f"asked {r.url}")
                if not r.url.startswith((server, server.replace("http", "ws"), "data:", "blob:"))
                else None
            ),
        )
        page.goto(server)
        page.get_by_role("heading", name="Real or AI-generated?").wait_for()
        return page

    yield opened
    for context in contexts:
        context.close()
    assert troubles == []


@pytest.fixture
def screenshot():
    """Function (page, name) that keeps a picture of the whole page."""

    def keep(page, name: str) -> None:
        SCREENSHOTS.mkdir(exist_ok=True)
        width = page.viewport_size["width"]
        main = page.get_by_test_id("stMain")
        page.set_viewport_size({"width": width, "height": main.evaluate("m => m.scrollHeight")})
        page.wait_for_timeout(500)
        page.screenshot(path=SCREENSHOTS / f"{name}.png")

    return keep
