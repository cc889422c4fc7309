"""What image generators leave in a file's texts, and how to name it.

Sources: the programs' own writers (AUTOMATIC1111 `modules/images.py`, ComfyUI `nodes.py`, InvokeAI,
Fooocus, SwarmUI, NovelAI, Midjourney), IPTC's Digital Source Type vocabulary
(https://cv.iptc.org/newscodes/digitalsourcetype/) and China's GB 45438-2025 (AIGC).
"""

from __future__ import annotations

import json
import re

_KEYWORDS = {
    "parameters": "Generation settings, as AUTOMATIC1111 and others write them",
    "workflow": "ComfyUI workflow",
    "prompt": "Prompt",
    "negative_prompt": "Negative prompt",
    "negative prompt": "Negative prompt",
    "invokeai_metadata": "InvokeAI settings",
    "invokeai_graph": "InvokeAI graph",
    "invokeai_workflow": "InvokeAI workflow",
    "sd-metadata": "InvokeAI settings",
    "dream": "InvokeAI prompt",
    "fooocus_scheme": "Fooocus settings",
    "generation_data": "Generation settings",
    "aigc": "Label of AI-generated content (AIGC)",
}
MAX_SEARCHED = 20_000  # characters, for the patterns' sake
# Of texts that any program may write: only what no caption of a photograph would hold.
_PATTERNS = (
    (re.compile(r"\"class_type\"\s{0,9}:|^(?:prompt|workflow):\s{0,9}\{"), "ComfyUI workflow"),
    (re.compile(r"\"sui_image_params\""), "SwarmUI settings"),
    (
        re.compile(r"\bSteps: \d{1,4}, .{0,200}?(?:Sampler|CFG scale|Seed): "),
        _KEYWORDS["parameters"],
    ),
    (re.compile(r"\"sampler(?:_name)?\"\s{0,9}:\s{0,9}\"|\"cfg_?scale\""), "Generation settings"),
    (re.compile(r"\bJob ID: [0-9a-f]{8}-|\s--(?:v|niji|ar|stylize) [\d.:]+"), "Midjourney prompt"),
    (re.compile(r"\"AIGC\"|\"ContentProducer\""), _KEYWORDS["aigc"]),
)
# Names that nothing and nobody else has; for other words see _WHOLE.
_NAMES = re.compile(
    r"\b(?:stable[ _-]?(?:diffusion|cascade)|sdxl|automatic1111|comfyui|invokeai|novelai|midjourney"
    r"|fooocus|swarmui|dall[·.e -]{1,3}\d?|adobe firefly|firefly (?:image|video)|openai|chatgpt"
    r"|gpt-?image|gpt-?4o|google (?:imagen|imagefx)|google[ -]gemini|google ai"
    r"|made with ai|flux[. -]?[12]|ideogram[. ]ai|leonardo[. ]ai|bing image creator"
    r"|microsoft designer|stability ?ai|nightcafe|craiyon|dreamstudio|recraft|seedream|jimeng"
    r"|nano banana|xai grok|qwen[ _-]?image|kandinsky[ -]\d\.\d|tencent hunyuan"
    r"|hunyuan[ _-]?(?:dit|image|video)|kling ?ai|krea[. ]ai|playground[ _-]v\d|runway ?ml"
    r"|pixart[ _-]?(?:alpha|sigma|delta|\u03b1|\u03c3|\u03b4)|hugging ?face diffusers)(?![a-z])",
    re.IGNORECASE,
)
# Words that name people and things as well, where they, perhaps with a version, are the whole
# name of a program. PixArt is not among them: it makes sensors of cameras.
_WHOLE = re.compile(
    r"imagefx|imagen[ -]\d(?:\.\d)?"
    r"|(?:gemini|grok|sora|reve(?: image)?|kling|krea|hunyuan|kandinsky|diffusers|ideogram"
    r"|draw things)(?:[ /-]v?\d[\w. -]{0,30})?",
    re.IGNORECASE,
)
# Credits that editing programs give themselves in photographs, too.
_EDITED = re.compile(
    r"\b(?:edited|modified|enhanced) (?:with|using|by) (?:google |generative )?ai\b"
    r"|\bapple photos clean up\b",
    re.IGNORECASE,
)

_AI, _PART, _STATED = "generator", "part", "source"
# Names of Digital Source Types, lower-case: kind of finding and words. Only those of generative
# models are about generators; the others are what someone chose from a list.
SOURCE_TYPES: dict[str, tuple[str, str]] = {
    "trainedalgorithmicmedia": (_AI, "made by a generative model"),
    "trainedalgorithmicdata": (_AI, "data made by a generative model"),
    "compositewithtrainedalgorithmicmedia": (_PART, "edited with a generative model"),
    "compositesynthetic": (_PART, "put together, with synthetic parts"),
    "algorithmicmedia": (_STATED, "made by an algorithm that was not trained on images"),
    "algorithmicallyenhanced": (_STATED, "enhanced by an algorithm"),
    "composite": (_STATED, "put together from several images"),
    "compositecapture": (_STATED, "put together from several photographs"),
    "datadrivenmedia": (_STATED, "drawn from data"),
    "digitalart": (_STATED, "drawn by a person with digital tools"),
    "digitalcreation": (_STATED, "made by a person with digital tools"),
    "softwareimage": (_STATED, "made with a program"),
    "empty": (_STATED, "begun as an empty picture"),  # C2PA's, not IPTC's
    "humanedits": (_STATED, "edited by a person"),
    "minorhumanedits": (_STATED, "edited a little by a person"),
    "screencapture": (_STATED, "a picture of a screen"),
    "virtualrecording": (_STATED, "recorded in a virtual scene"),
    "computationalcapture": (_STATED, "taken by a camera that computes the picture"),
    "digitalcapture": (_STATED, "taken by a digital camera"),
    "negativefilm": (_STATED, "digitised from film"),
    "positivefilm": (_STATED, "digitised from film"),
    "print": (_STATED, "digitised from a print"),
}


def source_type(address: str) -> tuple[str, str]:
    """Kind of finding and words for a Digital Source Type; the raw word where it is not known."""
    word = address.rstrip("/").rpartition("/")[2]
    return SOURCE_TYPES.get(word.lower(), (_STATED, word))


def ai_kind(name: str, program: bool = False) -> str | None:
    """Kind of finding for a name or a credit, if it says that AI was at work.

    Args:
        program: the field is one for names of programs, so that a bare "Gemini" is one.
    """
    name = name[:500]
    rest = _EDITED.sub("", name)
    if _NAMES.search(rest) or (program and _WHOLE.fullmatch(name.strip())):
        return _AI
    return _PART if rest != name else None


def trace(keyword: str, text: str) -> str | None:
    """What kind of a generator's text this is; None if it is nothing known.

    Args:
        keyword: the text's name in the file, "" where the place has none.
    """
    found = _KEYWORDS.get(keyword.strip().lower())
    if found in (None, "Prompt", _KEYWORDS["parameters"]):
        for pattern, label in _PATTERNS:
            if pattern.search(text, 0, MAX_SEARCHED):
                return label
    return found


_NODE = re.compile(r"\"(?:class_type|type)\"\s{0,9}:\s{0,9}\"([\w .()/|+-]{1,60})\"")
_MODEL = re.compile(r"\"(?:ckpt_name|unet_name|model_name)\"\s{0,9}:\s{0,9}\"([^\"]{1,120})\"")
_SAMPLER = re.compile(r"\"sampler(?:_name)?\"\s{0,9}:\s{0,9}\"([\w+. -]{1,60})\"")
_TEXT = re.compile(r"\"text\"\s{0,9}:\s{0,9}(\"(?:[^\"\\]|\\.){1,300}\")")


def gist(text: str) -> str:
    """A workflow's text, models, sampler and steps, which JSON would hide; else the text."""
    nodes = list(dict.fromkeys(_NODE.findall(text)))
    if not nodes or ("class_type" not in text and '"nodes"' not in text):
        return text
    models = list(dict.fromkeys(_MODEL.findall(text)))[:3]
    first, sampler = _TEXT.search(text), _SAMPLER.search(text)
    return "; ".join(
        [
            # Whether it is what was wanted or what was not is in the nodes' wiring.
            *([f"first text “{_unquoted(first[1])}”"] if first else []),
            *(f"model {name}" for name in models),
            *([f"sampler {sampler[1]}"] if sampler else []),
            "steps: " + ", ".join(nodes[:8]) + (" …" if len(nodes) > 8 else ""),
        ]
    )


def _unquoted(literal: str) -> str:
    try:
        return " ".join(json.loads(literal, strict=False).split())
    except ValueError:  # a wrong escape
        return literal[1:-1]
