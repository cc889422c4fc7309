"""Content Credentials (C2PA) by c2pa-python, in a process of its own.

The library is native code and the bytes are hostile, so a crash, a hang or a memory bomb must not
be the app's: this file is also the program of a child that gets the image through a pipe, has a
limit on time and memory, and once the library is loaded can open neither files nor connections
(on POSIX; elsewhere the library's own settings keep it off the network).

The settings: https://opensource.contentauthenticity.org/docs/manifest/json-ref/settings-schema
"""

from __future__ import annotations

import heapq
import io
import json
import subprocess
import sys
import threading
from dataclasses import dataclass

SECONDS = 5  # of work
WAIT_SECONDS = 15  # on a busy machine
MAX_MEMORY = 2**30
MAX_ITEMS = 64  # different actions of a manifest
MAX_MANIFESTS = 32  # that are read, of those the file goes back to; with it, how far back
MAX_INGREDIENTS = 64  # of a manifest
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


# How a file may stand to a picture that was made of it, closest first.
RELATIONS = ("", "parentOf", "componentOf", "inputTo")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What one manifest says; all strings come from the file.

    Attributes:
        relation: of RELATIONS, the loosest on the way to it; "" for the file's own manifest.
        generator: program that wrote the claim.
        actions: (action, digital source type, program or ""), of those that have such a type.
    """

    relation: str
    generator: str
    actions: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the file's manifest says, and those of what it was made from.

    Attributes:
        state: "trusted", "untrusted" (intact, the signer on no list), "changed" (the file is not
            the one that was signed) or "invalid" (of no worth for another reason).
        manifests: the file's own first; of others only those found intact, and only where all is.
    """

    state: str
    signer: str
    time: str
    manifests: tuple[Manifest, ...]


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
        manifests = tuple(_manifest(*row) for row in found["manifests"])
        return Credentials(*(str(found[key]) for key in ("state", "signer", "time")), manifests)
    except subprocess.TimeoutExpired:
        raise NotInTimeError from None
    except (
        OSError,
        subprocess.SubprocessError,
        ValueError,
        TypeError,
        LookupError,
        RecursionError,
    ):
        return None
    finally:
        _one.release()


def _manifest(at: int, program: str, actions: list[list[str]]) -> Manifest:
    """From the child, which may be in a stranger's hands: nothing of it is taken on trust."""
    rows = tuple((str(action), str(source), str(agent)) for action, source, agent in actions)
    return Manifest(RELATIONS[at], str(program), rows)


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
    """The few values that are shown, as they stand in :class:`Credentials`."""
    state = state_of(store)
    signature = _get(store, "manifests", store.get("active_manifest"), "signature_info")
    return {
        "state": state,
        "signer": _short(_get(signature, "common_name") or _get(signature, "issuer")),
        "time": _short(_get(signature, "time")),
        "manifests": lineage(store, state in ("trusted", "untrusted")),
    }


def lineage(store: dict, whole: bool) -> list[tuple[int, str, list[list[str]]]]:
    """The file's manifest and, if it is ``whole``, those it goes back to, the closest first.

    Returns:
        For each the place of its relation in RELATIONS, its program and its actions.
    """
    waiting = [(0, 0, store.get("active_manifest"))]  # relation, steps back, label
    found, seen = [], set()
    while waiting and len(seen) < MAX_MANIFESTS:
        relation, steps, label = heapq.heappop(waiting)
        manifest = _get(store, "manifests", label)
        if label in seen or not manifest:
            continue
        seen.add(label)
        found.append((relation, _program(manifest), _actions(manifest)))
        for ingredient in _list(manifest, "ingredients")[:MAX_INGREDIENTS] if whole else ():
            kin = _get(ingredient, "relationship")
            if kin in RELATIONS[1:] and holds(ingredient):
                back = _get(ingredient, "active_manifest")
                if isinstance(back, str):
                    heapq.heappush(waiting, (max(relation, RELATIONS.index(kin)), steps + 1, back))
    return found


def holds(ingredient: dict) -> bool:
    """Whether it was found intact, with all that it was made from, when it was used."""
    results = _get(ingredient, "validation_results")
    deltas = (_get(delta, "validationDeltas") for delta in _list(results, "ingredientDeltas"))
    checks = (_get(results, "activeManifest"), *deltas)
    codes = {str(_get(failure, "code")) for each in checks for failure in _list(each, "failure")}
    # Older files have one list of what failed and what did not.
    statuses = {str(_get(status, "code")) for status in _list(ingredient, "validation_status")}
    codes |= {code for code in statuses if not code.endswith(_WENT_WELL)}
    return codes <= {"signingCredential.untrusted"}  # as this app keeps no list


_WENT_WELL = (".validated", ".trusted", ".match", ".insideValidity", ".notRevoked", ".accessible")


def _program(manifest: dict) -> str:
    info = (_list(manifest, "claim_generator_info") or [{}])[0]
    name = " ".join(filter(None, (_short(_get(info, k)) for k in ("name", "version"))))
    return name or _short(_get(manifest, "claim_generator"))


def _actions(manifest: dict) -> list[list[str]]:
    actions = []
    for assertion in _list(manifest, "assertions"):
        if str(_get(assertion, "label")).startswith("c2pa.actions"):
            for action in _list(_get(assertion, "data"), "actions"):
                agent = _get(action, "softwareAgent")
                agent = _get(agent, "name") if isinstance(agent, dict) else agent
                row = (_get(action, "action"), _get(action, "digitalSourceType"), agent)
                if row[1]:
                    actions.append([_short(value) for value in row])
    # Each once: an editor's history says the same again and again.
    return [list(row) for row in dict.fromkeys(map(tuple, actions))][:MAX_ITEMS]


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
