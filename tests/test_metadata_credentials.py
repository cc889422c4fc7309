"""Content Credentials: signed, changed, broken, and read without a network."""

from __future__ import annotations

import http.server
import io
import os
import random
import subprocess
import sys
import threading
from pathlib import Path

import c2pa
import pytest
import signed
from encoders import encode, picture
from written import said

from cifake_core import metadata, metadata_credentials


@pytest.fixture(scope="module")
def signed_jpeg() -> bytes:
    return signed.sign(encode(picture(), "JPEG"), "JPEG")


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "TIFF"])
def test_signed_image(form):
    found = said(signed.sign(encode(picture(), form), form))
    assert found["generator"] == ["created: made by a generative model (An <b>agent</b>)"]
    signature, signer, program = found["credentials"]
    assert signature.startswith("Signed and unchanged since, by an issuer not on a trust list")
    assert signer == "Test signer"
    assert program == "Test program 1.0"


def test_changed_after_signing(signed_jpeg):
    for place in (len(signed_jpeg) - 20, signed_jpeg.find(b"Test program")):
        changed = bytearray(signed_jpeg)
        changed[place] ^= 1
        found = metadata.read(bytes(changed))
        assert found.findings[0].value.startswith("Signed, but changed since")
        assert all("believe none of" in finding.worth for finding in found.findings)
        assert {finding.kind for finding in found.findings} == {"broken"}
        assert "credentials" not in found.unknown
        assert "generator" in found.unknown  # it must not vouch for anything


def ingredients_say(data: bytes) -> list[tuple[str, str, str]]:
    """Kind, what label and value of all that is neither of the signature nor of its own claim."""
    rows = [(f.kind, f.label.rpartition(": ")[2], f.value) for f in metadata.read(data).findings]
    return [row for row in rows if row[1] in ("came from", "contains", "made using")]


MADE = "created: made by a generative model (An <b>agent</b>)"


@pytest.mark.parametrize(
    ("relation", "kind", "label"),
    [
        ("parentOf", "generator", "came from"),
        ("componentOf", "part", "contains"),
        ("inputTo", "part", "made using"),
    ],
)
def test_what_a_file_was_made_from_is_read(signed_jpeg, relation, kind, label):
    """An image from a generator that an ordinary program edited, or that became part of another."""
    edited = signed.edit(encode(picture(), "JPEG"), "JPEG", (relation, signed_jpeg))
    assert ingredients_say(edited) == [(kind, label, MADE)]
    (finding,) = (each for each in metadata.read(edited).findings if each.value == MADE)
    assert "Whoever signed the file, or one it was made from, says" in finding.worth
    assert "anyone can sign under any name" in finding.worth
    again = signed.edit(encode(picture(), "JPEG"), "JPEG", ("parentOf", edited))
    assert (kind, label, MADE) in ingredients_say(again)


def test_programs_of_what_a_file_was_made_from():
    image = encode(picture(), "PNG")
    for program, said_of_it in (("ChatGPT", ["a file written by ChatGPT 1.0"]), ("GIMP", [])):
        parent = signed.sign(image, "PNG", "empty", program=program)
        rows = ingredients_say(signed.edit(image, "PNG", ("parentOf", parent)))
        assert [value for kind, _, value in rows if kind == "generator"] == said_of_it


def test_part_that_a_generative_model_edited():
    image = encode(picture(), "PNG")
    edited = signed.edit(image, "PNG", ("parentOf", image), source="trainedAlgorithmicMedia")
    found = said(edited)
    assert found["part"] == ["edited: made by a generative model"]
    assert "generator" not in found


@pytest.mark.parametrize(
    ("action", "kind"),
    [("created", "generator"), ("opened", "generator"), ("filtered", "part"), ("drawing", "part")],
)
def test_only_what_a_picture_was_to_begin_with_makes_it_generated(action, kind):
    source = f"{signed.IPTC}trainedAlgorithmicMedia"
    manifest = metadata_credentials.Manifest("", "", ((f"c2pa.{action}", source, ""),))
    assert [row[0] for row in metadata._said(manifest) if row[2]] == [kind]


def test_what_did_not_hold_when_it_was_used_says_nothing(signed_jpeg):
    image = encode(picture(), "JPEG")
    changed = bytearray(signed_jpeg)
    changed[-20] ^= 1
    edited = signed.edit(image, "JPEG", ("parentOf", bytes(changed)))
    assert ingredients_say(edited) == []
    assert ingredients_say(signed.edit(image, "JPEG", ("parentOf", edited))) == []
    # Nor what was made from a manifest that was changed within another file.
    whole = signed.edit(image, "JPEG", ("parentOf", signed_jpeg))
    within = bytearray(whole)
    within[whole.find(b"trainedAlgo")] ^= 1
    assert ingredients_say(bytes(within)) == []
    assert ingredients_say(signed.edit(image, "JPEG", ("parentOf", bytes(within)))) == []
    # The file itself was changed: nothing it says of others counts.
    within = bytearray(whole)
    within[-20] ^= 1
    assert ingredients_say(bytes(within)) == []


def manifests(**made_from: list[dict]) -> dict:
    """A store whose first manifest is the file's; each bears its label as its program."""
    return {
        "validation_state": "Valid",
        "active_manifest": next(iter(made_from)),
        "manifests": {
            label: {"claim_generator": label, "ingredients": ingredients}
            for label, ingredients in made_from.items()
        },
    }


def of(label: str, relation: str = "parentOf", **more: object) -> dict:
    return {"active_manifest": label, "relationship": relation, **more}


def lineage(store: dict) -> list[tuple[str, str]]:
    found = metadata_credentials.summary(store)["manifests"]
    return [(metadata_credentials.RELATIONS[at], program) for at, program, _ in found]


def test_lineage_is_walked_once_and_the_closest_kin_counts():
    circle = manifests(a=[of("b"), of("a"), of("none")], b=[of("a"), of("b", "inputTo"), {}])
    assert lineage(circle) == [("", "a"), ("parentOf", "b")]
    # "d" is a part of what the file came from; it is also, by another way, what it came from.
    two_ways = manifests(a=[of("d", "inputTo"), of("b")], b=[of("c")], c=[of("d")], d=[])
    assert lineage(two_ways)[-1] == ("parentOf", "d")
    loosest = manifests(a=[of("b", "componentOf")], b=[of("c")], c=[of("d", "inputTo")], d=[])
    assert [relation for relation, _ in lineage(loosest)[1:]] == ["componentOf"] * 2 + ["inputTo"]
    without = manifests(a=[{"relationship": "parentOf"}], None_=[])
    without["manifests"]["None"] = without["manifests"].pop("None_")
    assert lineage(without) == [("", "a")]
    for strange in ("siblingOf", None, ["parentOf"], ""):
        assert lineage(manifests(a=[of("b", strange)], b=[])) == [("", "a")]


def test_lineage_is_bounded():
    long = manifests(**{f"m{i}": [of(f"m{i + 1}")] for i in range(1000)})
    assert len(lineage(long)) == metadata_credentials.MAX_MANIFESTS
    wide = manifests(a=[of("none")] * metadata_credentials.MAX_INGREDIENTS + [of("b")], b=[])
    assert lineage(wide) == [("", "a")]


def test_older_lists_of_what_was_checked():
    def statuses(*codes: str) -> dict:
        return manifests(a=[of("b", validation_status=[{"code": code} for code in codes])], b=[])

    fine = statuses("claimSignature.validated", "signingCredential.untrusted")
    assert lineage(fine) == [("", "a"), ("parentOf", "b")]
    for code in ("assertion.dataHash.mismatch", "claimSignature.missing", "unheardOf"):
        assert lineage(statuses("claimSignature.validated", code)) == [("", "a")], code


def test_an_action_behind_many_that_tell_nothing_new_is_read():
    edited = {"action": "c2pa.edited", "digitalSourceType": "humanEdits"}
    actions = [{"action": "c2pa.edited"}] * 50 + [edited] * 100
    actions += [{"action": "c2pa.created", "digitalSourceType": "trainedAlgorithmicMedia"}]
    store = manifests(a=[])
    store["manifests"]["a"]["assertions"] = [
        {"label": "c2pa.actions", "data": {"actions": actions}}
    ]
    ((_, _, found),) = metadata_credentials.summary(store)["manifests"]
    assert found == [
        ["c2pa.edited", "humanEdits", ""],
        ["c2pa.created", "trainedAlgorithmicMedia", ""],
    ]


def test_credentials_that_cannot_be_read(signed_jpeg):
    at = signed_jpeg.find(b"jumb")
    noise = random.Random(3).randbytes(200)
    cut = signed_jpeg[: at + 40] + noise + signed_jpeg[at + 240 :]
    assert list(said(cut)) == ["unreadable"]


def test_states_of_the_library():
    def failed(*codes: str) -> dict:
        failure = [{"code": code} for code in codes]
        results = {"activeManifest": {"failure": failure}}
        return {"validation_state": "Invalid", "validation_results": results}

    state_of = metadata_credentials.state_of
    assert state_of({"validation_state": "Trusted"}) == "trusted"
    assert state_of({"validation_state": "Valid"}) == "untrusted"
    assert state_of(failed("signingCredential.untrusted", "assertion.dataHash.mismatch")) == (
        "changed"
    )
    assert state_of(failed("signingCredential.expired")) == "invalid"
    assert state_of({}) == "invalid"
    assert metadata_credentials.summary({"manifests": [], "active_manifest": 5})["signer"] == ""


def test_no_server_is_asked():
    asked = []

    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/m.c2pa"
        data = signed.sign(encode(picture(), "JPEG"), "JPEG", remote=address)
        assert metadata.read(data).findings[0].label == "Content Credentials elsewhere"
        assert metadata_credentials.read("JPEG", data) is None
        ours = c2pa.Context.from_dict(metadata_credentials.SETTINGS)
        with pytest.raises(c2pa.C2paError):  # the settings alone, without the child's limits
            c2pa.Reader("image/jpeg", io.BytesIO(data), context=ours)
        assert asked == []
        with pytest.raises(c2pa.C2paError):  # the library's default: the watch works
            c2pa.Reader("image/jpeg", io.BytesIO(data))
        assert asked == ["/m.c2pa"]
        server.shutdown()


@pytest.mark.skipif(os.name != "posix", reason="only POSIX has these limits")
def test_confined_child_opens_no_file_and_no_connection_and_takes_no_gigabyte():
    code = """
import socket
from cifake_core.metadata_credentials import confine
confine()
for attempt in (lambda: open("/dev/null"), socket.socket, lambda: bytes(2**30)):
    try:
        attempt()
    except (OSError, MemoryError) as error:
        print(type(error).__name__)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(metadata.__file__).parents[1],
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["OSError", "OSError", "MemoryError"], done.stderr


GIVEN = '{"state": "trusted", "signer": "", "time": "", "manifests": [%s]}'


@pytest.mark.parametrize(
    "body",
    [
        "import os; os.abort()",
        "import time; time.sleep(60)",
        "print('[]')",
        f"print({GIVEN!r} % '[9, 0, []]')",
        f"print({GIVEN!r} % '[0, 0, [[0, 0]]]')",
        "print('5')",
        "print('{')",
        "print('[' * 100_000)",
        "1 / 0",
    ],
)
def test_child_that_fails_is_a_finding(body, tmp_path, monkeypatch, signed_jpeg):
    (tmp_path / "child.py").write_text(body)
    monkeypatch.setattr(metadata_credentials, "__file__", str(tmp_path / "child.py"))
    if "sleep" in body:
        monkeypatch.setattr(metadata_credentials, "WAIT_SECONDS", 1)
    assert list(said(signed_jpeg)) == ["unreadable"]
    # What took too long may be read at another time; what is damaged stays so.
    found = metadata.read(signed_jpeg)
    assert found.in_time == ("sleep" not in body)


def test_a_busy_machine_is_said_to_be_busy(monkeypatch, signed_jpeg):
    monkeypatch.setattr(metadata_credentials, "SECONDS", 0.01)
    with metadata_credentials._one:  # another visitor's file is being read
        found = metadata.read(signed_jpeg)
    assert not found.in_time
    assert "machine is busy" in found.findings[-1].value
    assert metadata.read(signed_jpeg).in_time


def test_library_is_loaded_in_the_child_alone():
    code = (
        "import sys; from cifake_core import metadata;"
        "data = sys.stdin.buffer.read(); assert metadata.read(data).findings;"
        "sys.exit('c2pa' in sys.modules)"
    )
    data = signed.sign(encode(picture(), "PNG"), "PNG")
    root = Path(metadata.__file__).parents[1]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, input=data).returncode == 0
