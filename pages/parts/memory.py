"""What a server must not keep: uploads on disk or by the dozen, and sessions long over."""

from __future__ import annotations

import asyncio
import gc

import streamlit as st
from starlette.formparsers import MultiPartParser
from streamlit import runtime
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager

EVERY = 30.0  # seconds
FEW = 4  # uploads of one session: the page and the camera have one each, and the one before it


def uploads_stay_off_the_disk() -> None:
    """Have Starlette hold whole uploads in memory; it writes what is over 1 MB to a file."""
    MultiPartParser.spool_max_size = (st.get_option("server.maxUploadSize") + 1) * 2**20


def uploads_stay_few() -> None:
    """Have Streamlit hold a session's newest uploads alone; a client may send them without end."""
    add_file = MemoryUploadedFileManager.add_file

    def add_and_drop(self, session_id, file) -> None:
        add_file(self, session_id, file)
        for older in list(self.file_storage.get(session_id, ()))[:-FEW]:
            self.remove_file(session_id, older)

    MemoryUploadedFileManager.add_file = add_and_drop


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
