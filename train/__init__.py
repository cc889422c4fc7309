"""The training lab: recipes in, measured artifacts in ``assets/`` out. The app never imports it."""
