import os
import time
from pathlib import Path

import pandas as pd
import pytest
from deltalake import DeltaTable

from data_contracts.errors import StorageError
from tasks.stores.delta import open_table, read_table
from tasks.stores.log import LOG
from tasks.stores.maintenance.listing import list_files
from tasks.stores.maintenance.log import (
    entries_since_checkpoint,
    expired_entries,
    oldest_readable,
    remove_expired,
    sync_log,
    write_checkpoint,
)
from tasks.stores.maintenance.vacuum import vacuum

NOW = pd.Timestamp.now("UTC")


def is_readable(table, version):
    try:
        return DeltaTable(table.path, version=version).to_pyarrow_table().num_rows > 0
    except Exception:
        return False


def test_the_oldest_version_that_can_be_read_is_the_one_before_the_first_file_that_is_gone(
    table, put, aged
):
    for loss in (1, 2, 3):
        put(table, "mon", "a", loss)
    assert oldest_readable(list_files(table)).version == 0
    aged(table, 40)
    put(table, "mon", "a", 4)
    vacuum(table, 30)

    oldest = oldest_readable(list_files(table))

    assert oldest.version == 3
    assert [is_readable(table, version) for version in (1, 2, 3, 4)] == [False, False, True, True]
    since = pd.Timestamp.now("UTC") - pd.Timedelta(days=40)
    assert abs(oldest.since - since) < pd.Timedelta(hours=1)


@pytest.fixture
def long(table, put):
    """Fifty versions, with checkpoints at 19 and 39; those up to 45 are older than a month."""
    for number in range(50):
        put(table, f"night {number % 3}", "a", number)
    for path in (table.path / LOG).glob("0*"):
        if int(path.name[:20]) <= 45:
            os.utime(path, (time.time() - 40 * 86_400,) * 2)
    return table


def test_what_has_expired_of_the_log_is_what_the_table_format_removes(long):
    before = read_table(long)
    assert expired_entries(list_files(long), NOW, 30) == 39

    remove_expired(long)

    left = list_files(long)
    assert sorted(left.entries) == list(range(39, 51))
    assert expired_entries(left, NOW, 30) == 0
    assert oldest_readable(left).version == 39
    assert is_readable(long, 39)
    assert read_table(long).equals(before)


def test_nothing_expires_within_the_history(long):
    assert expired_entries(list_files(long), NOW, 50) == 0


def test_a_checkpoint_leaves_no_entry_beside_it(long):
    assert entries_since_checkpoint(list_files(long)) == 11

    write_checkpoint(long)

    listing = list_files(long)
    assert entries_since_checkpoint(listing) == 0
    assert max(listing.checkpoints) == open_table(long).version()


def test_an_entry_that_is_cut_short_is_told_in_one_sentence(long):
    (long.path / LOG / f"{7:020}.json").write_text('{"remo')

    with pytest.raises(StorageError, match=r"Cannot read _delta_log/0+7\.json in .*cut short"):
        oldest_readable(list_files(long))


def test_new_entries_and_checkpoints_are_on_disk(long, monkeypatch):
    synced, fsync = set(), os.fsync

    def noted(descriptor):
        synced.add(Path(f"/proc/self/fd/{descriptor}").readlink())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    sync_log(long, after=48)

    log = long.path / LOG
    checkpoints = [f"{version:020}.checkpoint.parquet" for version in (19, 39)]
    entries = [f"{version:020}.json" for version in (49, 50)]
    names = [*checkpoints, *entries, "_last_checkpoint"]
    assert synced == {log, *map(log.joinpath, names)}
