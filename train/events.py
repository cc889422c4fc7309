"""A run's log as TensorBoard events; needs ``pip install tensorboard``, nothing else of it here."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from cifake_core.errors import ConfigError


class Events:
    """Writes to ``<run>/tensorboard``, from the start each time: a resumed log has no double lines.

    Raises:
        ConfigError: the tensorboard package is not installed.
    """

    def __init__(self, folder: Path, entries: list[dict]) -> None:
        try:
            from tensorboard.compat.proto import event_pb2, summary_pb2
            from tensorboard.summary.writer.event_file_writer import EventFileWriter
        except ImportError:
            raise ConfigError("--tensorboard needs: pip install tensorboard") from None
        self._event, self._summary = event_pb2.Event, summary_pb2.Summary
        path = folder / "tensorboard"
        shutil.rmtree(path, ignore_errors=True)
        self._writer = EventFileWriter(str(path))
        for entry in entries:
            self.write(entry)

    def write(self, entry: dict) -> None:
        values = [
            self._summary.Value(tag=key, simple_value=float(value))
            for key, value in entry.items()
            if key != "step"
        ]
        self._writer.add_event(
            self._event(
                step=entry["step"], wall_time=time.time(), summary=self._summary(value=values)
            )
        )
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()
