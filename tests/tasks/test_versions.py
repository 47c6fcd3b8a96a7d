import json

import pytest

from data_contracts.errors import StorageError
from tasks.contenders import open_proven
from tasks.stores.registry import find_version


def test_a_version_keeps_its_spec_and_its_probe_under_its_manifest(tonight_of, walks, probed):
    uri = "s3://key:SECRET@bucket/folder"
    tonight = tonight_of(source={"uri": uri})

    version = probed(tonight, walks)

    folder = tonight.warehouse.models / version
    files = json.loads((folder / "manifest.json").read_text())["files"]
    assert {"spec.json", "probe/quantiles.npy"} < set(files)
    spec = json.loads((folder / "spec.json").read_text())
    assert (spec["horizon"], spec["source"]["uri"]) == (24, "s3://***@bucket/folder")
    assert "warehouse" not in spec
    assert open_proven(tonight.warehouse, version, "champion").version == version
    assert find_version(tonight.warehouse, version).removed_at is None


def test_a_version_whose_probe_was_altered_is_refused(tonight_of, walks, probed):
    tonight = tonight_of()
    version = probed(tonight, walks)
    file = tonight.warehouse.models / version / "probe" / "quantiles.npy"
    file.write_bytes(file.read_bytes()[:-1] + b"x")

    with pytest.raises(StorageError, match=r"probe/quantiles.npy has been altered"):
        open_proven(tonight.warehouse, version, "champion")
