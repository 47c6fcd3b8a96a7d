"""Alarm: tell somebody of bad nights in a row."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts.errors import StorageError
from data_contracts.realised import Scoring
from data_contracts.spec import Spec
from models.gate.realised import NightLoss
from tasks.input_stability import serving
from tasks.progress import stage
from tasks.realised import bad_nights, in_words, limits_of
from tasks.stores.alarms import claim, release
from tasks.tonight import Tonight


@task(name="alarm", task_run_name="alarm", cache_policy=NO_CACHE)
def raise_alarm(tonight: Tonight, found: Scoring) -> Scoring:
    """Say whether the champion has had too many bad nights in a row, and tell who wants to know.

    Each night is told of once. Where nobody can be told, that is a warning, and the next scoring
    tries again: what was scored is scored.

    Args:
        tonight: The scoring.
        found: What it found.
    """
    version = serving(tonight)
    if version is None:
        return found
    bad = bad_nights(tonight.warehouse, tonight.spec, tonight.cutoff, version=version)
    if not bad:
        return found
    spec = tonight.spec
    alarm = f"{version}: {in_words(bad, limits_of(spec))}. {_what_follows(spec)}"
    told, trouble = "", ""
    if spec.told_of_bad_nights is not None:
        with stage("alarm"):
            told, trouble = _tell(tonight, spec.told_of_bad_nights, bad, alarm)
    warnings = (*found.warnings, *filter(None, [trouble]))
    return found.model_copy(update={"alarm": alarm, "notified": told, "warnings": warnings})


def _what_follows(spec: Spec) -> str:
    if spec.training.when == "never":
        return "Nothing trains, because training.when is never."
    return "The next night trains, unless the last training was too recent."


def _tell(tonight: Tonight, block: str, bad: Sequence[NightLoss], alarm: str) -> tuple[str, str]:
    """Who was told, empty where everybody knew, and why nobody could be."""
    nights = [pd.Timestamp(night.cutoff) for night in bad]
    try:
        new = claim(tonight.warehouse, nights, block)
    except (OSError, StorageError) as error:
        reason = getattr(error, "strerror", None) or error
        return "", (
            f"Nobody was told of the bad nights, because they cannot be marked as told of: {reason}"
        )
    if not new:
        return "", ""
    try:
        notify(block, subject=f"{tonight.spec.name}: bad nights in a row", body=alarm)
    except Exception as error:  # any failure of another service: the scoring is done
        release(tonight.warehouse, new)
        # Only the kind of the error: its text may hold the address, which is a secret.
        return "", (
            f"Nobody was told of the bad nights: the block {block} failed with "
            f"{type(error).__name__}; see whether it exists on this Prefect server "
            "(PREFECT_API_URL) and whether its service answers. The next scoring tries again."
        )
    return block, ""


def notify(block: str, *, subject: str, body: str) -> None:
    """Send a message through a block of Prefect, which keeps address and secrets.

    Args:
        block: Its type and its name, such as `slack-webhook/ops`.
        subject: One line.
        body: The message.
    """
    import prefect.blocks.notifications  # noqa: F401  so that the types of its blocks are known
    from prefect.blocks.core import Block

    sender: Any = Block.load(block)
    sender.notify(body, subject)
