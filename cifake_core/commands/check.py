"""``python -m cifake_core check PATH...``: a verdict for every image.

Width and height are those of the pixels as the file stores them, for so they are judged.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import TextIO

from cifake_core.commands import output
from cifake_core.errors import CifakeLensError, UnsupportedImageError
from cifake_core.limits import EXTENSIONS

FIELDS = (
    "path", "verdict", "p_fake", "model", "width", "height", "error", "in_domain", "doubts",
    "logit", "thorough", "sha256",
)  # fmt: skip
BATCH = 64


def add_to(commands) -> None:
    parser = commands.add_parser(
        "check",
        help="say real, fake or uncertain for image files",
        description="Exit status: 0 all files were read, 1 some were not, 2 nothing to do.",
    )
    parser.add_argument("paths", nargs="+", type=_path, metavar="PATH", help="files or folders")
    parser.add_argument(
        "--model", default="lens", help="a name that `python -m cifake_core models` lists"
    )
    parser.add_argument(
        "--format",
        choices=("table", "json", "csv"),
        default="table",
        help="json is one object a line (JSON Lines)",
    )
    parser.add_argument(
        "--out",
        type=_path,
        metavar="FILE",
        help="write there, not to stdout; the file appears when all is done",
    )
    parser.add_argument(
        "--heatmaps", type=_path, metavar="DIR", help="a Grad-CAM as PNG for each image"
    )
    parser.add_argument(
        "--thorough",
        action="store_true",
        help="uncertain, too, if a change that means nothing to a person turns a verdict round",
    )
    parser.add_argument(
        "--all-files", action="store_true", help="in folders, try files of every name"
    )
    parser.set_defaults(run=run)


def _path(text: str) -> Path:
    if not text:  # a variable of the shell that is not set; Path("") would be the current folder
        raise argparse.ArgumentTypeError("an empty name names nothing")
    return Path(text)


def run(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from cifake_core import images, pipeline
    from cifake_core.predict import cores

    wanted = None if args.all_files else images.EXTENSIONS
    files = [args.paths, wanted, args.heatmaps, args.out]
    if not args.out:
        output.stdout()
    if not any(True for _ in find_files(*files)):
        print(
            "error: there is no image file in there (--all-files tries files of every name)",
            file=sys.stderr,
        )
        return 2
    workers = min(8, cores() + 1)  # one more than cores, as each waits for the others now and then
    detector = pipeline.Detector(args.model, threads=1, decoders=workers, previews=False)
    total = output.guard(find_files(*files), args.out, args.heatmaps)
    if args.heatmaps:
        args.heatmaps.mkdir(parents=True, exist_ok=True)
    unread = done = 0
    with ExitStack() as stack:
        out = stack.enter_context(output.result(args.out)) if args.out else output.stdout()
        place = args.out or output.STDOUT
        with output.naming(place):
            write = _writer(args.format, out)
        bar = stack.enter_context(tqdm(total=total, unit=" images", disable=None, leave=False))
        for rows, found in _judged(find_files(*files), detector, workers, args.thorough):
            # On one terminal with the rows, the bar steps aside while they are written.
            with tqdm.external_write_mode(out), output.naming(place):
                for row in rows:
                    unread += bool(row["error"])
                    write(row)
                out.flush()
            for row, analysis in zip(rows, found, strict=True):
                done += 1
                if args.heatmaps and analysis:
                    _save_heatmap(args.heatmaps, done, row["path"], analysis, detector)
                bar.update()
    if args.out:
        print(f"wrote {args.out}: {done - unread} read, {unread} not", file=sys.stderr)
    return 1 if unread else 0


def find_files(
    paths: list[Path],
    extensions: frozenset[str] | None,
    leave_out: Path | None = None,
    result: Path | None = None,
) -> Iterator[Path]:
    """Named files as they are, then folders recursively in sorted order; links are not followed.

    A named path that does not exist is yielded too, and so is a folder that cannot be looked into:
    each gets its row. In folders, what runs write is passed over: the folder ``leave_out`` with its
    heatmaps, the file ``result``, and files under way.
    """
    without = os.path.realpath(leave_out) if leave_out else None
    written = os.path.realpath(result) if result else None
    for given in paths:
        if not os.path.isdir(given):  # noqa: PTH112 - Path's raises where a name is too long
            yield given
            continue
        closed: list[OSError] = []
        for folder, subfolders, names in os.walk(given, onerror=closed.append):
            subfolders[:] = sorted(
                s for s in subfolders if os.path.realpath(Path(folder, s)) != without
            )
            for name in sorted(names):
                path = Path(folder) / name
                suffix = path.suffix.lower()
                if suffix == output.PART or (extensions and suffix not in extensions):
                    continue
                # With an image's name it is yielded, so that writing over it is refused.
                ours = result and name == result.name and suffix not in EXTENSIONS
                if not ours or os.path.realpath(path) != written:
                    yield path
        yield from (Path(error.filename) for error in closed)


def _judged(files: Iterator[Path], detector, workers: int, thorough: bool):
    """(rows, analyses) batch by batch, in order.

    Each worker reads, decodes and judges a batch of its own on one core, so that none waits for
    another; a few batches are under way at a time, so that memory stays flat.
    """

    stopped = threading.Event()

    def work(paths: list[Path]):
        opened = [_open(path, detector) for path in paths if not stopped.is_set()]
        judged = iter(detector.judge(o for o in opened if not isinstance(o, CifakeLensError)))
        if thorough:
            judged = (a if a.doubts else detector.with_stability(a) for a in judged)
        found = [None if isinstance(o, CifakeLensError) else next(judged) for o in opened]
        name = detector.card.name
        each = zip(paths, opened, found, strict=False)
        return [_row(p, o, a, name) | {"thorough": thorough} for p, o, a in each], found

    waiting = deque()
    pool = ThreadPoolExecutor(workers)
    try:
        while paths := list(islice(files, BATCH)):
            waiting.append(pool.submit(work, paths))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:  # at once when interrupted: what is under way ends with the file it is at
        stopped.set()
        pool.shutdown(cancel_futures=True)


def _open(path: Path, detector):
    """The opened image, or the error that becomes its row."""
    from cifake_core import images

    what = "file"
    try:
        if path.is_dir():
            what = "folder"
            os.scandir(path).close()  # raises why it could not be looked into
        if not path.is_file():  # a pipe or a device would never end
            there = path.exists()
            return UnsupportedImageError(
                "This is not a plain file." if there else "There is no such file."
            )
        with path.open("rb") as stream:
            return detector.open(stream.read(images.MAX_BYTES + 1))
    except CifakeLensError as error:
        return error
    except OSError as error:
        return UnsupportedImageError(f"The {what} cannot be read: {error.strerror}.")


def _row(path: Path, opened, analysis, model: str) -> dict:
    row = dict.fromkeys(FIELDS, "") | {"path": os.fsdecode(path), "model": model}
    row["doubts"] = []
    if analysis is None:
        return row | {"error": str(opened)}
    return row | {
        "in_domain": analysis.in_domain,
        "doubts": list(analysis.doubts),
        "verdict": analysis.verdict.value,
        "p_fake": round(analysis.p_fake, 6),
        "width": opened.width,
        "height": opened.height,
        "logit": round(analysis.logit, 5),
        "sha256": opened.sha256,
    }


def _writer(form: str, out: TextIO):
    if form == "csv":
        table = csv.DictWriter(out, FIELDS)
        table.writeheader()
        return lambda row: table.writerow(
            row | {"path": output.plain(row["path"]), "doubts": "; ".join(row["doubts"])}
        )
    if form == "json":
        return lambda row: print(
            json.dumps({k: v if v != "" else None for k, v in row.items()}), file=out
        )
    print(f"{'verdict':10} {'p_fake':>7}  {'size':>11}  path", file=out)

    def line(row: dict) -> None:
        path = output.plain(row["path"])
        if row["error"]:
            print(f"{'error':10} {'':7}  {'':11}  {path}: {row['error']}", file=out)
        else:
            size = f"{row['width']}x{row['height']}"
            p_fake = f"{row['p_fake']:7.4f}" if row["in_domain"] else f"{'-':>7}"
            doubt = f": {row['doubts'][0]}" if row["doubts"] else ""
            print(f"{row['verdict']:10} {p_fake}  {size:>11}  {path}{doubt}", file=out)

    return line


def _save_heatmap(folder: Path, number: int, path: str, analysis, detector) -> None:
    from cifake_core import render
    from cifake_core.pipeline import Explain, with_heatmap

    heatmap = with_heatmap(analysis, detector, Explain()).heatmap
    if heatmap.empty:
        name = output.plain(path)
        print(f"no heatmap for {name}: nothing speaks for the answer", file=sys.stderr)
        return
    # The name is ours; of the file's own only harmless characters, so it cannot lead elsewhere.
    stem = "".join(c for c in Path(path).stem if c.isascii() and (c.isalnum() or c in "-_"))[:60]
    picture = render.overlay(analysis.opened.prepared.pixels, heatmap.normalised)
    output.write_heatmap(folder / f"{number:06d}-{stem}.png", render.to_png(picture))
