import pytest
import yaml

from data_contracts.errors import SpecError
from data_contracts.spec import parse_spec
from tasks.stores.specs import keep_spec, read_spec
from tasks.stores.warehouse import warehouse_of

FIELDS = {
    "name": "nyc",
    "source": {"uri": "observations.parquet"},
    "calendar": {"frequency": "h"},
    "horizon": 24,
    "baseline": ["AutoETS", "seasonal_naive"],
    "training": {"on": "gpu", "queue_minutes": 3},
}


def place_of(warehouse):
    """What a spec says where its warehouse is."""
    place = str(warehouse.root.parent) if warehouse.store is None else warehouse.store.uri
    return place.removesuffix("/nyc")


def test_what_a_night_keeps_is_what_a_worker_reads(anywhere):
    spec = parse_spec(FIELDS | {"warehouse": place_of(anywhere)})

    reference = keep_spec(anywhere, spec)

    assert reference.endswith(f"nyc/specs/{spec.digest}.yaml")
    assert read_spec(reference) == spec
    assert read_spec(reference).digest == spec.digest


def test_a_worker_in_another_folder_finds_the_same_warehouse(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    spec = parse_spec(FIELDS | {"warehouse": "a/warehouse"})
    reference = keep_spec(warehouse_of(spec), spec)

    monkeypatch.chdir("/")

    assert warehouse_of(read_spec(reference)).root == tmp_path / "a/warehouse/nyc"
    assert read_spec(f"file://{reference}").digest == spec.digest


def test_what_a_uri_keeps_secret_stays_out(anywhere):
    uri = "s3://key:se/cret@bucket/a?endpoint_override=x"
    spec = parse_spec(FIELDS | {"warehouse": place_of(anywhere), "source": {"uri": uri}})

    kept = read_spec(keep_spec(anywhere, spec))

    assert kept.source.uri == "s3://***@bucket/a?***"
    assert kept.digest == spec.digest, "so that both name the same versions"


def test_a_spec_that_has_not_changed_is_not_written_again(anywhere):
    spec = parse_spec(FIELDS | {"warehouse": place_of(anywhere)})
    keep_spec(anywhere, spec)
    path = anywhere.specs / f"{spec.digest}.yaml"
    written = path.stat().st_mtime_ns

    keep_spec(anywhere, spec)
    assert path.stat().st_mtime_ns == written

    later = spec.model_copy(update={"training": spec.training.model_copy(update={"on": "local"})})
    assert read_spec(keep_spec(anywhere, later)).training.on == "local"


def test_a_spec_of_a_person_may_lie_in_an_object_store(bucket, tmp_path):
    from tasks.stores.objects import ObjectStore

    file = tmp_path / "nyc.yaml"
    fields = {key: value for key, value in FIELDS.items() if key != "name"}
    file.write_text(yaml.safe_dump(fields))
    ObjectStore(bucket).put("specs/departures.yaml", file)

    assert read_spec(f"{bucket}/specs/departures.yaml").name == "departures"
    with pytest.raises(SpecError, match=r"departure\.yaml: no such spec; see whether"):
        read_spec(f"{bucket}/specs/departure.yaml")
