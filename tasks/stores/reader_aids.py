"""What lies in a warehouse so that people read its forecasts rightly.

- A file that stops plain Parquet readers. They would take every file below `forecasts.delta`, and
  with them the rows of replaced batches: measured, a batch published three times came back three
  times from pandas, PyArrow and DuckDB. Readers of Delta look only at the files in the log.
- `exports/nightcast_reader.py`, for those who have no Nightcast.
"""

from pathlib import Path

from data_contracts import nightcast_reader
from tasks.stores.files import write_text
from tasks.stores.sharing import fetch_file, share_file
from tasks.stores.warehouse import Warehouse

# No folder of a partition, so that Spark refuses it, and sorted before those, so that PyArrow does
# at once. Readers name the file in their error, so its name is the explanation.
GUARD = (
    "NOT-PLAIN-PARQUET/replaced-batches-lie-here-too--read-this-folder-as-a-Delta-table"
    "--deltalake.DeltaTable-or-polars.scan_delta-or-exports-latest.parquet.parquet"
)
EXPLANATION = """\
This is no Parquet file, on purpose. The folder above is a Delta table: beside the rows that hold it
keeps files of batches that were replaced, so that reading all its Parquet files counts rows twice.

Read it as a Delta table (deltalake.DeltaTable, polars.scan_delta, Spark's delta format), with
exports/nightcast_reader.py, or read the newest batch from exports/latest.parquet.
"""
HELPER = "nightcast_reader.py"


def put_reader_aids(warehouse: Warehouse) -> None:
    """Put the guard, and the reader where it is missing or of another Nightcast.

    Raises:
        OSError: If a file cannot be written.
        StorageError: If the object store cannot be written.
    """
    # Written anew each time, because a vacuum removes what no version names once it is old.
    _put(warehouse, warehouse.root / "forecasts.delta" / GUARD, EXPLANATION)
    source = Path(nightcast_reader.__file__).read_text(encoding="utf-8")
    there = fetch_file(warehouse, warehouse.exports / HELPER)
    if not there.exists() or there.read_text(encoding="utf-8") != source:
        _put(warehouse, there, source)


def _put(warehouse: Warehouse, path: Path, text: str) -> None:
    write_text(path, text)
    share_file(warehouse, path)
