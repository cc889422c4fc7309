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
        # The reader (head, less) has gone; Python must not complain again when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:  # an --out that cannot be written, a full disk
        print(f"error: {error.strerror}: {error.filename}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
