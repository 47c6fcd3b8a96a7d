"""The border to the observations: which Parquet files there are, and whether they can be read."""

import difflib
import hashlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
from pyarrow import fs

from data_contracts.errors import NightcastError, RefusedError, SpecError
from data_contracts.spec import Spec
from tasks.stores.connection import connect, is_object_store
from tasks.stores.kinds import is_label, is_number, is_text, is_time, value_type
from tasks.stores.trouble import storage_trouble

SUFFIXES = (".parquet", ".parq", ".pq")
DIGEST_LENGTH = 16
BATCH_ROWS = 1 << 18  # large enough for numpy to be quick, small enough to bound memory
# Words by which a reader says that the content of a file is wrong, not that it was not reached.
DAMAGE = ("orrupt", "deserialize", "decompress", "end of stream")


@dataclass(frozen=True)
class Source:
    """Parquet files that hold every column the spec names, in types that can be read.

    Attributes:
        dataset: The wanted columns of all files, in the order of the file names.
        spec: What names the columns.
        num_rows: Rows of all files together.
        files: What `digest_of_files` says of them.
    """

    dataset: pads.Dataset
    spec: Spec
    num_rows: int
    files: str = ""

    def type_of(self, column: str) -> pa.DataType:
        """Arrow type of a column, of its values where it is dictionary-encoded."""
        return value_type(self.dataset.schema.field(column).type)

    def batches(self, columns: list[str], where: pads.Expression) -> Iterator[pa.RecordBatch]:
        """Rows that pass the filter, in the order of files and rows, a bounded number at a time.

        Raises:
            RefusedError: If the content of a file is damaged.
            StorageError: If an object store cannot be read.
        """
        with _in_reach(self.spec.source.uri):
            yield from self._batches(columns, where)

    def _batches(self, columns: list[str], where: pads.Expression) -> Iterator[pa.RecordBatch]:
        scanner = self.dataset.scanner(
            columns=columns,
            filter=where,
            batch_size=BATCH_ROWS,
            batch_readahead=4,
            fragment_readahead=1,
        )
        try:
            yield from (batch for batch in scanner.to_batches() if batch.num_rows)
        except (pa.ArrowInvalid, OSError) as error:
            raise_if_out_of_reach(error)
            raise RefusedError(
                f"source.uri: expected sound Parquet in {self.spec.source.uri}, got damaged data "
                f"({str(error).splitlines()[0]}); write the file again."
            ) from None

    def example(self, column: str) -> object:
        """The first value of a column that is not null, None without one."""
        for batch in self.batches([column], pc.field(column).is_valid()):
            return batch.column(0)[0].as_py()
        return None


def open_source(spec: Spec) -> Source:
    """Find the files of a spec and check their columns, without reading a row.

    Raises:
        SpecError: If there is no such file or folder, or it is not meant to be Parquet.
        RefusedError: If a file is torn, there are no rows, or a column is missing or of the wrong
            type.
        StorageError: If an object store cannot be read.
    """
    with _in_reach(spec.source.uri):
        return _open_source(spec)


def _open_source(spec: Spec) -> Source:
    texts = {spec.source.columns.unique_id, *spec.covariates.static}
    files = digest_of_files(spec.source.uri)
    dataset = open_files(spec.source.uri, codes=texts)
    fragments = list(dataset.get_fragments())
    schemas = [_schema(fragment, dataset.schema) for fragment in fragments]
    keys = _spec_keys(spec)
    for fragment, schema in zip(fragments, schemas, strict=True):
        _refuse_missing_columns(keys, schema.names, fragment.path)
    num_rows = sum(fragment.count_rows() for fragment in fragments)
    if num_rows == 0:
        raise RefusedError(
            f"{spec.source.uri}: expected observations, got Parquet with no rows; "
            "check what writes it."
        )
    fields = [_common_field(column, schemas, key) for column, key in keys.items()]
    dataset = pads.FileSystemDataset(
        fragments, pa.schema(fields), dataset.format, dataset.filesystem
    )
    source = Source(dataset, spec, num_rows, files)
    _refuse_wrong_types(source)
    return source


def open_files(uri: str, *, codes: Collection[str] = ()) -> pads.FileSystemDataset:
    """All Parquet files at or below a path or URI; hive folders add the columns they name.

    Args:
        uri: A file or a folder, here or in an object store.
        codes: Columns of texts that repeat: they are read as dictionary codes, and so are those in
            the names of folders. Without any, all columns have the types that they are stored in.

    Raises:
        SpecError: If there is no such file or folder, or it is not meant to be Parquet.
        RefusedError: If the first file is torn, or has a column twice.
    """
    with _in_reach(uri):
        filesystem, root = _locate(uri)
        files = [info.path for info in _parquet_files(filesystem, root, uri)]
    options = pads.ParquetReadOptions(dictionary_columns=set(codes))
    try:
        return pads.dataset(
            files,
            format=pads.ParquetFileFormat(read_options=options),
            filesystem=filesystem,
            partitioning=pads.HivePartitioning.discover(infer_dictionary=bool(codes)),
            partition_base_dir=root,
        )
    except (pa.ArrowInvalid, OSError) as error:
        raise_if_out_of_reach(error)
        _refuse_doubled(_names(files[0], filesystem), files[0])
        raise no_parquet(files[0]) from None


def digest_of_files(uri: str) -> str:
    """A digest of the names, sizes and times of all Parquet files at or below a path or URI.

    Raises:
        SpecError: If there is no such file or folder, or it is not meant to be Parquet.
        StorageError: If an object store cannot be read.
    """
    with _in_reach(uri):
        infos = _parquet_files(*_locate(uri), uri)
    known = [(info.path, info.size, info.mtime_ns) for info in infos]
    return hashlib.sha256(repr(known).encode()).hexdigest()[:DIGEST_LENGTH]


@contextmanager
def _in_reach(uri: str) -> Iterator[None]:
    """Turn what an object store complains about into one sentence; a file system says it itself."""
    with storage_trouble("read", uri) if is_object_store(uri) else nullcontext():
        yield


def raise_if_out_of_reach(error: Exception) -> None:
    """Let an error of the storage go on, which may pass, but not one of the content of a file."""
    if isinstance(error, OSError) and not any(word in str(error) for word in DAMAGE):
        raise error


def _names(path: str, filesystem: fs.FileSystem) -> list[str]:
    """Columns of one file.

    Raises:
        NightcastError: If it is not Parquet; see `no_parquet`.
    """
    try:
        return list(pads.ParquetFileFormat().make_fragment(path, filesystem).physical_schema.names)
    except (pa.ArrowInvalid, OSError) as error:
        raise_if_out_of_reach(error)
        raise no_parquet(path) from None


def _refuse_doubled(names: list[str], path: str) -> None:
    doubled = [name for place, name in enumerate(names) if name in names[:place]]
    if doubled:
        raise RefusedError(
            f"source.uri: expected every column once in {Path(path).name}, got {doubled[0]!r} "
            "twice; rename one where the file is written."
        )


def _locate(uri: str) -> tuple[fs.FileSystem, str]:
    """File system and path of a URI; a path without a scheme is on this machine."""
    if "://" not in uri:
        return fs.LocalFileSystem(), Path(uri).absolute().as_posix()
    try:
        return connect(uri)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise SpecError(
            "source.uri: expected a path or a URI such as s3://bucket/folder, "
            f"got {uri!r} ({' '.join(str(error).split())})."
        ) from None


def _parquet_files(filesystem: fs.FileSystem, root: str, uri: str) -> list[fs.FileInfo]:
    """All Parquet files at or below a path, by their paths ascending."""
    info = filesystem.get_file_info(root)
    if info.type == fs.FileType.NotFound:
        raise SpecError(
            f"source.uri: no such file or folder: {uri}; a path is relative to where the command "
            "is started."
        )
    if info.is_file:
        return [info]
    infos = filesystem.get_file_info(fs.FileSelector(root, recursive=True))
    below = {info.path.removeprefix(root).lstrip("/"): info for info in infos}
    if "_delta_log" in below:
        raise SpecError(
            f"source.uri: expected plain Parquet, got the Delta table {uri}, whose files hold rows "
            "that are deleted; export it to a folder first."
        )
    wanted = (info for name, info in below.items() if info.is_file and _is_wanted(name))
    files = sorted(wanted, key=lambda info: str(info.path))
    if not files:
        raise SpecError(
            f"source.uri: expected Parquet files ({', '.join(SUFFIXES)}) in the folder {uri}, "
            f"found none among {sum(info.is_file for info in infos)} files."
        )
    return files


def _is_wanted(name: str) -> bool:
    hidden = any(part.startswith((".", "_")) for part in name.split("/"))
    return name.lower().endswith(SUFFIXES) and not hidden


def _schema(fragment: pads.ParquetFileFragment, common: pa.Schema) -> pa.Schema:
    """Columns of one file, those in the names of its folders included."""
    try:
        schema = fragment.physical_schema
    except (pa.ArrowInvalid, OSError) as error:
        raise_if_out_of_reach(error)
        raise no_parquet(fragment.path) from None
    _refuse_doubled(schema.names, fragment.path)
    for name in pads.get_partition_keys(fragment.partition_expression):
        if name not in schema.names:
            schema = schema.append(common.field(name))
    return schema


def no_parquet(path: str) -> NightcastError:
    """The complaint about a file that is no Parquet: of the data where it is named like one."""
    complaint = f"source.uri: expected a Parquet file, got {path}, which is something else"
    if path.lower().endswith(SUFFIXES):
        return RefusedError(f"{complaint} or incomplete; write it again.")
    return SpecError(f"{complaint}; name a file or a folder of Parquet.")


def _spec_keys(spec: Spec) -> dict[str, str]:
    """Which key of the spec names each column of the source."""
    columns, covariates = spec.source.columns, spec.covariates
    keys = {
        columns.unique_id: "source.columns.unique_id",
        columns.ds: "source.columns.ds",
        columns.y: "source.columns.y",
    }
    if spec.source.available_at:
        keys[spec.source.available_at] = "source.available_at"
    for role in ("past", "known", "static"):
        keys |= dict.fromkeys(getattr(covariates, role), f"covariates.{role}")
    return keys


def _refuse_missing_columns(keys: dict[str, str], present: list[str], path: str) -> None:
    for column, key in keys.items():
        if column not in present:
            close = difflib.get_close_matches(column, present, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"name one of them in {key}."
            raise RefusedError(
                f"{key}: expected a column {column!r} in {Path(path).name}, which has "
                f"{', '.join(present)}; {hint}"
            )


def _common_field(column: str, schemas: list[pa.Schema], key: str) -> pa.Field:
    """One type for a column in all files.

    Raises:
        RefusedError: If times carry a zone here and none, or another one, there.
    """
    kinds = list(dict.fromkeys(schema.field(column).type for schema in schemas))
    zones = list(dict.fromkeys(kind.tz for kind in kinds if pa.types.is_timestamp(kind)))
    if len(zones) > 1:
        zoned = " and ".join("no time zone" if zone is None else zone for zone in zones)
        raise RefusedError(
            f"{key}: expected one time zone in column {column!r} of all files, got {zoned}; "
            "store UTC in every file."
        )
    if len(kinds) == 1:
        return pa.field(column, kinds[0])
    values = [value_type(kind) for kind in kinds]
    if zones and all(pa.types.is_temporal(kind) for kind in values):
        return pa.field(column, pa.timestamp("ns", zones[0]))
    if all(is_number(kind) or pa.types.is_null(kind) for kind in values):
        return pa.field(column, pa.float64())
    if all(is_label(kind) or pa.types.is_null(kind) for kind in values):
        return pa.field(column, pa.string())
    raise RefusedError(
        f"{key}: expected one type for column {column!r} in all files, got "
        f"{' and '.join(dict.fromkeys(map(_word, values)))}; write them alike."
    )


def _refuse_wrong_types(source: Source) -> None:
    spec = source.spec
    wanted = {spec.source.columns.unique_id: (is_label, "text or whole numbers")}
    wanted |= dict.fromkeys(spec.covariates.static, (is_label, "text or whole numbers"))
    wanted[spec.source.columns.y] = (is_number, "numbers")
    numbers = (*spec.covariates.past, *spec.covariates.known)
    wanted |= dict.fromkeys(numbers, (is_number, "numbers or booleans"))
    wanted[spec.source.columns.ds] = (is_time, "timestamps or dates")
    if spec.source.available_at:
        wanted[spec.source.available_at] = (pa.types.is_timestamp, "timestamps")
    keys = _spec_keys(spec)
    for column, (accepts, expectation) in wanted.items():
        kind = source.type_of(column)
        may_be_null = accepts is is_number or column in spec.covariates.static
        if not accepts(kind) and not (may_be_null and pa.types.is_null(kind)):
            raise RefusedError(
                f"{keys[column]}: expected {expectation} in column {column!r}, got {_word(kind)} "
                f"such as {source.example(column)!r}; convert it where the file is written."
            )
    times = filter(None, (spec.source.columns.ds, spec.source.available_at))
    for column in times if spec.calendar.timezone is None else ():
        _refuse_naive(column, source.type_of(column), keys[column])


def _refuse_naive(column: str, kind: pa.DataType, key: str) -> None:
    if pa.types.is_timestamp(kind) and kind.tz is None:  # a date is the same day everywhere
        raise RefusedError(
            f"{key}: expected times with a zone in column {column!r}, got {kind} without one; "
            "say in calendar.timezone which local time it is (UTC is a valid answer)."
        )


def _word(kind: pa.DataType) -> str:
    """A type as people call it."""
    return "text" if is_text(kind) else str(kind)


def before(column: str, kind: pa.DataType, bound: pd.Timestamp, timezone: str) -> pads.Expression:
    """Filter that keeps what lies at or before a bound, and nulls, so that they can be refused.

    Local times that occur twice, when clocks are set back, count as the later of the two.
    """
    field = pc.field(column)
    return (field <= _scalar(kind, bound, timezone)) | field.is_null()


def _scalar(kind: pa.DataType, bound: pd.Timestamp, timezone: str) -> pa.Scalar:
    """The bound in the type of a column, rounded down."""
    zone = getattr(kind, "tz", None)
    if zone is None:
        local = bound.tz_convert(timezone).tz_localize(None)
        late = local.tz_localize(timezone, ambiguous=False, nonexistent="shift_forward")
        bound = local - max(late - bound, pd.Timedelta(0))
    if pa.types.is_date(kind):
        return pa.scalar(bound.date(), kind)
    count = bound.floor(kind.unit).as_unit(kind.unit).to_datetime64().astype("int64")
    return pa.scalar(int(count)).cast(kind)
