import os
import urllib.request

import pytest

from data_contracts.errors import StorageError
from tasks.stores.delta import open_table
from tasks.stores.forecasts import forecasts_table
from tasks.stores.objects import ObjectStore
from tasks.stores.warehouse import Warehouse


@pytest.fixture
def store(bucket):
    return ObjectStore(f"{bucket}/nyc")


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    path.write_text("content")
    return path


def test_an_object_is_put_listed_read_and_removed(store, file, tmp_path):
    store.put("runs/a/x.txt", file)
    store.put("runs/b/y.txt", file)
    assert set(store.entries("runs")) == {"runs/a/x.txt", "runs/b/y.txt"}
    assert store.entry("runs/a/x.txt").size == len("content")
    assert store.entry("runs/a") is None
    store.get("runs/a/x.txt", tmp_path / "new" / "copy")
    assert (tmp_path / "new" / "copy").read_text() == "content"
    store.remove(["runs/a/x.txt", "runs/a/x.txt", "never/there"])
    assert set(store.entries("runs")) == {"runs/b/y.txt"}


def test_a_later_content_takes_the_place_of_an_earlier_one(store, file, tmp_path):
    store.put("x", file)
    file.write_text("other")
    store.put("x", file)
    store.get("x", tmp_path / "copy")
    assert (tmp_path / "copy").read_text() == "other"


def uses(store, file):
    yield lambda: store.put("x", file)
    yield lambda: store.entries("runs")
    yield lambda: store.entry("x")
    yield lambda: store.get("x", file)
    yield lambda: store.remove(["x"])
    yield lambda: open_table(forecasts_table(Warehouse(file.parent, store)))


def complaints(store, file):
    found = []
    for use in uses(store, file):
        with pytest.raises(StorageError) as trouble:
            use()
        found.append(str(trouble.value))
    return found


def test_a_store_that_does_not_answer_is_one_sentence(store, file, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    for complaint in complaints(ObjectStore(store.uri), file):
        assert f"{store.uri}" in complaint
        assert ": the store does not answer; expected a bucket that is there, and" in complaint


def test_credentials_that_are_wrong_are_one_sentence_without_them(store, s3_address, file):
    def checked_from_now_on(after):
        kind = {"Content-Type": "text/plain"}
        address = f"{s3_address}/moto-api/reset-auth"
        urllib.request.urlopen(urllib.request.Request(address, after, kind, method="POST")).close()

    checked_from_now_on(b"0")
    try:
        told = complaints(store, file)
    finally:
        checked_from_now_on(b"inf")
    for complaint in told:
        assert f"{store.uri}" in complaint
        assert "the store does not let this user in (" in complaint
        assert "\n" not in complaint
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            assert os.environ[name] not in complaint


def test_a_bucket_that_does_not_exist_is_one_sentence(store, file):
    missing = ObjectStore("s3://no-such-bucket/nyc")
    with pytest.raises(StorageError, match=r"^Cannot write s3://no-such-bucket/nyc/x: there is no"):
        missing.put("x", file)
    with pytest.raises(StorageError, match=r"no-such-bucket/nyc/forecasts\.delta: there is no"):
        open_table(forecasts_table(Warehouse(file.parent, missing)))
