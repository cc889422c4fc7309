"""The panel "What the file says about itself": metadata beside the verdict, never part of it."""

from __future__ import annotations

import hashlib
import time
from itertools import groupby

import streamlit as st

from cifake_core import metadata
from cifake_core.metadata import Finding, Metadata

TITLE = "What the file says about itself"
# Seconds until what could not be read in time is tried again: each try makes others wait.
AGAIN = 30
# Signs without colour: nothing here is a verdict.
_ICONS = {
    "generator": "auto_awesome",
    "part": "auto_fix",
    "credentials": "signature",  # no shield with a tick: no list says who is to be trusted
    "broken": "gpp_maybe",
    "camera": "photo_camera",
    "date": "calendar_month",
    "software": "draw",
    "source": "label",
    "location": "location_off",
    "text": "notes",
    "unreadable": "broken_image",
}
_OUR_WORDS = ("location", "unreadable")  # kinds whose values hold nothing of the file
_NAMES = {
    "generator": "AI generator",
    "part": "AI editing",
    "credentials": "Content Credentials",
    "broken": "Content Credentials (not valid)",
    "camera": "camera",
    "date": "date",
    "software": "software",
    "source": "stated source",
}


def show(data: bytes) -> None:
    """Draw the panel for an image file's bytes."""
    sha256 = hashlib.sha256(data).hexdigest()
    found, when = _read(sha256, data)
    if not found.in_time and time.monotonic() - when > AGAIN:
        _read.clear(sha256, data)
        found, _ = _read(sha256, data)
    label = f"{TITLE}: {_summary(found)}"
    # The key keeps it open when what is above it changes, as once TensorFlow is loaded.
    with st.expander(label, key=f"origins-{sha256[:16]}", icon=":material/description:"):
        st.markdown(
            "An image file can carry notes beside its pixels. **None of them changes the "
            "verdict**, which comes from the pixels alone."
        )
        for (_, worth), group in groupby(found.findings, key=lambda f: (f.kind, f.worth)):
            for finding in group:
                _show(finding)
            st.caption(worth)
        if found.unknown:
            names = ", ".join(_NAMES[question] for question in found.unknown)
            st.markdown(f"**Unknown:** {names}.")
            st.caption(
                "Unknown does not mean no. Most sites, messengers and screenshots strip such "
                "notes, from photographs and from generated images alike."
            )


def _show(finding: Finding) -> None:
    title = f":material/{_ICONS[finding.kind]}: **{finding.label}**"
    if finding.kind in _OUR_WORDS:
        st.markdown(f"{title}: {finding.value}")
    else:
        st.markdown(title)
        # A stranger's words: as code, neither Markdown nor HTML in them works.
        st.code(finding.value, language=None, wrap_lines=True)


def _summary(found: Metadata) -> str:
    kinds = {finding.kind for finding in found.findings}
    said = [name for kind, name in _NAMES.items() if kind in kinds]
    if said:
        return ", ".join(said)
    return "little" if found.findings else "nothing, so its origin is unknown"


@st.cache_data(scope="session", max_entries=8, show_spinner=False)
def _read(sha256: str, _data: bytes) -> tuple[Metadata, float]:
    """And when, by time.monotonic."""
    return metadata.read(_data), time.monotonic()
