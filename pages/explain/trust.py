"""Can you believe a heatmap? How often each method was right, and what it shows of nothing."""

from __future__ import annotations

import streamlit as st

from pages.parts import engine, picker, sources, trust, trust_views

HELP = """
- A heatmap is a claim: *this is where the model found its evidence*. A pretty picture proves
  nothing, so each method was put to three tests on images that no model was trained on.
- **Dark** places of a map hold no evidence for the answer, or evidence for the other one. Only
  SmoothGrad means by it that the place hardly matters.
- **Planted patch.** A piece of an AI-generated image was pasted into a photograph, or the other
  way round. So it is known where the new evidence is. A **hit** means that the strongest spot of
  the heatmap lies in the patch. Those images count most in which the patch turned the model's
  answer: there it must have been looked at. Somebody who points at random, or always at the middle,
  hits now and then, too; a method has to beat both.
- **Deletion and insertion.** The pixels that the heatmap calls strongest are blurred first. If it
  is right, the model's sureness falls sooner than if pixels go in a random order. Then the other
  way round: from the blurred image, the strongest pixels come back first, and the sureness should
  rise sooner. As blurring does not remove all evidence, the lines need not go down to zero.
- **Forgetting.** Layer by layer, from the answer down, what a copy of the model has learned is
  replaced by random numbers. A heatmap that stays the same was never about the model: an edge
  detector, which knows no model at all, would not change in the least.
- **Rank correlation** compares the order of the spots from strong to weak: 1 is the same order, 0
  is none in common. **SSIM** compares the pictures piece by piece: 1 is the same picture.
- **Intervals** hold the true value in 95 of 100 such measurements. “n” is how many images were
  looked at; “n=12 of 32” means that for the other 20 one of the maps was empty, which leaves
  nothing to compare. Forgetting was tried with four draws of random numbers, which the intervals
  know nothing of.
- Where a model takes the mean over all spots right before it answers, as `lens` does, every spot
  has the same gradient. **Grad-CAM++ and LayerCAM** then add up the same channels and draw the same
  map.
- A method that passes can still be wrong for *your* image. Compare several on “Heatmaps side by
  side”, and cover what they point at on “What if?”.
"""

st.title("Can you believe a heatmap?", anchor=False)
st.markdown(
    "See how often each kind of heatmap was right where the truth was known, and let a copy of the "
    "model forget what it learned: does the heatmap notice?"
)
name = picker.choose()
detector = engine.detector(name)
st.header("Measured", anchor=False)
trust_views.show(detector.card)
st.header("Try it: make the model forget", anchor=False)
if result := sources.analysed(detector):
    trust.show(result, detector)
with st.expander("How to read this"):
    st.markdown(HELP)
