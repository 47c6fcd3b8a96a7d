from dataclasses import replace

import pytest
from deltalake import DeltaTable

from data_contracts.errors import ConflictError
from data_contracts.spec import Retention
from tasks.stores.delta import FILE_RETENTION, LOG_RETENTION, open_table, read_table
from tasks.stores.maintenance import settings
from tasks.stores.maintenance.settings import differing, set_differing


def test_a_new_table_keeps_what_the_spec_keeps_by_default(table, put):
    put(table, "mon", "a")

    assert differing(open_table(table), Retention().history_days) == {}


def test_settings_are_brought_in_line_once(table, put):
    put(table, "mon", "a")

    changed = set_differing(table, 60)

    assert changed == dict.fromkeys((LOG_RETENTION, FILE_RETENTION), "interval 60 days")
    opened = open_table(table)
    assert changed.items() <= opened.metadata().configuration.items()
    assert opened.history(1)[0]["reason"] == "what was replaced can be read for 60 days"
    assert set_differing(table, 60) == {}
    assert open_table(table).version() == opened.version()
    assert read_table(table).num_rows == 1


def test_a_table_from_elsewhere_gets_checkpoints_too(table):
    DeltaTable.create(table.path, schema=table.stored_schema, partition_by=["night"])

    set_differing(table, 30)

    assert open_table(table).metadata().configuration["delta.checkpointInterval"] == "20"


def test_a_writer_that_is_overtaken_writes_all_the_same(table, put):
    put(table, "mon", "a")
    stale = open_table(table)
    set_differing(table, 60)

    put(table, "mon", "b")

    assert stale.version() < open_table(table).version()
    assert read_table(table).num_rows == 2


def test_a_table_that_is_not_there_has_no_settings(table):
    assert set_differing(replace(table, path=table.path / "none"), 30) == {}


def test_where_others_never_stop_it_gives_up_in_one_sentence(table, put, monkeypatch):
    put(table, "mon", "a")
    stale = open_table(table)
    set_differing(table, 60)
    monkeypatch.setattr(settings, "open_table", lambda table: stale)
    monkeypatch.setattr(settings, "wait", lambda attempt: None)

    with pytest.raises(ConflictError, match="losses: other runs kept writing"):
        set_differing(table, 90)
