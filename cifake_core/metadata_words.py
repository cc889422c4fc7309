"""What a finding in an image file is worth, and how a stranger's words are made fit to show."""

from __future__ import annotations

import re
import unicodedata

MAX_VALUE = 400  # characters of a value that are kept

_FORGEABLE = "Anyone can remove or forge this."
# Of kinds that mean the same in a signed note and in one that is not.
SAID = {
    "part": "AI had a part in it. Editing programs write this into photographs that they retouch, "
    "so a photograph may well be under it.",
    "source": "How the picture was made, as whoever wrote the file says: chosen from a list of "
    "words, not measured.",
}
WORTH = {
    "generator": "Generators write this, and hardly anyone adds it to a photograph; but anyone can "
    "remove or forge it.",
    "part": f"{SAID['part']} {_FORGEABLE}",
    "camera": "A camera's name is easily written into any file; it makes a photograph likelier but "
    "proves nothing.",
    "date": "What a clock or a program wrote; it may be wrong, or changed later.",
    "software": "The program that saved the file; photographs and generated images pass through "
    f"the same ones. {_FORGEABLE}",
    "location": "Cameras and phones store where they are. For privacy it is not shown here. "
    + _FORGEABLE,
    "source": f"{SAID['source']} {_FORGEABLE}",
    "text": f"Some program or person wrote this into the file. {_FORGEABLE}",
    "unreadable": "Damaged or unusual; nothing follows from it.",
}
STATES = {
    "trusted": (
        "Signed by one on a trust list",
        "Signed, so a change afterwards would show, but only as trustworthy as the signer.",
    ),
    "untrusted": (
        "Signed and unchanged since, by an issuer not on a trust list (this app keeps none)",
        "Signed, so a change afterwards would show, but only as trustworthy as the signer, and "
        "anyone can sign under any name.",
    ),
    "changed": (
        "Signed, but changed since, or moved here from another file",
        "The signature does not fit this file, so believe none of what it says.",
    ),
    "invalid": (
        "Signed, but the signature does not hold",
        "What is not properly signed can be written by anyone; believe none of it.",
    ),
}

# Of metadata_credentials.RELATIONS: the label, and what else is to be said of the worth.
KIN = {
    "": ("source", ""),
    "parentOf": (
        "came from",
        "Whoever signed the file, or one it was made from, says that the picture was this before; "
        "it may have changed since.",
    ),
    "componentOf": (
        "contains",
        "Whoever signed the file, or one it was made from, says that this is a part of it; the "
        "rest may be of any kind.",
    ),
    "inputTo": (
        "made using",
        "Whoever signed the file, or one it was made from, says that this was used to make it, "
        "which need not show in it.",
    ),
}


def clean(text: str) -> str:
    """One line of at most MAX_VALUE characters, its middle left out, with nothing invisible in it.

    Control characters, those that turn the direction of writing, and marks piled on a letter go.
    """
    text = text[: 8 * MAX_VALUE] if len(text) < 8 * MAX_VALUE else _ends(text, 4 * MAX_VALUE)
    kept = (" " if unicodedata.category(c)[0] in "CZ" else c for c in text)
    line = re.sub(r"\s+", " ", "".join(kept)).strip()
    line = "".join(
        c for i, c in enumerate(line) if not (unicodedata.combining(c) and _piled(line, i))
    )
    if not line.strip(" …"):
        return ""
    return line if len(line) <= MAX_VALUE else _ends(line, MAX_VALUE)


def _piled(line: str, at: int) -> bool:
    return at >= 2 and all(unicodedata.combining(c) for c in line[at - 2 : at])


def _ends(text: str, most: int) -> str:
    """The first two thirds and the last third: settings stand at the end of a prompt."""
    return f"{text[: 2 * most // 3 - 3]} … {text[-most // 3 :]}"
