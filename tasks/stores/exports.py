"""Plain files for people who do not read Delta tables."""

from pathlib import Path

import pyarrow as pa

from data_contracts.errors import SpecError
from tasks.stores.files import whole

SUFFIXES = (".parquet", ".csv")


def write_table(table: pa.Table, path: Path) -> None:
    """Write a table as .parquet or .csv, whole or not at all.

    Raises:
        SpecError: If the suffix is another one or the file cannot be written.
    """
    import pyarrow.csv
    import pyarrow.parquet

    if path.suffix not in SUFFIXES:
        raise SpecError(f"{path}: expected a name that ends in .parquet or .csv.")
    try:
        with whole(path) as draft:
            if path.suffix == ".csv":
                pyarrow.csv.write_csv(table, draft)
            else:
                pyarrow.parquet.write_table(table, draft, compression="zstd")
    except OSError as error:
        raise SpecError(f"{path}: cannot be written: {error.strerror or error}.") from None
