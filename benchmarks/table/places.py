"""Where the table is measured: in a folder of this machine, and in an object store (moto's S3)."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.object_store import environment, new_bucket, s3_server, with_environment
from benchmarks.report import Figure
from tasks.stores.objects import ObjectStore
from tasks.stores.warehouse import Warehouse

Measure = Callable[[Warehouse, str], list[Figure]]


def everywhere(measure: Measure) -> list[Figure]:
    """The figures of a warehouse in a folder, then of one in an object store.

    Args:
        measure: Gets an empty warehouse and what to call its place, such as `on disk`.
    """
    with _folder() as folder:
        figures = measure(Warehouse(folder / "nyc"), "on disk")
        with _bucket() as uri:
            store = ObjectStore(f"{uri}/nyc")
            figures += measure(Warehouse(folder / "cache" / "nyc", store), "on S3")
    return figures


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="nightcast-table-") as name:
        yield Path(name)


@contextmanager
def _bucket() -> Iterator[str]:
    with s3_server() as address, with_environment(environment(address)):
        yield new_bucket(address)
