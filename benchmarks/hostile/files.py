"""Ways to spoil the files and their columns, which say nothing about the values in them."""

import gzip
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.hostile.material import (
    PASSED,
    Case,
    Damage,
    Files,
    Frame,
    Spoil,
    by_month,
    critical,
    in_months,
    refused,
    warning,
)
from data_contracts.vocabulary import DS, UNIQUE_ID, Y

LARGEST = "month=2013-08/part-0.parquet"


def _renamed(column: str, name: str) -> Spoil:
    return lambda frame: frame.rename(columns={column: name})


def _one_month(change: Spoil) -> Spoil:
    """Change the rows of one month alone."""

    def spoilt(frame: Frame) -> Files:
        months = by_month(frame)
        name = sorted(months)[1]
        part = months[name]
        changed = change(part) if isinstance(part, Frame) else {}
        return months | (changed if isinstance(changed, dict) else {name: changed})

    return spoilt


def _without_month(place: int) -> Spoil:
    return in_months(lambda files: {k: v for k, v in files.items() if k != sorted(files)[place]})


def _cut_off(folder: Path) -> None:
    path = folder / LARGEST
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _damaged_page(folder: Path) -> None:
    """Overwrite the middle of the data; the footer stays as it is."""
    path = folder / LARGEST
    content = bytearray(path.read_bytes())
    middle = len(content) // 3
    content[middle : middle + 2_000] = b"\xff" * 2_000
    path.write_bytes(bytes(content))


def _beside(name: str, content: bytes) -> Damage:
    def damage(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    return damage


def _copied(folder: Path) -> None:
    path = folder / LARGEST
    path.with_name("part-0-copy.parquet").write_bytes(path.read_bytes())


def _csv(folder: Path) -> None:
    for path in sorted(folder.rglob("*.parquet")):
        pd.read_parquet(path).to_csv(path.with_suffix(".csv"), index=False)
        path.unlink()


def _gz_beside(folder: Path) -> None:
    path = folder / LARGEST
    path.with_name("part-0.parquet.gz").write_bytes(gzip.compress(path.read_bytes()))


def _other_names(frame: Frame) -> Files:
    """The same files under names of another order."""
    files = by_month(frame)
    return {f"part-{len(files) - k}": files[name] for k, name in enumerate(sorted(files))}


def _other_writer(folder: Path) -> None:
    """The same rows, written as another program might."""
    for path in sorted(folder.rglob("*.parquet")):
        table = pq.read_table(path)
        pq.write_table(table, path, compression="gzip", version="1.0", use_dictionary=False)


def _delta(folder: Path) -> None:
    (folder / "_delta_log").mkdir()


def _empty_part(frame: Frame) -> Files:
    return {**by_month(frame), "month=2013-06/part-0": frame.iloc[:0]}


def _ds_of(zone: str | None) -> Spoil:
    """Times of one month in another zone, or without one."""
    return _one_month(
        lambda part: part.assign(
            **{DS: part[DS].dt.tz_convert(zone) if zone else part[DS].dt.tz_localize(None)}
        )
    )


def _doubled_column(frame: Frame) -> Files:
    table = pa.Table.from_pandas(frame, preserve_index=False)
    return {"rows": table.append_column(Y, table[Y])}


COLUMNS = (
    Case("renamed y", "y is called value", refused("source.columns.y"), _renamed(Y, "value")),
    Case("renamed ds", "ds is called date", refused("source.columns.ds"), _renamed(DS, "date")),
    Case(
        "renamed id",
        "unique_id is called series",
        refused("source.columns.unique_id"),
        _renamed(UNIQUE_ID, "series"),
    ),
    Case("other capitals", "y is called Y", refused("source.columns.y", "Y"), _renamed(Y, "Y")),
    Case(
        "renamed covariate",
        "temp is called temperature",
        refused("covariates.past", "temperature"),
        _renamed("temp", "temperature"),
    ),
    Case(
        "missing in one file",
        "y is not in one of four files",
        refused("source.columns.y"),
        _one_month(lambda part: part.drop(columns=Y)),
    ),
    Case(
        "y twice",
        "two columns are called y",
        refused("'y' twice"),
        _doubled_column,
    ),
    Case(
        "added column",
        "there is a column more",
        PASSED,
        lambda frame: frame.assign(comment="nothing"),
        same_panel=True,
    ),
    Case(
        "added in one file",
        "there is a column more in one of four files",
        PASSED,
        _one_month(lambda part: part.assign(comment="nothing")),
        same_panel=True,
    ),
    Case(
        "columns in another order",
        "columns come in reverse",
        PASSED,
        lambda frame: frame[list(frame.columns)[::-1]],
        same_panel=True,
    ),
    Case(
        "rows in another order",
        "rows are shuffled",
        PASSED,
        lambda frame: frame.sample(frac=1, random_state=7),
        same_panel=True,
    ),
    Case(
        "files in another order",
        "the newest file is the first",
        PASSED,
        _other_names,
        same_panel=True,
    ),
    Case(
        "mixed zones",
        "times of one of four files are in the zone of Berlin",
        refused("source.columns.ds", "Europe/Berlin"),
        _ds_of("Europe/Berlin"),
    ),
    Case(
        "zone missing in one file",
        "times of one of four files have no zone",
        refused("source.columns.ds", "no time zone"),
        _ds_of(None),
    ),
    Case(
        "another writer",
        "the same rows in the first version of the format, with gzip",
        PASSED,
        by_month,
        _other_writer,
        same_panel=True,
    ),
)

FOLDERS = (
    Case("truncated", "a file ends in the middle", refused("source.uri"), by_month, _cut_off),
    Case(
        "damaged page", "bytes of a file are lost", refused("source.uri"), by_month, _damaged_page
    ),
    Case(
        "not Parquet",
        "a file is text",
        refused("source.uri"),
        lambda frame: {"rows.parquet": b"unique_id,ds,y\na,2013-07-01,1\n"},
    ),
    Case(
        "empty file",
        "a file has no bytes",
        refused("source.uri"),
        by_month,
        _beside("month=2013-09/part-1.parquet", b""),
    ),
    Case("no rows", "there are no rows", refused("no rows"), lambda frame: frame.iloc[:0]),
    Case("empty folder", "there are no files", refused("source.uri"), lambda frame: {}),
    Case(
        "no folder",
        "there is no folder",
        refused("source.uri", "no such"),
        lambda frame: {},
        lambda folder: folder.rmdir(),
    ),
    Case("CSV instead", "all files are CSV", refused("source.uri"), by_month, _csv),
    Case("a Delta table", "the folder is a Delta table", refused("Delta"), by_month, _delta),
    Case(
        "a part without rows",
        "a file has no rows",
        PASSED,
        _empty_part,
        same_panel=True,
    ),
    Case(
        "a CSV file beside",
        "there is a CSV file too",
        PASSED,
        by_month,
        _beside("month=2013-09/rows.csv", b"unique_id,ds,y\n"),
        same_panel=True,
    ),
    Case(
        "a gz file beside",
        "a file is there packed too",
        PASSED,
        by_month,
        _gz_beside,
        same_panel=True,
    ),
    Case(
        "hidden files",
        "there are hidden files that are no Parquet",
        PASSED,
        by_month,
        _beside(".part.parquet", b"half"),
        same_panel=True,
    ),
    Case(
        "a write in progress",
        "there is a folder of a write that did not end",
        PASSED,
        by_month,
        _beside("_temporary/0/part-9.parquet", b"half"),
        same_panel=True,
    ),
    Case(
        "a file twice",
        "a file is there twice",
        warning("unique_keys"),
        by_month,
        _copied,
        same_panel=True,
    ),
    Case(
        "a month gone",
        "the file of a month is not there",
        critical("few_aside"),
        _without_month(2),
    ),
    Case(
        "the newest month gone",
        "the file of this month is not there",
        critical("fresh"),
        _without_month(-1),
    ),
    Case("the oldest month gone", "history is a month shorter", PASSED, _without_month(0)),
)

ALL = (*COLUMNS, *FOLDERS)
