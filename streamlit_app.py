"""The web demo: ``streamlit run streamlit_app.py``."""

import streamlit as st

app = st.App("pages/router.py")
