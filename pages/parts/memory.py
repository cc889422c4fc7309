"""What a server must not keep: uploads on disk, and sessions that are long over."""

from __future__ import annotations

import asyncio
import gc

import streamlit as st
from starlette.formparsers import MultiPartParser
from streamlit import runtime

EVERY = 30.0  # seconds


def uploads_stay_off_the_disk() -> None:
    """Have Starlette hold whole uploads in memory; it writes what is over 1 MB to a file."""
    MultiPartParser.spool_max_size = (st.get_option("server.maxUploadSize") + 1) * 2**20


async def forget_ended_sessions() -> None:
    """For ever, now and then: let go of sessions whose time to come back is over.

    Streamlit does so only when another session ends: after a class has left, its images would stay.
    """
    while True:
        await asyncio.sleep(EVERY)
        sweep()


def sweep() -> None:
    # Not public; a test with Streamlit's own classes holds that this is how they let go.
    storage = runtime.get_instance()._session_mgr._session_storage
    len(storage._cache)  # by asking for its length the cache drops what has expired
    gc.collect()  # in place of Streamlit's after every run, see .streamlit/config.toml
