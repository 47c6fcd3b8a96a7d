"""Read the forecast table of Nightcast without Nightcast: copy this one file and import it.

    pip install "deltalake>=1.6" pyarrow

    from nightcast_reader import Forecasts
    forecasts = Forecasts("warehouse/nyc-departures/forecasts.delta")
    forecasts.latest().to_pandas()

A `Forecasts` is one snapshot of the table: all that is asked of it is answered from the same
batches, whatever is published meanwhile. Every answer is a `pyarrow.Table`; `.to_pandas()` and
`polars.from_arrow` take it from there. Times are UTC, and a time that is asked for says its offset.
Whatever goes wrong is a `ReaderError`, one sentence.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from duckdb import DuckDBPyConnection

NEWEST_SCHEMA = 1  # the latest version of the table that this file knows
SCHEMA_VERSION = "nightcast.schema_version"  # in the metadata of a column
BEFORE_QUANTILES = ("cutoff_date", "unique_id", "cutoff", "ds", "lead", "mean")
AFTER_QUANTILES = ("model", "model_version", "quality", "issued_at", "run_id")
MEDIAN = "q50"

Moment = str | datetime
Where = list[tuple[str, str, Any]]


class ReaderError(Exception):
    """The table cannot be read, or does not have what was asked for; one sentence says why."""


class Forecasts:
    """One snapshot of a forecast table.

    Args:
        uri: Of the table, such as `warehouse/nyc-departures/forecasts.delta` or `s3://…`.
        version: Which version of it; None takes the newest.
        storage_options: What `deltalake` needs to reach an object store.

    Raises:
        ReaderError: If there is no such table or version, it is damaged, or a newer Nightcast has
            written it.
    """

    def __init__(
        self,
        uri: str,
        *,
        version: int | None = None,
        storage_options: Mapping[str, str] | None = None,
    ) -> None:
        self.uri = str(uri)
        self._opened = _open(self.uri, version, storage_options)

    @classmethod
    def as_then(
        cls, uri: str, moment: Moment, *, storage_options: Mapping[str, str] | None = None
    ) -> "Forecasts":
        """The table as it was at a moment: what a reader had then, later corrections not included.

        Raises:
            ReaderError: If the log of the table does not reach back so far.
        """
        then = _instant(moment)
        commits = cls(uri, storage_options=storage_options).versions()
        reached = [commit["version"] for commit in commits if commit["at"] <= then]
        if not reached:
            raise ReaderError(
                f"The log of {uri} begins at {commits[-1]['at'].isoformat()}; expected a moment "
                f"after that, got {then.isoformat()}."
            )
        return cls(uri, version=max(reached), storage_options=storage_options)

    @property
    def version(self) -> int:
        """Version of the table that is read."""
        return int(self._opened.version())

    def versions(self) -> list[dict[str, Any]]:
        """The commits that the log still names, newest first: `version, at, run_id, reason`."""
        return [
            {
                "version": commit["version"],
                "at": datetime.fromtimestamp(commit["timestamp"] / 1000, UTC),
                "run_id": commit.get("run_id"),
                "reason": commit.get("reason"),
            }
            for commit in self._opened.history()
        ]

    def cutoffs(self) -> list[datetime]:
        """Cutoffs that have a batch, ascending; read from the log, not from the rows."""
        files = pa.table(self._opened.get_add_actions(flatten=True))
        if files.num_rows == 0:
            return []
        lowest, highest = files["min.cutoff"], files["max.cutoff"]
        # Every commit writes files of one cutoff; only a compaction mixes them.
        if not pc.all(pc.equal(lowest, highest), skip_nulls=False).as_py():
            lowest = self._opened.to_pyarrow_table(columns=["cutoff"])["cutoff"]
        return sorted(cutoff.astimezone(UTC) for cutoff in lowest.unique().to_pylist())

    def latest(self) -> pa.Table:
        """The newest batch, by series and time."""
        return self._batch(self._published()[-1])

    def batch(self, cutoff: Moment) -> pa.Table:
        """The batch of one cutoff, by series and time.

        Raises:
            ReaderError: If there is none; the nearest is named.
        """
        wanted, published = _instant(cutoff), self._published()
        if wanted not in published:
            nearest = min(published, key=lambda other: abs(other - wanted))
            raise ReaderError(
                f"No batch of the cutoff {wanted.isoformat()}; the nearest of the "
                f"{len(published)} published is {nearest.isoformat()}."
            )
        return self._batch(wanted)

    def as_of(self, moment: Moment) -> pa.Table:
        """The newest batch whose cutoff is not after a moment, as this snapshot has it.

        A batch that was published later for an earlier cutoff counts, and so does a correction;
        `Forecasts.as_then` leaves out what nobody could read at that moment.

        Raises:
            ReaderError: If there is none.
        """
        limit, published = _instant(moment), self._published()
        if limit < published[0]:
            raise ReaderError(
                f"No batch has a cutoff at or before {limit.isoformat()}; the first is "
                f"{published[0].isoformat()}."
            )
        return self._batch(max(cutoff for cutoff in published if cutoff <= limit))

    def history(self, unique_id: str) -> pa.Table:
        """Every forecast of one series, by cutoff and time.

        Raises:
            ReaderError: If no batch has the series.
        """
        rows = self._rows([("unique_id", "=", unique_id)], order=("cutoff", "ds"))
        if rows.num_rows == 0:
            raise ReaderError(f"No batch has the series {unique_id!r}.")
        return rows

    def said_for(self, ds: Moment, unique_id: str | None = None) -> pa.Table:
        """What each batch says for one step, by series and lead; the shortest is the newest word.

        Args:
            ds: The step.
            unique_id: Which series; None takes all.

        Raises:
            ReaderError: If no batch says anything for it.
        """
        step = _instant(ds)
        series: Where = [] if unique_id is None else [("unique_id", "=", unique_id)]
        rows = self._rows([("ds", "=", step), *series], order=("unique_id", "lead"))
        if rows.num_rows == 0:
            whose = "" if unique_id is None else f" of {unique_id!r}"
            raise ReaderError(f"No batch has a forecast{whose} for {step.isoformat()}.")
        return rows

    def against(self, actuals: pa.Table) -> pa.Table:
        """Every forecast whose actual is known, with `y` and `error`, by series, cutoff and time.

        `error` is the median less the actual, NaN where a batch has no median.

        Args:
            actuals: Columns `unique_id`, `ds` (with its zone) and `y`, a row per series and step;
                rows without `y` do not count.

        Raises:
            ReaderError: If a column is missing, `ds` has no zone, or a step is there twice.
        """
        known = _actuals(actuals)
        span = pc.min_max(known["ds"]).as_py()
        where: Where = [("ds", ">=", span["min"]), ("ds", "<=", span["max"])]
        rows = self._rows(where if known.num_rows else [], order=())
        rows = rows.join(known, keys=["unique_id", "ds"], join_type="inner")
        rows = rows.sort_by([(name, "ascending") for name in ("unique_id", "cutoff", "ds")])
        said = rows[MEDIAN] if MEDIAN in rows.column_names else pa.nulls(len(rows), pa.float32())
        return rows.append_column("error", pc.subtract(said.cast(pa.float64()), rows["y"]))

    def files(self, cutoff: Moment | None = None) -> list[str]:
        """The Parquet files of this snapshot, or those that may hold the batch of one cutoff."""
        where = None if cutoff is None else [("cutoff", "=", _instant(cutoff))]
        found = self._opened.file_uris(file_pruning_predicate=where)
        return [file if "://" in file else unquote(file) for file in found]

    def connect(self) -> "DuckDBPyConnection":
        """A DuckDB with three views of this snapshot; no extension is loaded or fetched.

        `forecasts` is every batch, `latest` the newest one, `said` has the words for each step in
        order of their lead: `from said where ds = timestamptz '2013-10-16 12:00Z'`.
        """
        import duckdb

        connection = duckdb.connect(
            config={"autoinstall_known_extensions": False, "autoload_known_extensions": False}
        )
        newest = self._published()[-1]
        connection.execute("set timezone = 'UTC'")
        connection.execute(f"create view forecasts as from {_parquet(self.files())}")
        connection.execute(
            f"create view latest as from {_parquet(self.files(newest))} "
            f"where cutoff = timestamptz '{newest.isoformat()}'"
        )
        connection.execute("create view said as from forecasts order by unique_id, ds, lead")
        return connection

    def _published(self) -> list[datetime]:
        published = self.cutoffs()
        if not published:
            raise ReaderError(
                f"The forecast table {self.uri} has no batch yet; `nightcast run` publishes one."
            )
        return published

    def _batch(self, cutoff: datetime) -> pa.Table:
        where = [("cutoff_date", "=", cutoff.date()), ("cutoff", "=", cutoff)]
        return self._rows(where, order=("unique_id", "ds"))

    def _rows(self, where: Where, order: Sequence[str]) -> pa.Table:
        """Rows of the files that can have any, without the quantiles that none of them has."""
        try:
            # To look at every file of a long history takes many times as long as to read one.
            found = self._opened.to_pyarrow_dataset(file_pruning_predicate=where or None)
            rows = found.to_table(filter=pq.filters_to_expression(where) if where else None)
        except FileNotFoundError:
            raise ReaderError(
                f"Version {self.version} of {self.uri} is gone: its files are removed some days "
                "after they were replaced; open the newest version."
            ) from None
        return _in_order(_tidy(rows), order)


def levels(rows: pa.Table) -> dict[str, float]:
    """Quantile columns and their levels, ascending: of `q10` a tenth of the outcomes lie below.

    >>> levels(pa.table({"q10": [1.0], "mean": [2.0], "q97_5": [3.0], "q2_5": [0.0]}))
    {'q2_5': 0.025, 'q10': 0.1, 'q97_5': 0.975}
    """
    found = {
        name: float(name[1:].replace("_", ".")) / 100
        for name in rows.column_names
        if re.fullmatch(r"q\d+(_\d+)?", name)
    }
    return dict(sorted(found.items(), key=lambda item: item[1]))


def _open(uri: str, version: int | None, options: Mapping[str, str] | None) -> "DeltaTable":
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError, TableNotFoundError

    _refuse_damage(uri, version)
    reach = None if options is None else dict(options)
    try:
        opened = DeltaTable(uri, storage_options=reach)
        if version is not None:
            _refuse_unknown(opened, version)
            opened.load_as_version(version)
    except TableNotFoundError:
        raise ReaderError(
            f"There is no forecast table at {uri}: nothing was published yet, or it lies elsewhere."
        ) from None
    except (OSError, DeltaError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise ReaderError(f"The table {uri} cannot be read: {reason}.") from error
    _refuse_other(uri, opened)
    return opened


def _refuse_damage(uri: str, version: int | None) -> None:
    """Refuse a log with an empty or cut entry: an empty one is read as if its batch had never been.

    A crash of the machine may leave one; object stores never do. Older versions can be read still.
    """
    local = uri.removeprefix("file://")
    if "://" in local:
        return
    for entry in sorted(Path(local).glob(f"_delta_log/{'[0-9]' * 20}.json")):
        if version is not None and int(entry.stem) > version:
            return
        if not _is_whole(entry):
            before = int(entry.stem) - 1
            raise ReaderError(
                f"The log entry {entry} is damaged: the machine stopped while it was written; "
                f"version {before} is the last before it, and publishing the batch anew after the "
                "entry is removed mends the table."
            )


def _is_whole(entry: Path) -> bool:
    """Whether an entry has a line, and each line is JSON."""
    try:
        lines = [json.loads(line) for line in entry.read_text(encoding="utf-8").splitlines()]
    except FileNotFoundError:
        return True  # upkeep has just removed it, behind a checkpoint
    except ValueError:
        return False
    return bool(lines)


def _refuse_unknown(opened: "DeltaTable", version: int) -> None:
    known = [commit["version"] for commit in opened.history()]
    if version not in known:
        raise ReaderError(
            f"There is no version {version} of {opened.table_uri}; its log has the versions "
            f"{min(known)} to {max(known)}."
        )


def _refuse_other(uri: str, opened: "DeltaTable") -> None:
    """Refuse a table of a newer Nightcast, and one that holds no forecasts."""
    fields = {field.name: field for field in opened.schema().fields}
    missing = [name for name in (*BEFORE_QUANTILES, *AFTER_QUANTILES) if name not in fields]
    marks = [field.metadata.get(SCHEMA_VERSION) for field in fields.values()]
    found = next((mark for mark in marks if mark is not None), "1")
    if str(found) not in map(str, range(1, NEWEST_SCHEMA + 1)):
        raise ReaderError(
            f"{uri} has the schema version {found}, but this file knows versions up to "
            f"{NEWEST_SCHEMA}; take the nightcast_reader.py of the Nightcast that wrote it."
        )
    if missing:
        raise ReaderError(f"{uri} is no forecast table: it lacks the columns {', '.join(missing)}.")


def _instant(moment: Moment) -> datetime:
    """A moment in UTC; without an offset nobody knows which one is meant."""
    try:
        parsed = datetime.fromisoformat(str(moment))
    except ValueError:
        parsed = None
    if parsed is None or parsed.tzinfo is None:
        raise ReaderError(
            "Expected a time with its offset, such as 2013-10-16T04:00Z or "
            f"2013-10-16T00:00-04:00, got {str(moment)!r}."
        )
    return parsed.astimezone(UTC)


def _tidy(rows: pa.Table) -> pa.Table:
    """The columns in their order, without those in which all rows are empty."""
    filled = [name for name in rows.column_names if rows[name].null_count < rows.num_rows]
    quantiles = levels(rows)
    others = {*BEFORE_QUANTILES, *AFTER_QUANTILES, *quantiles}
    more = [name for name in filled if name not in others]
    kept = [name for name in quantiles if name in filled or rows.num_rows == 0]
    return rows.select([*BEFORE_QUANTILES, *kept, *AFTER_QUANTILES, *more])


def _in_order(rows: pa.Table, names: Sequence[str]) -> pa.Table:
    """Sort by columns; looking is much cheaper than sorting what is sorted already."""
    below, ties = pa.scalar(False), pa.scalar(True)
    here, following = rows.slice(0, max(0, rows.num_rows - 1)), rows.slice(1)
    for name in names:
        below = pc.or_(below, pc.and_(ties, pc.less(here[name], following[name])))
        ties = pc.and_(ties, pc.equal(here[name], following[name]))
    if not names or pc.all(pc.or_(below, ties)).as_py():
        return rows
    return rows.sort_by([(name, "ascending") for name in names])


def _actuals(given: pa.Table) -> pa.Table:
    missing = [name for name in ("unique_id", "ds", "y") if name not in given.column_names]
    if missing:
        raise ReaderError(f"Expected actuals with unique_id, ds and y; missing: {missing}.")
    if getattr(given["ds"].type, "tz", None) is None:
        raise ReaderError("Expected actuals whose ds has a time zone, got times without one.")
    typed = pa.schema(
        [("unique_id", pa.string()), ("ds", pa.timestamp("us", "UTC")), ("y", pa.float64())]
    )
    known = given.select(typed.names).cast(typed)
    known = known.filter(pc.and_kleene(pc.is_valid(known["y"]), pc.invert(pc.is_nan(known["y"]))))
    if known.group_by(["unique_id", "ds"]).aggregate([]).num_rows < known.num_rows:
        raise ReaderError("Expected one actual per series and step, got several for some.")
    return known


def _parquet(files: Sequence[str]) -> str:
    """A DuckDB expression that reads exactly these files; batches may have other quantiles."""
    names = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
    return (
        f"read_parquet([{names}], union_by_name = true, hive_partitioning = true, "
        "hive_types = {'cutoff_date': date})"
    )
