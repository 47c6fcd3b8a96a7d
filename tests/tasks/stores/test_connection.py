from pathlib import Path

import pytest
from pyarrow import fs

from tasks.stores.connection import connect, is_object_store, options_for


@pytest.mark.parametrize("place", ["s3://bucket/a", "gs://bucket", "az://box/a"])
def test_object_stores_are_known_by_their_scheme_and_asked_a_few_times(place):
    assert is_object_store(place)
    assert options_for(place)["max_retries"] == "3"


@pytest.mark.parametrize("place", [Path("s3:/bucket"), "file:///a", "./a", "http://box/a"])
def test_all_other_places_need_nothing(place):
    assert not is_object_store(place)
    assert options_for(place) is None


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9", "127.0.0.1:9"])
def test_the_environment_says_where_s3_is(monkeypatch, endpoint):
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    filesystem, path = connect("s3://bucket/a folder/")
    assert isinstance(filesystem, fs.S3FileSystem)
    assert filesystem.region == "eu-central-1"
    assert path == "bucket/a folder"
