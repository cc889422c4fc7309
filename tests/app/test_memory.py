"""What a server that runs for long lets go of, and what it never writes down."""

import asyncio
import inspect
import weakref
from types import SimpleNamespace

import streamlit as st
from starlette.formparsers import MultiPartParser
from streamlit.runtime import Runtime
from streamlit.runtime.memory_session_storage import MemorySessionStorage
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec
from streamlit.runtime.websocket_session_manager import WebsocketSessionManager

import streamlit_app
from cifake_core import images
from pages.parts import memory


def test_a_session_whose_time_is_over_is_let_go(monkeypatch):
    class Session:
        id = "one"

    manager = WebsocketSessionManager(
        session_storage=MemorySessionStorage(ttl_seconds=0),
        uploaded_file_manager=MemoryUploadedFileManager("/upload"),
        script_cache=None,
        message_enqueued_callback=None,
    )
    session = Session()
    manager._session_storage.save(SimpleNamespace(session=session))
    gone = weakref.ref(session)
    del session
    assert gone() is not None  # Streamlit by itself keeps it until another one ends
    # The name under which a running server has it.
    assert "self._session_mgr = " in inspect.getsource(Runtime.__init__)
    monkeypatch.setattr(
        memory.runtime, "get_instance", lambda: SimpleNamespace(_session_mgr=manager)
    )
    memory.sweep()
    assert gone() is None


def test_the_server_keeps_uploads_off_the_disk_and_tidies_up(monkeypatch):
    swept = []
    monkeypatch.setattr(MultiPartParser, "spool_max_size", 2**20)
    monkeypatch.setattr(MemoryUploadedFileManager, "add_file", MemoryUploadedFileManager.add_file)
    monkeypatch.setattr(memory, "EVERY", 0.01)
    monkeypatch.setattr(memory, "sweep", lambda: swept.append(True))

    async def served():
        async with streamlit_app.lifespan(streamlit_app.app):
            await asyncio.sleep(0.2)

    asyncio.run(served())
    assert MultiPartParser.spool_max_size > images.MAX_BYTES
    assert MemoryUploadedFileManager.add_file.__module__ == memory.__name__
    assert len(swept) > 1


def test_a_session_keeps_its_newest_uploads_alone(monkeypatch):
    monkeypatch.setattr(MemoryUploadedFileManager, "add_file", MemoryUploadedFileManager.add_file)
    memory.uploads_stay_few()
    manager, ids = MemoryUploadedFileManager("/upload"), [f"file{i}" for i in range(9)]
    for name in ids:
        for session in ("one", "two")[: 1 + (name == "file0")]:
            manager.add_file(session, UploadedFileRec(name, "a.png", "image/png", b"12345"))
    assert [f.file_id for f in manager.get_files("one", ids)] == ids[-memory.FEW :]
    assert [f.file_id for f in manager.get_files("two", ids)] == ["file0"]
    assert sum(s.byte_length for s in manager.get_stats()["cache_memory_bytes"]) == 5 * (
        memory.FEW + 1
    )


def test_no_collection_follows_every_run_of_everybody():
    assert st.get_option("runner.postScriptGC") is False
