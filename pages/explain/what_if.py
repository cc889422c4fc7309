"""What if the image were changed: the verdict before and after, and where it flips."""

from __future__ import annotations

import streamlit as st

from pages.parts import engine, picker, sources, what_if

HELP = """
- **Changed** is the same image after one change, and the covered part on top if you want one. The
  model gets exactly the pixels that you see.
- **The curve** shows the probability of AI-generated for every strength on the slider. Signs
  at the top mark where the answer becomes another one: the curve crosses into another shaded zone,
  or the image stops or starts to be like those of CIFAKE.
- **Hollow marks** are strengths at which the app says “can't tell”, however sure the number sounds:
  the change has made the image unlike everything the model has learned from.
- **A flip is no crime.** If the picture can hardly be recognised any more, another answer is
  fair. Look out for flips where you see no difference: there the model stands on thin ice.
- **JPEG has a memory.** All images of CIFAKE were saved at quality 75 before. Saving one again near
  75 changes it less than at 90, so the curve need not run steadily.
- **“Can't tell”** is the honest answer to a spoiled image. A model that says “real” to whatever is
  blurred has not learned what real is: it looks for fine texture, and blur takes that away.
- **The two heatmaps** share one scale. If the second is darker, that evidence has faded. Dark
  places hold no evidence for the answer, or evidence for the other one.
- **The raw score** is the model's number before it is made a probability, turned so that it grows
  with *AI-generated*.
  Where the model is very sure, a change hardly moves the probability, but the score shows it.
- **Is the heatmap right?** If its brightest spot matters, covering it should move the score more
  than covering a random spot of the same size. A covered image mostly gets “can't tell”, as none of
  CIFAKE looks like that: here the score is what to watch, with “Nothing” changed otherwise.
- **Percentages are readings, not verdicts to use.** The app notices for most changes, not for all,
  that an image has become a strange one. The number is what the model says, and no more.
"""

st.title("What if?", anchor=False)
st.markdown(
    "Change an image a little or a lot, cover a part of it, and watch what becomes of the model's "
    "answer."
)
detector = engine.detector(picker.choose())
if result := sources.analysed(detector):
    what_if.show(result, detector)
with st.expander("How to read this"):
    st.markdown(HELP)
