"""Plain files for people who do not read Delta tables."""

from pathlib import Path
from uuid import uuid4

import pyarrow as pa

from data_contracts.errors import SpecError

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
    draft = path.with_name(f".{path.name}-{uuid4().hex}")
    try:
        if path.suffix == ".csv":
            pyarrow.csv.write_csv(table, draft)
        else:
            pyarrow.parquet.write_table(table, draft, compression="zstd")
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise SpecError(f"{path}: cannot be written: {error.strerror or error}.") from None
