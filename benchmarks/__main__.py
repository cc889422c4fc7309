"""``python -m benchmarks [--save]``: each line is a ratio of two things timed in this very run."""

import argparse
import os
import platform

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from benchmarks import classroom, core, explain, page, timing, what_if
from cifake_core.predict import cores

parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
parser.add_argument("--save", action="store_true", help="keep the lines for RESULTS.md")
args = parser.parse_args()

core.cold_start()
core.many_files()
page.first_verdict()
classroom.class_begins()
# Before anything else loads TensorFlow into this process.
what_if.moves()
core.one_image()
explain.heatmaps()
if args.save:
    machine = f"{cores()} processors ({platform.machine()}), Python {platform.python_version()}"
    timing.save("benchmarks.json", machine)
