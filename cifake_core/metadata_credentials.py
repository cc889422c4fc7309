"""Content Credentials (C2PA) by c2pa-python, in a process of its own.

The library is native code and the bytes are hostile, so a crash, a hang or a memory bomb must not
be the app's: this file is also the program of a child that gets the image through a pipe, has a
limit on time and memory, and once the library is loaded can open neither files nor connections
(on POSIX; elsewhere the library's own settings keep it off the network).

The settings: https://opensource.contentauthenticity.org/docs/manifest/json-ref/settings-schema
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import threading
from dataclasses import dataclass

SECONDS = 5  # of work
WAIT_SECONDS = 15  # on a busy machine
MAX_MEMORY = 2**30
MAX_ITEMS = 8
MAX_CHARS = 200
SETTINGS = {
    "verify": {
        "remote_manifest_fetch": False,
        "ocsp_fetch": False,
        "verify_trust": True,  # against no list: lists change, so none is shipped
    },
    "core": {
        "allowed_network_hosts": [],
        "decode_identity_assertions": False,  # would ask a server for the identity
        "backing_store_memory_threshold_in_mb": 512,  # more than an upload has: nothing on disk
    },
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the active manifest says; all strings come from the file.

    Attributes:
        state: "trusted", "untrusted" (intact, the signer on no list), "changed" (the file is not
            the one that was signed) or "invalid" (of no worth for another reason).
        generator: program that wrote the claim.
        actions: (action, digital source type or "", program or "").
    """

    state: str
    generator: str
    signer: str
    time: str
    actions: tuple[tuple[str, str, str], ...]


class NotInTimeError(Exception):
    """Others' files, or this one, took too long: another try may succeed."""


_one = threading.BoundedSemaphore(1)  # child at a time, however many visitors


def read(kind: str, data: bytes) -> Credentials | None:
    """Read a file that holds a C2PA block; None if it cannot be read.

    Args:
        kind: of :func:`cifake_core.containers.kind_of`.

    Raises:
        NotInTimeError: too many files at once, or a machine too busy.
    """
    # -P: this folder's modules must not stand in for those that the library imports.
    command = [sys.executable, "-P", "-B", __file__, f"image/{kind.lower()}"]
    if not _one.acquire(timeout=SECONDS):
        raise NotInTimeError
    try:
        done = subprocess.run(
            command,
            input=data,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=WAIT_SECONDS,
            check=True,
        )
        found = json.loads(done.stdout)
        actions = tuple((str(a), str(b), str(c)) for a, b, c in found["actions"])
        words = (str(found[name]) for name in ("state", "generator", "signer", "time"))
        return Credentials(*words, actions)
    except subprocess.TimeoutExpired:
        raise NotInTimeError from None
    except (OSError, subprocess.SubprocessError, ValueError, TypeError, KeyError):
        return None
    finally:
        _one.release()


# --- The child ---


def confine() -> None:
    """Give up, for good, whatever reading one image from memory does not need."""
    try:
        import resource
    except ImportError:  # not POSIX
        return
    for what, most in (
        (resource.RLIMIT_CPU, SECONDS),
        (resource.RLIMIT_AS, MAX_MEMORY),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 0),  # what is open stays open; no file and no socket comes new
    ):
        try:
            resource.setrlimit(what, (most, most))
        except (OSError, ValueError):
            continue  # a system that does not know this limit


def state_of(store: dict) -> str:
    """The library's validation state in one of our words."""
    state = store.get("validation_state")
    failures = _list(_get(store, "validation_results", "activeManifest"), "failure")
    if state == "Trusted":
        return "trusted"
    if state == "Valid":
        return "untrusted"
    if any(str(_get(failure, "code")).endswith(".mismatch") for failure in failures):
        return "changed"
    return "invalid"


def summary(store: dict) -> dict:
    """The few values that are shown, of the manifest that is about this very file."""
    manifest = _get(store, "manifests", store.get("active_manifest")) or {}
    info = (_list(manifest, "claim_generator_info") or [{}])[0]
    signature = _get(manifest, "signature_info") or {}
    actions = []
    for assertion in _list(manifest, "assertions"):
        if str(_get(assertion, "label")).startswith("c2pa.actions"):
            for action in _list(_get(assertion, "data"), "actions"):
                agent = _get(action, "softwareAgent")
                agent = _get(agent, "name") if isinstance(agent, dict) else agent
                row = (_get(action, "action"), _get(action, "digitalSourceType"), agent)
                actions.append([_short(value) for value in row])
    name = " ".join(filter(None, (_short(_get(info, k)) for k in ("name", "version"))))
    return {
        "state": state_of(store),
        "generator": name or _short(manifest.get("claim_generator")),
        "signer": _short(signature.get("common_name") or signature.get("issuer")),
        "time": _short(signature.get("time")),
        "actions": actions[:MAX_ITEMS],
    }


def _get(found: object, *keys: object) -> object:
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _list(found: object, key: str) -> list:
    value = _get(found, key)
    return value if isinstance(value, list) else []


def _short(value: object) -> str:
    return "" if value is None else str(value)[:MAX_CHARS]


def main() -> None:
    import c2pa

    data = sys.stdin.buffer.read()
    context = c2pa.Context.from_dict(SETTINGS)
    confine()
    with c2pa.Reader(sys.argv[1], io.BytesIO(data), context=context) as reader:
        print(json.dumps(summary(json.loads(reader.json()))))


if __name__ == "__main__":
    main()
