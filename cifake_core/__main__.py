"""The command line: ``python -m cifake_core {check,models,data} ...``."""

from __future__ import annotations

import argparse
import os
import sys

from cifake_core.commands import check, data, models
from cifake_core.errors import CifakeLensError


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m cifake_core",
        description="Tell photographs from AI-generated images, and look after the data set.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    check.add_to(commands)
    models.add_to(commands)
    data.add_to(commands)
    _open_closed_streams()
    args = parser.parse_args(argv)
    try:
        return args.run(args)
    except CifakeLensError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        _drop_unwritten()  # the reader (head, less) has gone
        return 1
    except OSError as error:  # an --out that cannot be written, a full disk
        _drop_unwritten()
        where = "" if error.filename is None else f": {error.filename}"
        print(f"error: {error.strerror or error}{where}", file=sys.stderr)
        return 2


def _open_closed_streams() -> None:
    """Where a shell closed a standard stream (``2>&-``), the null device takes its number.

    Else the next file that is opened would get it, and messages meant for a person with it.
    ``sys.stdout`` stays None, so that a command whose result goes there can say so.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")


def _drop_unwritten() -> None:
    """What stdout cannot take is dropped, else Python complains again when it flushes."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
