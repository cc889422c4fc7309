"""The web demo: ``streamlit run streamlit_app.py``."""

import sys
import threading
import webbrowser
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st

SECONDS = 1.0  # until the server surely listens, which it does after the app has started


@asynccontextmanager
async def browser(_: st.App):
    """Open the page in a browser, which ``streamlit run`` does for scripts, but not for an App."""
    if Path(sys.argv[0]).name == Path(__file__).name and not st.get_option("server.headless"):
        soon = threading.Timer(SECONDS, lambda: webbrowser.open(address()))
        soon.daemon = True
        soon.start()
    yield


def address() -> str:
    scheme = "https" if st.get_option("server.sslCertFile") else "http"
    host = f"{st.get_option('browser.serverAddress')}:{st.get_option('server.port')}"
    return f"{scheme}://{host}/{st.get_option('server.baseUrlPath').strip('/')}"


app = st.App("pages/router.py", lifespan=browser)
