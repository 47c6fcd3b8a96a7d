"""Event files of a training, which TensorBoard draws while it goes on."""

import shutil
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from models.learning.training import Progress


class EventLog:
    """Writes the losses and the learning rate of every epoch; use it under `with`.

    Each member has a folder of its own, `member-N`, and so a curve of its own.

    Args:
        folder: Where the folders of the members go; what an earlier training left there is removed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writers: dict[int, Any] = {}
        shutil.rmtree(folder, ignore_errors=True)

    def __enter__(self) -> "EventLog":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for writer in self._writers.values():
            writer.close()

    def add(self, progress: Progress) -> None:
        """Write one epoch; it can be seen at once."""
        summary = {
            "loss/training": progress.training_loss,
            "learning_rate": progress.learning_rate,
        }
        if progress.held_out_loss is not None:
            summary["loss/held_out"] = progress.held_out_loss
        self._write(progress.member, step=progress.epoch, summary=summary)

    def _write(self, member: int, *, step: int, summary: dict[str, float]) -> None:
        # Records and not tf.summary, whose operations would take a GPU that JAX computes on.
        from tensorflow.compat.v1 import Event, Summary

        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in summary.items()]
        event = Event(wall_time=time.time(), step=step, summary=Summary(value=values))
        writer = self._writer(member)
        writer.write(event.SerializeToString())
        writer.flush()

    def _writer(self, member: int) -> Any:
        if member not in self._writers:
            from tensorflow.compat.v1 import Event
            from tensorflow.io import TFRecordWriter

            folder, now = self._folder / f"member-{member}", time.time()
            folder.mkdir(parents=True)
            writer = TFRecordWriter(str(folder / f"events.out.tfevents.{now:.0f}.nightcast"))
            first = Event(wall_time=now, file_version="brain.Event:2")
            writer.write(first.SerializeToString())
            self._writers[member] = writer
        return self._writers[member]
