"""Measured results that pages show, read from ``assets/evidence/``."""

from __future__ import annotations

import json

import streamlit as st

from cifake_core.artifacts import ASSETS


def read(name: str) -> dict | None:
    """One evidence file, or None where it is missing; read anew when it changes."""
    path = ASSETS / "evidence" / f"{name}.json"
    return _parsed(name, path.stat().st_mtime_ns) if path.is_file() else None


@st.cache_resource(max_entries=16, show_spinner=False)
def _parsed(name: str, mtime_ns: int) -> dict:
    return json.loads((ASSETS / "evidence" / f"{name}.json").read_text(encoding="utf-8"))
