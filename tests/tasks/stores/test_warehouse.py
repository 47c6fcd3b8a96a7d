import pandas as pd
import pytest

from data_contracts.errors import SpecError
from data_contracts.spec import parse_spec
from tasks.stores.warehouse import open_warehouse, warehouse_of


def spec(warehouse):
    return parse_spec(
        {
            "name": "nyc",
            "source": {"uri": "observations.parquet"},
            "calendar": {"frequency": "h"},
            "horizon": 24,
            "warehouse": str(warehouse),
        }
    )


def test_opening_makes_the_folder_of_the_spec_and_leaves_nothing_in_it(tmp_path):
    warehouse = open_warehouse(spec(tmp_path / "a" / "b"))
    assert warehouse.root == tmp_path / "a" / "b" / "nyc"
    assert list(warehouse.root.iterdir()) == []


def test_a_file_uri_is_a_folder(tmp_path):
    assert open_warehouse(spec(f"file://{tmp_path}")).root == tmp_path / "nyc"


def test_looking_up_where_a_warehouse_is_creates_nothing(tmp_path):
    assert warehouse_of(spec(tmp_path / "new")).root == tmp_path / "new" / "nyc"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("uri", ["s3://bucket/nightcast", "gs://bucket", "az://box"])
def test_an_object_store_is_refused(uri):
    with pytest.raises(
        SpecError, match=f"warehouse: expected a folder on this machine, got '{uri}'"
    ):
        open_warehouse(spec(uri))


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(
        SpecError, match=r"warehouse: cannot write to .*nyc: Not a directory; name a"
    ):
        open_warehouse(spec(tmp_path / "file"))


def test_the_folder_of_a_run_is_named_after_the_cutoff_in_utc(tmp_path):
    cutoff = pd.Timestamp("2013-10-15T23:00", tz="America/New_York")
    assert warehouse_of(spec(tmp_path)).run(cutoff).name == "20131016T0300"


def test_every_table_is_under_the_root_and_named_delta(tmp_path):
    warehouse = warehouse_of(spec(tmp_path))
    tables = ("forecasts", "evaluations", "decisions", "quarantine", "registry")
    for name in tables:
        assert getattr(warehouse, name) == warehouse.root / f"{name}.delta"
