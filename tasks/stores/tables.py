"""All tables of a warehouse."""

from tasks.stores.accuracy import accuracy_table, baselines_table
from tasks.stores.attention import attention_table
from tasks.stores.delta import open_table
from tasks.stores.forecasts import forecasts_table
from tasks.stores.records import decisions_table, evaluations_table, quarantine_table
from tasks.stores.registry import registry_table
from tasks.stores.table import Table
from tasks.stores.totals import totals_table
from tasks.stores.warehouse import Warehouse


def tables_of(warehouse: Warehouse) -> tuple[Table, ...]:
    """Every table, whether it is there or not."""
    return (
        forecasts_table(warehouse),
        baselines_table(warehouse),
        accuracy_table(warehouse),
        totals_table(warehouse),
        evaluations_table(warehouse),
        decisions_table(warehouse),
        quarantine_table(warehouse),
        attention_table(warehouse),
        registry_table(warehouse),
    )


def check_tables(warehouse: Warehouse) -> None:
    """Open every table that is there, so that a night finds out now what it cannot write later.

    Raises:
        StorageError: If one cannot be read.
        VersionError: If a newer Nightcast has written one.
    """
    for table in tables_of(warehouse):
        open_table(table)
