"""``python -m benchmarks``: each line is a ratio of two things timed in this very run."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from benchmarks import core, page

core.cold_start()
core.many_files()
page.first_verdict()
core.one_image()
