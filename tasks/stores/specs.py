"""Specs by reference: every night keeps its own in the warehouse, where any worker reads it.

What is kept is whole: defaults are filled in, and the warehouse is named so that another process
finds it. Only what URIs keep secret is left out, as it is from the digest that names the file.
"""

import json
from pathlib import Path
from typing import Any

import yaml

from data_contracts.errors import SpecError
from data_contracts.plain_text import without_secrets
from data_contracts.spec import Spec, load_spec, spec_in
from tasks.stores.connection import is_object_store
from tasks.stores.files import write_text
from tasks.stores.objects import ObjectStore
from tasks.stores.sharing import fetch_file, share_file
from tasks.stores.warehouse import Warehouse

_HEADING = "# As the last night with this digest had it; secrets are left out.\n"


def keep_spec(warehouse: Warehouse, spec: Spec) -> str:
    """Write a spec to `specs/<digest>.yaml`, in the place of another one of the same digest.

    Returns:
        The path or URI by which any worker reads it.

    Raises:
        StorageError: If the object store cannot be reached.
    """
    path = warehouse.specs / f"{spec.digest}.yaml"
    fields = _fields(warehouse, spec)
    text = _HEADING + yaml.safe_dump(fields, sort_keys=False, allow_unicode=True)
    fetch_file(warehouse, path)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        write_text(path, text)
        share_file(warehouse, path)
    return warehouse.uri_of(path)


def read_spec(reference: str) -> Spec:
    """Read a spec from a path or from an object store.

    Raises:
        SpecError: If there is no such spec, it is not YAML, or a key is wrong.
        StorageError: If the object store cannot be read.
    """
    if not is_object_store(reference):
        return load_spec(reference.removeprefix("file://"))
    return spec_in(spec_text(reference), origin=reference)


def spec_text(reference: str) -> str:
    """The text of a spec, which `read_spec` can read, at a path or in an object store.

    Raises:
        SpecError: If there is no such spec in the store.
        StorageError: If the object store cannot be read.
    """
    if not is_object_store(reference):
        return Path(reference.removeprefix("file://")).read_text(encoding="utf-8")
    folder, _, name = reference.rpartition("/")
    store = ObjectStore(folder)
    if store.entry(name) is None:
        raise SpecError(f"{reference}: no such spec; see whether its name is right.")
    return store.read(name).decode("utf-8", "replace")


def _fields(warehouse: Warehouse, spec: Spec) -> dict[str, Any]:
    kept: dict[str, Any] = json.loads(without_secrets(spec.model_dump_json()))
    in_store = warehouse.store is not None
    return kept | {
        "warehouse": spec.warehouse if in_store else str(warehouse.root.parent.resolve())
    }
