"""What an image file says about itself, beside its pixels.

It is never part of a verdict: anyone can write, change or remove it, and most sites strip it.
What is absent is therefore unknown, not "no". Positions, names of people and serial numbers are not
read out, because this is shown on projectors.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from cifake_core import metadata_credentials as credentials
from cifake_core.containers import kind_of
from cifake_core.errors import ImageError
from cifake_core.limits import MAX_BYTES
from cifake_core.metadata_blocks import MAX_BLOCKS, MAX_TEXT, Block, blocks
from cifake_core.metadata_tags import comment_of, read_exif, read_xmp, text_of
from cifake_core.metadata_traces import ai_kind, credit_kind, gist, source_type, trace
from cifake_core.metadata_words import KIN, SAID, STATES, WORTH, clean

MAX_FINDINGS = 24
MAX_OF_A_KIND = 6

NOT_IN_TIME = (
    "The Content Credentials were not read in time, as the machine is busy: try again in a while"
)
# The questions that a file may answer.
QUESTIONS = ("generator", "credentials", "camera", "date", "software")
KINDS = ("generator", "part", "credentials", "broken", "camera", "date", "software", "source")
KINDS += ("location", "text", "unreadable")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing the file says.

    Attributes:
        kind: one of KINDS.
        label: what it is, in our words.
        value: what the file says, cleaned of control characters and shortened; still a stranger's
            words, so show it as plain text only.
        worth: how far to believe it, a sentence or two.
    """

    kind: str
    label: str
    value: str
    worth: str


@dataclass(frozen=True, slots=True)
class Metadata:
    """The findings, in the order of KINDS; not ``in_time``: another try may find more."""

    findings: tuple[Finding, ...] = ()
    in_time: bool = True

    @property
    def unknown(self) -> tuple[str, ...]:
        """Those of QUESTIONS that the file does not answer."""
        known = {finding.kind for finding in self.findings}
        if "broken" in known:  # Content Credentials that are of no worth are there all the same
            known.add("credentials")
        return tuple(question for question in QUESTIONS if question not in known)

    def as_dict(self) -> dict:
        """Plain values for JSON; a question without an answer is "unknown"."""
        return {
            **dict.fromkeys(self.unknown, "unknown"),
            "findings": [asdict(finding) for finding in self.findings],
        }


def read(data: bytes) -> Metadata:
    """Read an encoded image's metadata; from bytes that are no image, none.

    Never raises: what cannot be read is a finding. Writes nothing and asks no server. Content
    Credentials are read in a child process, which takes about 0.1 s.
    """
    found = _Found()
    try:
        kind = kind_of(data[:1024])
    except ImageError:
        return Metadata()
    if len(data) > MAX_BYTES:
        found.unreadable("The file is larger than can be read here")
        return found.metadata()
    try:
        for number, block in enumerate(blocks(kind, data)):
            if number == MAX_BLOCKS:
                found.unreadable("More blocks than are read here")
                break
            found.block(block)
    except Exception:  # hostile bytes: whatever breaks, what was found before it counts
        found.unreadable("The file's structure is damaged")
    if found.signed:
        try:
            found.credentials(credentials.read(kind, data))
        except credentials.NotInTimeError:
            found.late = True
            found.add("unreadable", "Not read yet", NOT_IN_TIME, "This says nothing of the file.")
    return found.metadata()


class _Found:
    """Collects findings; each method takes one kind of block."""

    def __init__(self) -> None:
        self.findings: dict[Finding, None] = {}  # a set that keeps its order
        self.signed = self.late = False

    def metadata(self) -> Metadata:
        place: Counter[str] = Counter()
        turns = []
        for finding in self.findings:
            turns.append((place[finding.kind], KINDS.index(finding.kind), finding))
            place[finding.kind] += 1
        # One of each kind before a second of any: no question that is answered reads "unknown".
        kept = sorted(turns, key=lambda turn: turn[:2])[:MAX_FINDINGS]
        kept.sort(key=lambda turn: (turn[1], turn[0]))
        return Metadata(tuple(finding for _, _, finding in kept), in_time=not self.late)

    def add(self, kind: str, label: str, value: str, worth: str | None = None) -> None:
        value = clean(value)
        if value and sum(finding.kind == kind for finding in self.findings) < MAX_OF_A_KIND:
            self.findings[Finding(kind, label, value, worth or WORTH[kind])] = None

    def unreadable(self, what: str) -> None:
        self.add("unreadable", "Not readable", what)

    def block(self, block: Block) -> None:
        if block.kind == "credentials":
            self.signed = True
        elif block.kind == "exif":
            self.exif(block.body)
        else:
            try:
                text = block.text()
            except (zlib.error, ValueError):
                self.unreadable("A text that is packed is damaged")
                return
            if block.kind == "xmp":
                self.xmp(text)
            else:
                self.text("text in the file", block.keyword, _decoded(text))

    def exif(self, body: bytes) -> None:
        exif = read_exif(body)
        texts = {name: text_of(raw).strip() for name, raw in exif.items() if name != "xmp"}
        self.camera("EXIF", texts.get("make", ""), texts.get("model", ""), texts.get("lens", ""))
        self.date("Taken (EXIF)", texts.get("taken", ""))
        self.date("Last changed (EXIF)", texts.get("changed", ""))
        self.program("Software (EXIF)", texts.get("software", ""))
        self.text("EXIF", "", texts.get("description", ""))
        self.text("EXIF", "", comment_of(exif.get("comment", b"")))
        windows = exif.get("windows comment", b"").decode("utf-16-le", "replace")
        self.text("EXIF", "", windows.split("\0", 1)[0])
        if exif.location:
            self.add("location", "Location (EXIF)", "A location is stored")
        if exif.damaged:
            self.unreadable("Part of the EXIF block is damaged")
        if "xmp" in exif:
            self.xmp(exif["xmp"])
        self.signed |= "credentials" in exif

    def xmp(self, packet: bytes) -> None:
        wanted = {"CreatorTool", "softwareAgent", "Credit", "DigitalSourceType", "Make", "Model"}
        wanted |= {"Lens", "LensModel", "CreateDate", "DateTimeOriginal", "UserComment", "AIGC"}
        wanted |= {"GPSLatitude", "provenance", "description", *_IPTC_AI}
        pairs, whole = read_xmp(packet, wanted)
        first = dict(reversed(pairs))
        lens = first.get("LensModel") or first.get("Lens", "")
        self.camera("XMP", first.get("Make", ""), first.get("Model", ""), lens)
        self.date("Taken (XMP)", first.get("DateTimeOriginal", ""))
        self.date("Created (XMP)", first.get("CreateDate", ""))
        for name, value in pairs:
            if name in ("CreatorTool", "softwareAgent"):
                self.program("Software (XMP)", value)
            elif name == "Credit" and (kind := credit_kind(value)):  # else the name of a person
                self.add(kind, "Credit (XMP)", value)
            elif name == "DigitalSourceType":
                kind, words = source_type(value)
                self.add(kind, "Digital source type (XMP)", words)
            elif name in _IPTC_AI:
                self.add("generator", _IPTC_AI[name], value)
            elif name == "description":
                self.text("XMP", "", value)
            elif name in ("UserComment", "AIGC"):
                self.text("XMP", name, value)
            elif name == "GPSLatitude":
                self.add("location", "Location (XMP)", "A location is stored")
            elif name == "provenance" and value.startswith("http"):
                self.add(
                    "credentials",
                    "Content Credentials elsewhere",
                    "On a server that this file names",
                    "No server is asked here, so what they say is unknown.",
                )
        if not whole:
            self.unreadable(
                "Part of the XMP block is damaged, not allowed or more than is read here"
            )

    def camera(self, where: str, make: str, model: str, lens: str) -> None:
        for text in (make, model):  # ComfyUI writes its WEBP files' workflow there
            if trace("", text):
                self.text(where, "", text)
                return
        name = model if model.lower().startswith(make.lower()) else f"{make} {model}"
        if kind := ai_kind(name):
            self.add(kind, f"Camera name ({where})", name)
        elif name.strip():
            self.add("camera", f"Camera ({where})", name + (f", lens {lens}" if lens else ""))

    def date(self, label: str, value: str) -> None:
        if any(digit in value for digit in "123456789"):  # 0000:00:00 is a date that is not set
            self.add("date", label, value)

    def program(self, label: str, value: str) -> None:
        self.add(ai_kind(value, program=True) or "software", label, value)

    def text(self, where: str, keyword: str, value: str) -> None:
        """A text of whatever content; ``keyword`` is its name in the file."""
        word = keyword.strip().lower()
        if label := trace(keyword, value):
            self.add("generator", label, gist(value))
        elif word == "software":
            self.program(f"Software ({where})", value)
        elif word == "source" and (kind := ai_kind(value)):  # NovelAI's; else a camera, a place
            self.add(kind, f"Source ({where})", value)
        elif word == "creation time":
            self.date(f"Created ({where})", value)
        elif value.strip() and not _NOT_SHOWN.match(word):
            named = f"{keyword}: {value}" if word not in ("", "comment", "usercomment") else value
            self.add("text", f"Note ({where})", named)

    def credentials(self, found: credentials.Credentials | None) -> None:
        label = "Content Credentials"
        if found is None or found.state not in STATES:
            self.unreadable("The Content Credentials are damaged, or of a kind not read here")
            return
        state, worth = STATES[found.state]
        # Only an intact signature lets them answer for more than themselves.
        intact = found.state in ("trusted", "untrusted")
        own = "credentials" if intact else "broken"
        self.add(own, f"{label}: signature", state, worth)
        self.add(own, f"{label}: signer", f"{found.signer} {found.time}", worth)
        for manifest in found.manifests:
            for kind, what, value, about in _said(manifest):
                kind = kind if intact else own
                of_it = " ".join(filter(None, (SAID.get(kind), about, worth)))
                self.add(kind, f"{label}: {what}", value, of_it)


def _said(manifest: credentials.Manifest) -> Iterator[tuple[str, str, str, str]]:
    """Kind of finding, label, value and what else its worth is, for what a manifest says."""
    what, about = KIN[manifest.relation]
    in_part = manifest.relation in ("componentOf", "inputTo")
    kind = ai_kind(manifest.generator, program=True)
    if not manifest.relation:
        yield kind or "credentials", "written by", manifest.generator, ""
    elif kind:
        yield "part" if in_part else kind, what, f"a file written by {manifest.generator}", about
    for action, address, program in manifest.actions:
        kind, words = source_type(address)
        if kind == "generator" and (in_part or action not in _OF_THE_WHOLE):
            kind = "part"
        value = f"{action.removeprefix('c2pa.')}: {words}" + (program and f" ({program})")
        yield kind, what, value, about


# Actions of Content Credentials that tell what a picture was to begin with; others change one.
_OF_THE_WHOLE = ("c2pa.created", "c2pa.opened")
# Properties of IPTC Photo Metadata 2025.1
_IPTC_AI = {"AIPromptInformation": "AI prompt (XMP)", "AISystemUsed": "AI system (XMP)"}
# What other programs copy into texts, and what names people.
_NOT_SHOWN = re.compile(
    r"author|artist|copyright|by-?line|owner|email|date:|exif:|xmp:|icc:|thumb::|raw profile"
)


def _decoded(raw: bytes) -> str:
    """A PNG's or GIF's text: Latin-1 by the book, UTF-8 by what generators write."""
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        if error.start >= MAX_TEXT - 4:  # the cut went through a letter
            return raw[: error.start].decode()
        return raw.decode("latin-1")
