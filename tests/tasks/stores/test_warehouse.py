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


@pytest.mark.parametrize("uri", ["s3://bucket/nightcast", "gs://bucket/a/", "az://box"])
def test_in_an_object_store_tables_are_at_uris_and_files_in_the_cache(uri, tmp_path, monkeypatch):
    monkeypatch.setenv("NIGHTCAST_CACHE", str(tmp_path))
    warehouse = warehouse_of(spec(uri))
    place = uri.rstrip("/") + "/nyc"
    assert warehouse.place == place
    assert warehouse.forecasts == f"{place}/forecasts.delta"
    assert warehouse.models == tmp_path / place.replace("://", "/") / "models"


def test_the_cache_is_where_the_system_keeps_caches(tmp_path, monkeypatch):
    monkeypatch.delenv("NIGHTCAST_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert (
        warehouse_of(spec("s3://bucket")).root == tmp_path / "nightcast" / "s3" / "bucket" / "nyc"
    )


@pytest.mark.parametrize(
    ("uri", "complaint"),
    [
        ("ftp://box/a", "expected a folder or a URI that begins with s3://, gs://, az://, got"),
        ("s3://", "expected the name of a bucket after s3://, got none"),
        ("s3://key:word@bucket/a", r"got 's3://\*\*\*@bucket/a'; credentials and options come"),
        ("s3://bucket/a?secret_key=word", r"got 's3://bucket/a\?\*\*\*'; credentials and"),
    ],
)
def test_other_uris_are_refused_without_what_they_keep_secret(uri, complaint):
    with pytest.raises(SpecError, match=f"^warehouse: .*{complaint}") as refusal:
        warehouse_of(spec(uri))
    assert "word" not in str(refusal.value)


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
