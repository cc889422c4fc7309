"""What is asked of one image and what was found: the values of :mod:`cifake_core.pipeline`.

Those that hold arrays are equal to themselves alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cifake_core.calibration import Verdict
from cifake_core.explain import Heatmap, Method, checked
from cifake_core.labels import FAKE, REAL
from cifake_core.preprocess import Prepared
from cifake_core.stability import Stability


@dataclass(frozen=True, slots=True)
class Explain:
    """What heatmap is wanted; target None is the class the model leans to.

    Raises:
        ValueError: there is no such method (of that name), or the target is no label.
    """

    method: Method = Method.GRADCAM
    target: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "method", Method(self.method))
        if self.target is not None:
            checked(self.target)


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """One image, decoded and brought to a model's input; the full picture is not kept.

    Attributes:
        sha256: of the file's bytes.
        width, height: in pixels, as stored.
        notes: what happened while decoding.
        preview: (h, w, 3) uint8, at most PREVIEW_SIDE pixels a side, upright: to show to a person;
            a single pixel where none was wanted.
        turned: the file asks to be turned or mirrored. So is the preview, and nothing else.
    """

    sha256: str
    width: int
    height: int
    format: str
    notes: tuple[str, ...]
    preview: np.ndarray
    turned: bool
    prepared: Prepared


@dataclass(frozen=True, slots=True, eq=False)
class Analysis:
    """One image, judged.

    Attributes:
        p_fake: the model's calibrated probability of AI-generated. Calibrated for images like
            those it was trained on; for others it is the model's reading and no more.
        in_domain: False if the image was not of the model's size, or is unlike those it learned
            from (:mod:`cifake_core.domain`); the verdict is then uncertain.
        doubts: why the verdict is uncertain, a sentence each; empty if it is not.
        notes: what happened to the image on the way, a sentence each.
        heatmap: None unless asked for.
        stability: None unless asked for.
    """

    model: str
    verdict: Verdict
    p_fake: float
    logit: float
    in_domain: bool
    doubts: tuple[str, ...]
    notes: tuple[str, ...]
    opened: Opened
    heatmap: Heatmap | None = None
    stability: Stability | None = None

    @property
    def leans_to(self) -> int:
        """The likelier label, whatever the verdict."""
        return FAKE if self.p_fake >= 0.5 else REAL

    def as_dict(self) -> dict:
        """Plain values for JSON; no pixels and nothing of the file's name."""
        opened = self.opened
        return {
            "model": self.model,
            "verdict": self.verdict.value,
            "p_fake": round(self.p_fake, 6),
            "logit": round(self.logit, 5),
            "in_domain": self.in_domain,
            "stability": self.stability
            and {
                "kept": self.stability.kept,
                "of": self.stability.total,
                "reversed_by": list(self.stability.reversed),
            },
            "width": opened.width,
            "height": opened.height,
            "format": opened.format,
            "crop": list(opened.prepared.crop),
            "doubts": list(self.doubts),
            "notes": list(self.notes),
            "sha256": opened.sha256,
        }


def doubted(analysis: Analysis, doubt: str) -> Analysis:
    """The same analysis, uncertain for a reason (a sentence) that lies outside of it."""
    return replace(analysis, verdict=Verdict.UNCERTAIN, doubts=(*analysis.doubts, doubt))
