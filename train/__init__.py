"""The training lab: recipes in, measured artifacts in ``assets/`` out. The app never imports it."""

import os

# TensorFlow's quicker kernels, which it takes by itself on some processors alone: on the others
# ResNet50 trains several times as fast with them. It reads this when it is imported.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
