import pyarrow as pa
import pytest
from deltalake import DeltaTable

from data_contracts.errors import VersionError
from tasks.stores.tables import check_tables, tables_of
from tasks.stores.warehouse import Warehouse

FIRST_VERSION = ("forecasts", "totals", "baselines", "accuracy", "attention")
TABLES = (*FIRST_VERSION, "evaluations", "decisions", "quarantine", "registry")


@pytest.fixture
def warehouse(tmp_path):
    return Warehouse(tmp_path)


def test_every_table_of_the_warehouse_is_among_them(warehouse):
    assert {table.path for table in tables_of(warehouse)} == {
        getattr(warehouse, name) for name in TABLES
    }
    assert {table.name: table.version for table in tables_of(warehouse)} == {
        **dict.fromkeys(TABLES, 2),
        **dict.fromkeys(FIRST_VERSION, 1),
    }


def test_a_warehouse_without_tables_is_fine_and_stays_without(warehouse):
    check_tables(warehouse)
    assert list(warehouse.root.iterdir()) == []


@pytest.mark.parametrize("name", TABLES)
def test_one_table_of_a_newer_version_is_enough_to_refuse(warehouse, name):
    marked = pa.field("a", pa.string(), metadata={"nightcast.schema_version": "3"})
    DeltaTable.create(getattr(warehouse, name), schema=pa.schema([marked]))
    with pytest.raises(VersionError, match=rf"{name}\.delta has the schema version 3, but"):
        check_tables(warehouse)
