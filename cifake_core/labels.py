"""The one place where the order of the classes is written.

The data set's folders sort FAKE before REAL, so loaders that number folders alphabetically give
FAKE = 0 and REAL = 1. We keep that order; a model's single logit therefore grows with *real*.
Everything that needs "how likely is this fake" goes through :mod:`cifake_core.calibration`.
"""

FAKE = 0
REAL = 1
LABELS = ("FAKE", "REAL")

# The CIFAR-10 classes. The number in brackets of a CIFAKE file name, minus one, is the index;
# names without brackets are airplanes.
CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
