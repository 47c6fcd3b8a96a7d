"""An S3 on this machine: moto's server on loopback, in a process of its own."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from uuid import uuid4

SECONDS_TO_START = 120.0  # importing flask and moto takes three on a machine that is not busy


@contextmanager
def s3_server() -> Iterator[str]:
    """Address of a server without any bucket, such as `http://127.0.0.1:5000`.

    Raises:
        TimeoutError: If it does not start.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _await(address, server)
        yield address
    finally:
        server.terminate()
        server.wait()


def environment(address: str) -> dict[str, str]:
    """What a process needs in its environment to use a server."""
    return {
        "AWS_ENDPOINT_URL": address,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "access-of-a-test",
        "AWS_SECRET_ACCESS_KEY": "secret-of-a-test",
        "AWS_REGION": "us-east-1",
    }


@contextmanager
def with_environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables of this process and of those that it starts, for a while."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def new_bucket(address: str) -> str:
    """URI of a bucket that is empty."""
    name = f"bucket-{uuid4().hex[:12]}"
    urllib.request.urlopen(urllib.request.Request(f"{address}/{name}", method="PUT")).close()
    return f"s3://{name}"


def _await(address: str, server: subprocess.Popen[bytes]) -> None:
    begun = time.monotonic()
    while time.monotonic() - begun < SECONDS_TO_START and server.poll() is None:
        try:
            urllib.request.urlopen(f"{address}/moto-api/", timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise TimeoutError(f"moto's server did not start within {SECONDS_TO_START:g} s.")
