"""Snapshot: keep the panel of a night, so that other processes and later nights can read it."""

from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from models.panel import Panel
from tasks.progress import stage
from tasks.retries import DELAYS, may_pass_next_time
from tasks.stores.sharing import share_folder
from tasks.stores.snapshots import save_panel
from tasks.tonight import Tonight


@task(
    name="snapshot",
    task_run_name="snapshot",
    retries=len(DELAYS),
    retry_delay_seconds=DELAYS,
    retry_condition_fn=may_pass_next_time,
    cache_policy=NO_CACHE,
)
def snapshot(tonight: Tonight, panel: Panel) -> Path:
    """Write the panel under the digest of its content; the same panel is written once."""
    with stage("snapshot"):
        folder = save_panel(panel, tonight.warehouse.snapshots)
        share_folder(tonight.warehouse, folder)
    return folder
