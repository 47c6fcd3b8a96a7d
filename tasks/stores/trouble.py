"""One sentence for whatever a file system, an object store or the table format reports."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from data_contracts.errors import StorageError
from data_contracts.plain_text import without_secrets
from tasks.stores.connection import is_object_store

COLOURS = re.compile("\x1b\\[[0-9;]*m")
# How the two libraries that reach a store quote its answer, or say that there was none.
ANSWER = re.compile(r"<Code>(\w+)</Code>|AWS Error (\w+)|\bstatus:? (\d{3})\b")
NO_BUCKET = ("NoSuchBucket", "NO_SUCH_BUCKET")
NOT_LET_IN = (
    "AccessDenied",
    "ACCESS_DENIED",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "INVALID_ACCESS_KEY_ID",
    "INVALID_CLIENT_TOKEN_ID",
    "InvalidToken",
    "MissingAuthenticationToken",
    "SignatureDoesNotMatch",
    "SIGNATURE_DOES_NOT_MATCH",
    "401",
    "403",
)
NO_ANSWER = ("error sending request", "NETWORK_CONNECTION", "timed out", "Connection refused")
NO_CREDENTIALS = ("169.254.169.254", "no credentials", "CredentialsNotLoaded")


@contextmanager
def storage_trouble(verb: str, place: Path | str) -> Iterator[None]:
    """Turn whatever a store or the table format reports into one sentence.

    Raises:
        StorageError: In the place of an `OSError` or `DeltaError`, and of what Arrow says of a file
            that is no Parquet any more.
    """
    from deltalake.exceptions import DeltaError

    try:
        yield
    except (OSError, DeltaError, pa.ArrowInvalid) as error:
        reason = getattr(error, "strerror", None) or " ".join(COLOURS.sub("", str(error)).split())
        if is_object_store(place):
            expected = "a bucket that is there, and credentials in the environment that may use it"
            reason = _of_store(reason)
        else:
            expected = "a folder of this user, whole and with space left"
        raise StorageError(
            without_secrets(f"Cannot {verb} {place}: {reason.rstrip('.')}; expected {expected}.")
        ) from error


def _of_store(reason: str) -> str:
    """What an object store means, where it says it at length."""
    codes = [code for found in ANSWER.findall(reason) for code in found if code]
    if any(code in NO_BUCKET for code in codes):
        return "there is no such bucket"
    for code in codes:
        if code in NOT_LET_IN:
            return f"the store does not let this user in ({code})"
    if any(word in reason for word in NO_CREDENTIALS):
        return "no credentials were found"
    if any(word in reason for word in NO_ANSWER):
        return "the store does not answer"
    return reason
