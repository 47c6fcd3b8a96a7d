"""What people call a stretch of time: a day by its weekday, a week by when it begins."""

from datetime import date
from typing import NamedTuple

import pandas as pd

DAY = pd.Timedelta(days=1)
HOUR = pd.Timedelta(hours=1)


class Stretch(NamedTuple):
    """A stretch of time, end not included, both with the zone of the people who read of it."""

    begin: pd.Timestamp
    end: pd.Timestamp

    @classmethod
    def of(cls, begin: pd.Timestamp, end: pd.Timestamp, timezone: str) -> "Stretch":
        """From UTC instants."""
        return cls(begin.tz_convert(timezone), end.tz_convert(timezone))

    @property
    def day(self) -> date | None:
        """The local day that it is, None where it is something else.

        Steps of hours count in UTC, so that a day before a change of the clocks begins an hour
        beside midnight.
        """
        middle = self.begin + (self.end - self.begin) / 2
        midnight = middle.normalize()
        off = max(abs(self.begin - midnight), abs(self.end - (midnight + DAY)))
        return middle.date() if off <= 2 * HOUR and self.end - self.begin > DAY / 2 else None

    @property
    def unit(self) -> str:
        """What several of them are called.

        >>> Stretch.of(*pd.to_datetime(["2024-01-01T00Z", "2024-01-08T00Z"]), "UTC").unit
        'weeks'
        """
        length = self.end - self.begin
        if self.day is not None:
            return "days"
        if 6 * DAY <= length <= 8 * DAY:
            return "weeks"
        return "years" if 350 * DAY <= length <= 380 * DAY else "stretches of this length"


def name_of(stretch: Stretch) -> str:
    """What is forecast, as the begin of a sentence.

    >>> def named(begin, end):
    ...     return name_of(Stretch.of(*pd.to_datetime([begin, end], utc=True), "UTC"))
    >>> named("2013-10-16", "2013-10-17"), named("2013-10-14", "2013-10-21")
    ('Wednesday 16 Oct', 'The week from Mon 14 Oct')
    >>> named("2013-10-16T15:00", "2013-10-17T15:00"), named("2014-01-01", "2015-01-01")
    ('The day from Wed 16 Oct, 15:00', '2014')
    """
    return _day_name(stretch.day) if stretch.day else _span(stretch, "The")


def name_beside(past: Stretch, coming: Stretch) -> str:
    """A stretch of the past as the people who wait for a coming one call it.

    >>> coming = Stretch.of(*pd.to_datetime(["2013-10-16T00Z", "2013-10-17T00Z"]), "UTC")
    >>> def named(begin, end):
    ...     return name_beside(Stretch.of(*pd.to_datetime([begin, end], utc=True), "UTC"), coming)
    >>> named("2013-10-15", "2013-10-16"), named("2013-10-07", "2013-10-08")
    ('last Tuesday, 15 Oct', 'the Monday before last, 7 Oct')
    >>> named("2013-09-30", "2013-10-01"), named("2013-10-08", "2013-10-15")
    ('Monday 30 Sep', 'the week from Tue 8 Oct')
    """
    day = past.day
    if day is None:
        return _span(past, "the")
    weekday, dated = f"{day:%A}", f"{day.day} {day:%b}"
    ahead = coming.day or coming.begin.date()
    weeks = ((ahead - day).days - 1) // 7
    if weeks == 0:
        return f"last {weekday}, {dated}"
    return f"the {weekday} before last, {dated}" if weeks == 1 else _day_name(day)


def _day_name(day: date) -> str:
    return f"{day:%A} {day.day} {day:%b}"


def _span(stretch: Stretch, article: str) -> str:
    begin = stretch.begin
    if stretch.unit == "weeks":
        return f"{article} week from {_dated(begin)}"
    if stretch.unit == "years":
        if begin.day_of_year == 1:
            return str(begin.year)
        return f"{article} year from {begin.day} {begin:%b %Y}"
    if abs(stretch.end - begin - DAY) <= HOUR:
        return f"{article} day from {_dated(begin)}, {begin:%H:%M}"
    if stretch.end - begin < 27 * DAY:
        return f"{_dated(begin)}, {begin:%H:%M} to {_ended(stretch)}"
    last = stretch.end - HOUR  # of its last day
    return f"{article} time from {begin.day} {begin:%b %Y} to {last.day} {last:%b %Y}"


def _ended(stretch: Stretch) -> str:
    """The end, its day only where it is another one."""
    end = stretch.end
    if end.date() == stretch.begin.date():
        return f"{end:%H:%M}"
    return f"{_dated(end)}, {end:%H:%M}"


def _dated(instant: pd.Timestamp) -> str:
    return f"{instant:%a} {instant.day} {instant:%b}"
