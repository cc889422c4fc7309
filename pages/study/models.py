"""The models side by side: what each reaches on the test images, at which price, and where."""

from __future__ import annotations

import streamlit as st

from cifake_core import catalogue
from cifake_core.artifacts import Card
from cifake_core.catalogue import dig
from pages.parts import evidence
from pages.parts import model_limits as limits
from pages.parts import model_training as training
from pages.parts import model_trials as trials
from pages.parts import model_views as views
from pages.parts.evidence import Measured
from pages.parts.model_views import Models, interval, said

VIEWS = {
    "Curves": views.show_curves,
    "Threshold": views.show_threshold,
    "Confidence": views.show_confidence,
    "Promise": limits.show_promise,
    "Limits": limits.show_limits,
    "Stress": trials.show_stress,
    "Classes": trials.show_classes,
    "Cost": trials.show_cost,
    "Training": training.show_training,
}


FAR_FROM_TRUTH = (
    ("ece_p_fake", "ECE of the probability"),
    ("ece", "ECE of confidence"),
    ("brier", "Brier score"),
    ("nll", "NLL"),
)


def show_results(models: Models) -> None:
    tests = [dig(m.evidence, "test") for m in models]
    official = [dig(t, "official") for t in tests]
    leak_free = [dig(t, "leak_free") for t in tests]
    tried = [dig(m.evidence, "thorough") for m in models]
    costs = [dig(m.evidence, "cost") for m in models]
    sizes = [catalogue.size(m.card) for m in models]
    seeds = [dig(m.evidence, "seeds") for m in models]

    def row(of: list, path: tuple[str, ...], form: str) -> list[str]:
        return [said(dig(figures, *path), form) for figures in of]

    table = {
        f"Accuracy, all {count(official)} test images": row(official, ("accuracy",), ".2%"),
        "… its 95% interval": [interval(f) for f in official],
        f"Accuracy, the {count(leak_free)} that do not leak": row(leak_free, ("accuracy",), ".2%"),
        "… its 95% interval ": [interval(f) for f in leak_free],
        "AUROC": row(official, ("auroc",), ".4f"),
        "Average precision": row(official, ("average_precision",), ".4f"),
        "F1, AI-generated": row(official, ("fake", "f1"), ".4f"),
        "F1, real": row(official, ("real", "f1"), ".4f"),
        "ECE (calibration error) of the probability": row(official, ("ece_p_fake",), ".4f"),
        "ECE of confidence": row(official, ("ece",), ".4f"),
        "Answered, not “can't tell”": row(official, ("with_gate", "answered_share"), ".1%"),
        "Accuracy when answered": [catalogue.accuracy_answered(f, "–") for f in official],
        "Parameters": [
            said(dig(c, "parameters") or m.card.raw.get("parameters"), ",")
            for c, m in zip(costs, models, strict=True)
        ],
        "Size of all its files": [said(s and s / 1e6, ".1f") + (" MB" if s else "") for s in sizes],
        "Time for one image": [
            said(ms := dig(c, "ms_per_image"), ".2f") + (" ms" if ms else "") for c in costs
        ],
        "Runs trained": [catalogue.runs(s) if s else "–" for s in seeds],
    }
    more = {
        **{
            f"{key.capitalize()}, {word}": row(official, (label, key), ".4f")
            for label, word in (("fake", "AI-generated"), ("real", "real"))
            for key in ("precision", "recall")
        },
        **{
            f"{word}{when}": row(official, (*path, key), ".4f")
            for key, word in FAR_FROM_TRUTH
            for when, path in (("", ()), (" before calibration", ("before_calibration",)))
        },
        "Stored in": [stored(m) for m in models],
        "Accuracy before calibration": row(official, ("before_calibration", "accuracy"), ".2%"),
        "Answers turned round by a tiny change": [
            said(dig(t, "reversed", "share"), ".2%")
            + (f" of {n:,}" if (n := dig(t, "reversed", "n")) else "")
            for t in tried
        ],
    }
    show_table(table, models, "Results on the test images, a column for each model")
    with st.expander("More figures"):
        show_table(more, models, "More results on the test images, a column for each model")
    with st.expander("What each model is, and how it was trained"):
        st.caption("\n".join(f"- {about(m)}" for m in models))


def show_table(rows: dict[str, list[str]], models: Models, alt: str) -> None:
    st.table(
        {"Figure": list(rows)}
        | {m.name: [cells[i] for cells in rows.values()] for i, m in enumerate(models)},
        border="horizontal",
        hide_index=True,
        alt=alt,
    )


def stored(m: Measured) -> str:
    """The precision of the files, and what half of it does to the verdicts on validation."""
    found = {k: dig(m.card.raw, "storage", k) for k in ("dtype", "verdicts_changed", "of")}
    if None in found.values():
        return "–"
    word = "changed" if found["dtype"] == "float16" else "float16 would change"
    return (
        f"{found['dtype']}; {word} {found['verdicts_changed']} of {found['of']:,} verdicts when "
        "it was exported"
    )


def about(m: Measured) -> str:
    note = dig(m.card.raw, "training", "note")
    return f"**{m.card.title}**" + (f". How it was trained: {note}" if note else "")


def count(figures: list[dict | None]) -> str:
    return next((f"{n:,}" for f in figures if isinstance(n := dig(f, "n"), int)), "")


st.title("The models", anchor=False)
st.markdown(
    "Compare the models that ship with this program: how often each is right, how sure it may be, "
    "what it takes to confuse it, and what it costs."
)
found = catalogue.cards("cifake")
for error in (c for c in found.values() if not isinstance(c, Card)):
    st.warning(str(error), icon=":material/warning:")
models = sorted(
    (evidence.measured(c) for c in found.values() if isinstance(c, Card)),
    key=lambda m: dig(m.evidence, "test", "official", "accuracy") or 0,
    reverse=True,
)
if not models:
    st.error(
        "There is no model that can be used. `python -m train.train --recipe lens` trains one, and "
        "`python -m train.evaluate --model lens --run runs/lens-seed1` makes it ready."
    )
else:
    if len(names := [m.name for m in models]) > 1:
        picked = st.pills(
            "Compare",
            names,
            selection_mode="multi",
            default=names,
            help="Fewer fit a narrow screen better. With none picked, all are shown.",
            key=f"compare {' '.join(names)}",
        )
        models = [m for m in models if m.name in picked] or models
    show_results(models)
    if promised := views.guarantee(models):
        st.markdown(f"**What an answer promises.** {promised}")
    if old := [m for m in models if m.problem]:
        st.info(
            f"In assets/evidence/, {'; '.join(m.problem for m in old)}, so the figures are those "
            f"of the model's card. {views.command(old)} measures again (it needs the data set).",
            icon=":material/info:",
        )
    view = st.segmented_control(
        *("Look closer", list(VIEWS)),
        default="Curves",
        required=True,
        key="view",
        persist_state="session",
    )
    VIEWS[view](models)
    if view == "Training":
        training.show_ablations()
with st.expander("How to read this"):
    st.markdown(
        """
- **Accuracy** is the share of test images called right, by the likelier side. Its **interval**
  says how far chance may have moved it: with other test images of the same kind it would be a
  little higher or lower, and ranges made in this way hold the true value in 95 of 100 cases. It
  says nothing of how the same model would turn out if it were trained again.
- Some **test images leak**: identical copies are among the training images, so a model may simply
  remember them. The rows of images “that do not leak” leave them out; those that are
  nearly the same stay in (“The data set” counts them).
- **Precision**: of the images called AI-generated, how many are. **Recall**: of the AI-generated
  images, how many are found. **F1** is a mean of the two that is low if either is.
- A **ROC curve** tries every threshold from strict to bold and draws what is found against what is
  wrongly accused. **AUROC**, the area under it, is the chance that an AI-generated image gets a
  higher probability than a photograph: 0.5 is a coin flip, 1 is perfect. **Average precision** is
  the area under the other curve.
- A probability can be **taken at its word** if of all images with 80% about 80 of 100 are
  AI-generated. No model manages that everywhere; the view “Confidence” shows where each is
  off. **ECE** is how far it is off on average, 0 is best. That **of the
  probability** sorts the images by that of AI-generated, the number that the pages show. That **of
  confidence**, which others mostly report, sorts them by how sure the model is of the likelier
  side, and asks how often it is right: a model that leans to one side can look better there, as
  gaps on the two sides make up for each other. **Brier score** and **NLL** punish every
  probability for its distance from the truth, NLL very hard where it was sure and wrong; 0 is best.
- **Calibration** stretches the model's raw score and shifts the point at which it is undecided,
  which is why accuracy changes with it. It and the thresholds were chosen on validation images,
  never on test images. A model calibrated on damaged images finds more of those; of
  unchanged ones its probabilities lean to one side in the middle; the view “Confidence” says how
  far.
- **Turned round by a tiny change**: the page also says “can't tell” if a change that means nothing
  to a person would turn the verdict into its opposite. Test images drawn at random were tried.
- **Promise**: the two thresholds are set so that a wrong verdict is rare for each kind of image by
  itself. A model that knows little has to say “can't tell” more often to keep the same promise.
- **Limits**: the promise is about images like those of CIFAKE. A large picture, reduced, looks
  much the same to a person and is something else to a model. A gate turns most strange images
  away; what it lets through by mistake is in the table.
- **Stress**: pictures get saved, sent, shrunk and blurred on their way. Here test images, all or
  some drawn at random, were changed in one way, and the models had to answer again, with nothing
  adapted. Counted is the likelier side; in this app many such images get “can't tell” instead.
- Figures are read from files that `python -m train.evaluate`, `train.outside` and `train.ablation`
  wrote.
- A **parameter** is a number that training adjusts. The **files** of a model are its weights, the
  graph that gives the verdicts and the gate; weights and graph mostly hold the same numbers twice.
"""
    )
