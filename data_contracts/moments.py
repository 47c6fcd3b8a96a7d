"""Moments that a person types."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pandas as pd

from data_contracts.errors import SpecError

EARLIEST, LATEST = 1901, 2148  # years that every calendar of `frequency` holds whole


def parse_moment(text: str, *, timezone: str, option: str) -> pd.Timestamp:
    """Read an ISO 8601 time; without an offset it is meant in `timezone`, without a time midnight.

    Args:
        text: Such as `2013-10-16`, `2013-10-16T00:00` or `2013-10-16T04:00Z`.
        timezone: IANA name.
        option: How to call the option in an error message.

    Returns:
        The instant in UTC, in microseconds.

    Raises:
        SpecError: If it is no such time.

    >>> parse_moment("2013-10-16", timezone="America/New_York", option="--as-of").isoformat()
    '2013-10-16T04:00:00+00:00'
    """
    try:
        moment = datetime.fromisoformat(text)
        if not EARLIEST <= moment.year <= LATEST:
            raise ValueError
    except ValueError:
        raise SpecError(
            f"{option}: expected a time such as 2013-10-16 or 2013-10-16T04:00Z between "
            f"{EARLIEST} and {LATEST}, got {text!r}."
        ) from None
    return in_utc(moment, timezone)


def parse_option(text: str | None, *, timezone: str, option: str) -> pd.Timestamp | None:
    """The same of an option that may be left out, which is not the same as an empty one."""
    return None if text is None else parse_moment(text, timezone=timezone, option=option)


def in_utc(moment: datetime, timezone: str) -> pd.Timestamp:
    """The instant of a moment; one without an offset is meant in `timezone`."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(timezone))
    return pd.Timestamp(aware).tz_convert("UTC").as_unit("us")
