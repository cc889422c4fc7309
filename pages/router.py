"""The router: page configuration and navigation, nothing else.

It lies in this folder so that none called ``pages`` lies beside it. With one there, Streamlit shows
the first visitor of a server "Page not found" at every address but the first page's.
"""

from pathlib import Path

import streamlit as st

# First, or the browser would fetch the page's own icon from the network.
st.set_page_config(page_icon=Path(__file__).parents[1] / "assets/icon.png")
page = st.navigation(
    {
        "Check": [
            st.Page(
                "check/one_image.py",
                title="One image",
                icon=":material/image_search:",
                default=True,
            )
        ],
        "Explain": [
            st.Page(
                "explain/side_by_side.py",
                title="Heatmaps side by side",
                icon=":material/view_column:",
            ),
            st.Page("explain/what_if.py", title="What if?", icon=":material/tune:"),
            st.Page(
                "explain/trust.py",
                title="Can you believe a heatmap?",
                icon=":material/fact_check:",
            ),
        ],
        "Study": [
            st.Page("study/dataset.py", title="The data set", icon=":material/bar_chart:"),
            st.Page("study/models.py", title="The models", icon=":material/compare_arrows:"),
        ],
    }
)
st.set_page_config(page_title=f"{page.title} · CIFAKE Lens")
page.run()
