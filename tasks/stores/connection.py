"""How object stores are reached. What they ask for comes from the environment alone.

Credentials, regions and endpoints are never in a spec, and so in no record and no log: `AWS_*` for
S3, the usual variables of Google and Azure for the others.
"""

import os
from pathlib import Path

from pyarrow import fs

SCHEMES = ("s3://", "gs://", "az://")
ATTEMPTS = 3
SECONDS_TO_CONNECT = 5
# By default a store that is not there would be asked again for three minutes.
PATIENCE = {
    "max_retries": str(ATTEMPTS),
    "retry_timeout": "30s",
    "connect_timeout": f"{SECONDS_TO_CONNECT}s",
    "timeout": "60s",
}


def is_object_store(place: Path | str) -> bool:
    """Whether a place is in an object store and not on this machine."""
    return isinstance(place, str) and place.startswith(SCHEMES)


def options_for(place: Path | str) -> dict[str, str] | None:
    """What `deltalake` needs to know beside a place; nothing on this machine."""
    return PATIENCE if is_object_store(place) else None


def connect(uri: str) -> tuple[fs.FileSystem, str]:
    """File system and path of a URI.

    Raises:
        ArrowInvalid: If it is no URI of an object store.
        OSError: If the store cannot be reached.
    """
    plain = uri.startswith("s3://") and not any(sign in uri for sign in "?@")
    if not plain:  # what else a URI may say about how to reach its store
        filesystem, path = fs.FileSystem.from_uri(uri.replace("az://", "abfs://", 1))
        return filesystem, path.rstrip("/")
    path = uri.removeprefix("s3://").rstrip("/")
    return _s3(path.split("/")[0]), path


def _s3(bucket: str) -> fs.S3FileSystem:
    endpoint = _named("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
    region = _named("AWS_REGION", "AWS_DEFAULT_REGION")
    if not region and not endpoint:  # Amazon alone has several
        region = fs.resolve_s3_region(bucket)
    scheme, _, address = (endpoint or "https://").rpartition("://")
    return fs.S3FileSystem(
        region=region,
        scheme=scheme or "https",
        endpoint_override=address or None,
        connect_timeout=SECONDS_TO_CONNECT,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
        allow_delayed_open=True,  # else a small object takes three requests in the place of one
    )


def _named(*variables: str) -> str | None:
    """The first of some variables of the environment that is set."""
    values = (os.environ.get(name) for name in variables)
    return next(filter(None, values), None)
