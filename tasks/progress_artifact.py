"""How far a long step is, as a progress artifact of its run in the Prefect UI."""

import re
from contextlib import suppress
from typing import cast
from uuid import UUID

import httpx

from data_contracts.plain_text import visible


class ProgressArtifact:
    """A ring that fills; it is made when there is first something to show, and only in a run.

    No step waits for it, or fails because of it: a server that does not answer at once shows the
    next state, or none.
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self._known: UUID | None = None

    @property
    def key(self) -> str:
        """Under which the UI keeps it.

        >>> ProgressArtifact("train attention_lstm+tcn").key
        'progress-train-attention-lstm-tcn'
        """
        return "progress-" + re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")

    def show(self, percent: float, note: str) -> None:
        """Say how far the step is, from 0 to 100, and more in words."""
        from prefect.context import FlowRunContext, TaskRunContext
        from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

        if FlowRunContext.get() is None and TaskRunContext.get() is None:
            return
        with (
            temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}),
            suppress(httpx.HTTPError, RuntimeError),
        ):
            self._show(percent, visible(f"{self.title}: {note}"))

    def end(self, note: str) -> None:
        """Say that the step is over, if it was ever shown."""
        if self._known is not None:
            self.show(100.0, note)

    def _show(self, percent: float, description: str) -> None:
        from prefect.artifacts import create_progress_artifact, update_progress_artifact

        if self._known is None:
            made = create_progress_artifact(percent, self.key, description)
            self._known = cast("UUID", made)  # what it is outside an event loop
        else:
            update_progress_artifact(self._known, percent, description)
