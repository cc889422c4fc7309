"""The router: page configuration and navigation, nothing else."""

import streamlit as st

# First, or the browser would fetch the page's own icon from the network.
st.set_page_config(page_icon="assets/icon.png")
page = st.navigation(
    {
        "Check": [
            st.Page(
                "pages/check/one_image.py",
                title="One image",
                icon=":material/image_search:",
                default=True,
            )
        ],
        "Explain": [
            st.Page(
                "pages/explain/side_by_side.py",
                title="Heatmaps side by side",
                icon=":material/view_column:",
            ),
            st.Page("pages/explain/what_if.py", title="What if?", icon=":material/tune:"),
            st.Page(
                "pages/explain/trust.py",
                title="Can you believe a heatmap?",
                icon=":material/fact_check:",
            ),
        ],
        "Study": [
            st.Page("pages/study/dataset.py", title="The data set", icon=":material/bar_chart:"),
            st.Page("pages/study/models.py", title="The models", icon=":material/compare_arrows:"),
        ],
    }
)
st.set_page_config(page_title=f"{page.title} · CIFAKE Lens")
page.run()
