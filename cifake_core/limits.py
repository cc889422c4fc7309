"""What of an upload is read: the one place where formats and limits stand."""

from __future__ import annotations

FORMATS: tuple[str, ...] = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
EXTENSIONS = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"}
)

MAX_BYTES = 25 * 2**20
MAX_PIXELS = 8192 * 6144  # the largest "50 megapixel" camera picture
MAX_SIDE = 100_000  # decoders and the strips below hold whole rows, some of them several
# What pixels and the decoder's own buffers may take together. With the interpreter, two copies of
# the file and the strips in work, a process stays under 512 MB.
MAX_WORK_BYTES = 410_000_000
MAX_PARTS = 100_000  # segments, chunks, strips or tiles: each costs time, however small it is
MAX_SCANS = 24  # passes of a JPEG over all of its pixels; encoders write 18 at most
MAX_RLE = 4_000_000  # pixels, and bytes, of a run-length BMP: Pillow decodes it in Python
