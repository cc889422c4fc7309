"""The web demo: ``streamlit run streamlit_app.py``."""

import asyncio
import sys
import threading
import webbrowser
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st

from pages.parts import memory

SECONDS = 1.0  # until the server surely listens, which it does after the app has started


@asynccontextmanager
async def lifespan(_: st.App):
    """What the server does beside its sessions."""
    memory.uploads_stay_off_the_disk()
    memory.uploads_stay_few()
    tidying = asyncio.create_task(memory.forget_ended_sessions())
    open_browser()
    yield
    tidying.cancel()


def open_browser() -> None:
    """``streamlit run`` does it for scripts, but not for an App."""
    if Path(sys.argv[0]).name == Path(__file__).name and not st.get_option("server.headless"):
        soon = threading.Timer(SECONDS, lambda: webbrowser.open(address()))
        soon.daemon = True
        soon.start()


def address() -> str:
    scheme = "https" if st.get_option("server.sslCertFile") else "http"
    host = f"{st.get_option('browser.serverAddress')}:{st.get_option('server.port')}"
    return f"{scheme}://{host}/{st.get_option('server.baseUrlPath').strip('/')}"


app = st.App("pages/router.py", lifespan=lifespan)
