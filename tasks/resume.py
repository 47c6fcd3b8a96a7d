"""Resume: a night that died is run again from what its last run has finished.

What was read, the verdict on it and the snapshot are taken over from what `leave_behind` has kept,
a trained model from the registry. The rest is done again, and comes to the same. What a run left
holds for the same spec, code, instant and files of the source, and until the night has come to its
end: a night that is run again after that reads anew.
"""

from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts.errors import NightcastError
from data_contracts.resume import Unfinished
from data_contracts.verdicts import Verdict
from tasks.lineage import code_version
from tasks.progress import log, stage, taken_over
from tasks.stores.observations import Extraction
from tasks.stores.source import digest_of_files
from tasks.stores.unfinished import (
    drop_unfinished,
    find_unfinished,
    keep_unfinished,
    read_unfinished,
)
from tasks.tonight import Tonight

TROUBLE = (NightcastError, OSError, ValueError, KeyError)  # with files that a run has left


@task(name="resume", task_run_name="resume", cache_policy=NO_CACHE)
def resume(tonight: Tonight) -> Extraction | None:
    """What an earlier run of this night has read, with its verdict; None where nothing holds.

    What is torn or was left under other conditions is passed over with a line in the log.
    """
    try:
        left = find_unfinished(tonight.warehouse, tonight.cutoff)
        if left is None:
            return None
        changed = _changed(tonight, left)
        if changed:
            log().info("What run %s left is not taken over: other %s.", left.run_id, changed)
            return None
        with stage("resume"):
            known = read_unfinished(tonight.warehouse, tonight.cutoff, left)
    except TROUBLE as error:
        log().warning("What an earlier run left cannot be read, so the night reads anew: %s", error)
        return None
    taken_over(
        "extract, validate input and snapshot were taken over from the run of "
        f"{left.issued_at:%Y-%m-%d %H:%M} UTC."
    )
    return known


def leave_behind(tonight: Tonight, known: Extraction, contract: Verdict, source: Path) -> None:
    """Keep what was read for a run that may have to finish this night; trouble is only told.

    Args:
        tonight: The night.
        known: What was read; nothing is kept again of what was taken over.
        contract: The verdict on it.
        source: Folder of the snapshot.
    """
    if known.verdict is not None:
        return
    what = Unfinished(
        **_conditions(tonight),
        files=known.files,
        run_id=tonight.run_id,
        issued_at=tonight.issued_at,
        snapshot=source.name,
        examples=known.examples,
    )
    try:
        keep_unfinished(tonight.warehouse, tonight.cutoff, what, known, contract)
    except (NightcastError, OSError) as error:
        log().warning("A run that has to finish this night will read anew: %s", error)


def come_to_its_end(tonight: Tonight) -> None:
    """Let nobody take over a night that is over; trouble is only told."""
    try:
        drop_unfinished(tonight.warehouse, tonight.cutoff)
    except (NightcastError, OSError) as error:
        log().warning("What the night has kept for its own end is left over: %s", error)


def _conditions(tonight: Tonight) -> dict[str, object]:
    known_at = tonight.cutoff if tonight.spec.source.available_at is None else tonight.as_of
    return {
        "spec_digest": tonight.spec.digest,
        "code_version": code_version(),
        "known_at": known_at.to_pydatetime(),
    }


def _changed(tonight: Tonight, left: Unfinished) -> str:
    """What is no longer as it was when something was left, empty if nothing."""
    now = _conditions(tonight) | {"files": digest_of_files(tonight.spec.source.uri)}
    return ", ".join(name.replace("_", " ") for name in now if now[name] != getattr(left, name))
