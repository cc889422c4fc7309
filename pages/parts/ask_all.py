"""Every model's answer to one image, side by side, and whether they agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from cifake_core import pipeline
from cifake_core.artifacts import Card
from cifake_core.calibration import Calibration, Verdict
from cifake_core.errors import ArtifactError
from cifake_core.pipeline import Analysis
from cifake_core.render import ANSWER_COLOURS
from pages.parts import engine
from pages.parts.words import ANSWER_WORDS, HEADLINES, SYMBOLS, listed, percent

UNSURE = Verdict.UNCERTAIN
SAYS = {verdict: words for verdict, words in ANSWER_WORDS.items() if verdict is not UNSURE}

# Few and narrow: on a phone what lies further right is out of sight.
COLUMNS = ("Answer", "Probability", "Unsure from … to")


@dataclass(frozen=True, slots=True)
class Answer:
    """What one model says; see :class:`cifake_core.pipeline.Analysis`."""

    verdict: Verdict
    p_fake: float
    in_domain: bool
    doubts: tuple[str, ...]


def disagreement(analysis: Analysis, data: bytes, chosen: pipeline.Detector) -> str | None:
    """A doubt, in a sentence, if all models are asked and one gives the opposite verdict."""
    if not st.session_state.get("ask_all") or analysis.verdict not in SAYS:
        return None
    answers = ask(engine.cards(), analysis, data)
    engine.keep(chosen.card.name)
    against = [
        name
        for name, answer in answers.items()
        if isinstance(answer, Answer) and answer.verdict not in (analysis.verdict, UNSURE)
    ]
    if not against:
        return None
    said = listed([f"`{name}`" for name in against])
    return f"The models disagree: {said} {'says' if len(against) == 1 else 'say'} the opposite."


def show(analysis: Analysis, data: bytes, chosen: pipeline.Detector) -> None:
    """A switch and, once it is on, the table of all answers; nothing is loaded before."""
    cards = engine.cards()
    if len(cards) < 2:
        return
    st.subheader("What do the other models say?", anchor=False)
    if not st.toggle("Ask all models", key="ask_all", persist_state="session"):
        return
    answers = ask(cards, analysis, data)
    engine.keep(chosen.card.name)
    good = {n: a for n, a in answers.items() if isinstance(a, Answer)}
    known = {n: a for n, a in good.items() if a.in_domain}
    st.markdown(f"**{agreement([a.verdict for a in good.values()], len(answers) - len(good))}**")
    if known:
        show_plot(known, cards)
    elif good:
        st.caption(
            "The image is not of the kind that the models judge, so none of them gives a "
            "probability to rely on."
        )
    show_table(answers, cards, chosen.card.name, analysis.verdict)
    reasons: dict[tuple[str, ...], list[str]] = {}
    for name, answer in good.items():
        if answer.verdict is UNSURE and answer.doubts != analysis.doubts:
            reasons.setdefault(answer.doubts, []).append(name)
    for doubts, names in reasons.items():
        st.caption(f":material/help: Why {listed(names)} can't tell: {' '.join(doubts)}")


def ask(
    cards: dict[str, Card | ArtifactError], analysis: Analysis, data: bytes
) -> dict[str, Answer | ArtifactError]:
    """Each model's answer, or what is wrong with the model."""
    answers: dict[str, Answer | ArtifactError] = {}
    for number, (name, card) in enumerate(cards.items(), 1):
        if isinstance(card, ArtifactError):
            answers[name] = card
            continue
        try:
            with st.spinner(f"Asking model {number} of {len(cards)} …"):
                answers[name] = _ask(analysis.opened.sha256, engine.key(card), name, analysis, data)
        except ArtifactError as error:
            answers[name] = error
    return answers


@st.cache_data(scope="session", max_entries=128, show_spinner=False)
def _ask(sha256: str, key: str, name: str, _analysis: Analysis, _data: bytes) -> Answer:
    """What the app says if this model is picked and the others are not asked."""
    model, opened = pipeline.load(name), _analysis.opened
    if opened.prepared.pixels.shape[0] == model.card.image_size:
        judged = model.with_stability(*model.judge([opened]))
    else:
        judged = pipeline.analyze(_data, model, thorough=True)
    return Answer(judged.verdict, judged.p_fake, judged.in_domain, judged.doubts)


def agreement(verdicts: Sequence[Verdict], failed: int = 0) -> str:
    """Whether the models agree, in a sentence or two."""
    count = Counter(verdicts)
    unsure, total = count[Verdict.UNCERTAIN], len(verdicts)
    tally = [
        f"{count[v]} {'says' if count[v] == 1 else 'say'} {w}" for v, w in SAYS.items() if count[v]
    ]
    tally += [f"{unsure} can't tell"] if unsure else []
    if not total:
        sentence = "No model could be asked."
    elif total == 1:
        sentence = f"Only one model could be asked: {ANSWER_WORDS[verdicts[0]]}."
    elif unsure == total:
        sentence = f"None of the {total} models can tell."
    elif len(count) == 1:
        sentence = f"All {total} models agree: {ANSWER_WORDS[verdicts[0]]}."
    elif count[Verdict.REAL] and count[Verdict.FAKE]:
        sentence = f"The models disagree: {', '.join(tally)}."
    else:
        sentence = f"Not all of the models are sure: {', '.join(tally)}."
    if failed and total:
        sentence += f" {failed} could not be asked."
    return sentence


def show_table(
    answers: dict[str, Answer | ArtifactError], cards, chosen: str, above: Verdict
) -> None:
    """``above`` is the verdict over the page, which hears of the other models, too."""
    rows = []
    for name, answer in answers.items():
        row = {"Model": f"**{name}**, picked" if name == chosen else name}
        if isinstance(answer, Answer):
            limits = cards[name].calibration
            said = HEADLINES[answer.verdict]
            if answer.verdict is UNSURE:
                said += f": {in_short(answer, limits)}"
            if name == chosen and answer.verdict is not above:
                said = f"by itself: {said}"
            values = (
                said,
                percent(answer.p_fake) if answer.in_domain else "–",
                f"{percent(limits.real_to)} to {percent(limits.fake_from)}",
            )
            row |= dict(zip(COLUMNS, values, strict=True))
        else:
            row |= dict.fromkeys(COLUMNS, "–") | {"Answer": f":material/error: {answer}"}
        rows.append(row)
    st.table(rows, border="horizontal", hide_index=True, alt="Every model's answer, a row each")
    st.caption(
        "Probability: of AI-generated. Last column: between which probabilities a model can't tell."
    )


def in_short(answer: Answer, limits: Calibration) -> str:
    """Why a model can't tell, in so few words that they fit beside it."""
    if not answer.in_domain:
        return "not its kind of image"
    if limits.verdict(answer.p_fake) is UNSURE:
        return "not sure enough"
    return "a tiny change turns it"


def show_plot(answers: dict[str, Answer], cards: dict[str, Card]) -> None:
    """A line for each model: its own zones of the three answers, and a mark at its p_fake."""
    from pages.parts import plots  # Plotly is not needed before
    from pages.parts.plots import go

    figure, names = go.Figure(), list(answers)[::-1]
    limits = [cards[n].calibration for n in names]
    zones = {
        Verdict.REAL: [c.real_to for c in limits],
        Verdict.UNCERTAIN: [c.fake_from - c.real_to for c in limits],
        Verdict.FAKE: [1 - c.fake_from for c in limits],
    }
    for verdict, widths in zones.items():
        figure.add_bar(
            x=widths,
            y=names,
            orientation="h",
            marker={"color": ANSWER_COLOURS[verdict.value]},
            opacity=0.3,
            showlegend=False,
            hoverinfo="skip",
        )
    for verdict in zones:
        mine = [n for n in names if answers[n].verdict is verdict]
        if mine:
            figure.add_scatter(
                x=[answers[n].p_fake for n in mine],
                y=mine,
                mode="markers+text",
                name=ANSWER_WORDS[verdict],
                text=[f"\u2002{percent(answers[n].p_fake)}\u2002" for n in mine],
                textfont={"size": 14, "color": plots.ink()},
                textposition=[
                    "middle left" if answers[n].p_fake > 0.5 else "middle right" for n in mine
                ],
                marker={
                    "color": ANSWER_COLOURS[verdict.value],
                    "symbol": SYMBOLS[verdict],
                    "size": 15,
                    "line": {"color": "white", "width": 2},
                },
                hovertemplate="%{y}: %{text}",
            )
    figure.update_layout(
        barmode="stack",
        bargap=0.35,
        height=110 + 42 * len(names),
        margin={"t": 10, "b": 0, "l": 0, "r": 24},
        legend={
            "orientation": "h",
            "traceorder": "normal",
            "itemclick": False,
            "y": 1.02,
            "yanchor": "bottom",
        },
        xaxis={
            "title": "probability of AI-generated",
            "tickformat": ".0%",
            "dtick": 0.25,
            "range": [-0.03, 1.03],
            "fixedrange": True,
            "showgrid": False,
            "zeroline": False,
        },
        yaxis={"fixedrange": True},
    )
    told = "; ".join(
        f"{n} {percent(a.p_fake)}, {ANSWER_WORDS[a.verdict]}" for n, a in answers.items()
    )
    plots.draw(figure, "all-answers", f"Probability of AI-generated by each model: {told}")
    st.caption(
        "Shaded: where each model says real (left), can't tell (middle) and AI-generated (right)."
    )
