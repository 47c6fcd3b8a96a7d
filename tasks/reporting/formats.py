"""How numbers and times are written for people."""

import math
from datetime import datetime

import pandas as pd

MISSING = "n/a"


def number(value: float | None, decimals: int = 3) -> str:
    """Write a number with a true minus sign; nothing known is `n/a`.

    >>> number(0.6404), number(-1.5, 1), number(None), number(float("nan"))
    ('0.640', '−1.5', 'n/a', 'n/a')
    """
    if value is None or not math.isfinite(value):
        return MISSING
    return f"{value:,.{decimals}f}".replace("-", "−")


def percent(share: float | None, decimals: int = 1, *, signed: bool = False) -> str:
    """Write a share in percent.

    >>> percent(0.789), percent(-0.1512, signed=True), percent(None)
    ('78.9%', '−15.1%', 'n/a')
    """
    if share is None or not math.isfinite(share):
        return MISSING
    sign = "+" if signed else ""
    return f"{100 * share:{sign}.{decimals}f}%".replace("-", "−")


def count(amount: int, singular: str, plural: str = "") -> str:
    """Write an amount of things.

    >>> count(1, "warning"), count(2, "warning"), count(3, "series", "series")
    ('1 warning', '2 warnings', '3 series')
    """
    return f"{amount:,} {singular if amount == 1 else plural or singular + 's'}"


def duration(seconds: float) -> str:
    """Write a time span in the unit that fits.

    >>> duration(0.42), duration(75), duration(4000)
    ('0.4 s', '1 min 15 s', '1 h 06 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def local_time(instant: datetime, timezone: str) -> str:
    """Write an instant as the clocks of a zone show it.

    >>> local_time(pd.Timestamp("2013-12-11T04:00Z"), "America/New_York")
    'Tue 10 Dec 2013, 23:00 EST'
    """
    local = pd.Timestamp(instant).tz_convert(timezone)
    return f"{local:%a} {local.day} {local:%b %Y, %H:%M %Z}"


def local_day(instant: datetime, timezone: str) -> str:
    """Write the day of an instant in a zone.

    >>> local_day(pd.Timestamp("2013-12-11T04:00Z"), "America/New_York")
    'Tue 10 Dec 2013'
    """
    return local_time(instant, timezone).split(",")[0]


def local_span(first: datetime, last: datetime, timezone: str) -> str:
    """Write a span of time as the clocks of a zone show it; one day is named once.

    >>> start, end = pd.Timestamp("2013-12-11T05:00Z"), pd.Timestamp("2013-12-12T04:00Z")
    >>> local_span(start, end, "America/New_York")
    'Wed 11 Dec 2013, 00:00 to 23:00 EST'
    """
    start, end = local_time(first, timezone), local_time(last, timezone)
    if start.split(",")[0] == end.split(",")[0] and start != end:
        return f"{start.rsplit(' ', 1)[0]} to {end.split(', ')[1]}"
    return f"{start} to {end}" if start != end else start


def utc_time(instant: datetime) -> str:
    """Write an instant in UTC.

    >>> utc_time(pd.Timestamp("2013-12-10T23:00-05:00"))
    '2013-12-11 04:00 UTC'
    """
    return f"{pd.Timestamp(instant).tz_convert('UTC'):%Y-%m-%d %H:%M} UTC"
