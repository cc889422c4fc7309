"""Several explanations of one answer side by side, and which frequencies it rests on."""

from __future__ import annotations

import streamlit as st

from pages.parts import engine, picker, side_by_side, sources

HELP = """
- **A heatmap** colours the places that spoke for the answer you picked. Each method measures that
  in its own way, so they need not agree. The CAM methods are built alike and often agree for that
  alone; if Occlusion, which works in another way, agrees with them, it says more. Whether spots on
  which methods agree are right more often was not measured.
- **Each map has its own scale**, because methods have no unit in common: the brightest colour is
  that method's strongest spot. You can compare *where* two methods look, not *how strong* the
  evidence is.
- **Coarse and fine.** The CAM methods see the image in few squares (often 8x8) and are drawn
  smoothly. SmoothGrad and Occlusion have a value for every pixel.
- **Dark** places hold no evidence for the answer, or evidence for the other one: pick the other to
  see it. Only SmoothGrad means by it that the place hardly matters.
- **SmoothGrad** shows where the model is *sensitive*. It does not know a direction: the map is the
  same for “Why real?” and “Why AI-generated?”.
- **An empty map** means that this method found nothing that speaks for the answer.
- **Rank correlation** sorts the places of both maps from weak to strong and compares the order:
  1 is the same order, 0 is no relation, -1 is the opposite.
- **Frequencies.** Think of music: a low-pass takes out the treble, and you hear what is missing.
  Low numbers are broad shapes, 0.5 is a pattern that changes from one pixel to the next, and what
  is above 0.5 are diagonal patterns. If the answer changes when a band is gone, the model listens
  to that band.
- **None of this proves** how an image was made: it shows what the model reacts to. Whether the maps
  can be believed is measured on the page “Can you believe a heatmap?”.
"""

st.title("Heatmaps side by side", anchor=False)
st.markdown(
    "Compare several ways to show what the model's answer rests on, and see which fineness of "
    "detail it needs."
)
detector = engine.detector(picker.choose())
if result := sources.analysed(detector):
    side_by_side.show(result, detector)
with st.expander("How to read this"):
    st.markdown(HELP)
