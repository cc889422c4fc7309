"""The errors a person can act on.

Every message is one or two plain sentences that may be shown on a page as it stands: it says what
is wrong and, where there is something to do, what to do. Nothing here repeats a file name or bytes
taken from an upload.
"""


class CifakeLensError(Exception):
    """Base of all errors below; catch this to show the message to a person."""


class ImageError(CifakeLensError):
    """The bytes given are not an image that can be judged."""


class UnsupportedImageError(ImageError):
    """Not an image at all, or a format outside :data:`cifake_core.limits.FORMATS`."""


class ImageTooLargeError(ImageError):
    """More bytes or more pixels than :mod:`cifake_core.limits` allows."""


class BrokenImageError(ImageError):
    """The right format, but damaged, truncated or malformed."""


class DatasetError(CifakeLensError):
    """The CIFAKE data set is missing, incomplete or not what it should be."""


class ArtifactError(CifakeLensError):
    """A shipped model does not match its card, so it is not used."""


class ConfigError(CifakeLensError):
    """A recipe or a ``--set`` names something that does not exist or has the wrong type."""
