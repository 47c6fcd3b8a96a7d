import os

from benchmarks.object_store import new_bucket, with_environment
from tasks.stores.objects import ObjectStore


def test_buckets_are_empty_and_of_different_names(s3_address, bucket):
    other = new_bucket(s3_address)
    assert other != bucket
    assert ObjectStore(other).entries("a") == {}


def test_an_environment_ends_as_it_began(monkeypatch):
    monkeypatch.setenv("AWS_REGION", "before")
    monkeypatch.delenv("AWS_ALLOW_HTTP", raising=False)
    with with_environment({"AWS_REGION": "meanwhile", "AWS_ALLOW_HTTP": "true"}):
        assert (os.environ["AWS_REGION"], os.environ["AWS_ALLOW_HTTP"]) == ("meanwhile", "true")
    assert os.environ["AWS_REGION"] == "before"
    assert "AWS_ALLOW_HTTP" not in os.environ
