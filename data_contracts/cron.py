"""Cron: five fields that say at which minutes something runs."""

import re

# Name, least, greatest, and the words that stand for numbers.
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, MONTHS),
    ("weekday", 0, 7, WEEKDAYS),
)
LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)  # days at the most


def check_cron(text: str) -> None:
    """Refuse what is no schedule, or one that never comes.

    Args:
        text: Minute, hour, day of the month, month and weekday, each `*`, a number, a range, with a
            step, or several of these with commas between. Months and weekdays may be words.

    Raises:
        ValueError: With what was expected.

    >>> check_cron("30 3 * * mon-fri")
    """
    parts = text.split()
    if len(parts) != len(FIELDS):
        raise ValueError(
            "expected the five fields of cron, minute hour day month weekday, as in 30 3 * * *"
        )
    _, _, days, months, _ = (
        _values(part, *field) for part, field in zip(parts, FIELDS, strict=True)
    )
    longest = max(LONGEST_MONTHS[month - 1] for month in months)
    if min(days) > longest:
        raise ValueError(f"expected a day that comes, at most the {longest}th of such a month")


def _values(part: str, name: str, least: int, greatest: int, words: tuple[str, ...]) -> set[int]:
    """All numbers that a field stands for."""
    found: set[int] = set()
    for item in part.lower().split(","):
        span, _, step = item.partition("/")
        first, _, last = span.replace("-sun", "-7").partition("-")
        if span == "*":
            first, last = str(least), str(greatest)
        elif not last:
            last = str(greatest) if step else first
        numbers = [_number(text, words, least) for text in (first, last)]
        width = int(step) if re.fullmatch(r"[0-9]{1,3}", step) else 0
        inside = all(number is not None and least <= number <= greatest for number in numbers)
        low, high = (number or 0 for number in numbers)
        if not inside or low > high or ("/" in item and width == 0):
            raise ValueError(
                f"expected * or numbers from {least} to {greatest} for the {name}, as in "
                f"{least}, {least}-{least + 2} or */2, but there it says {part}"
            )
        found.update(range(low, high + 1, width or 1))
    return found


def _number(text: str, words: tuple[str, ...], least: int) -> int | None:
    if text in words:
        return words.index(text) + least
    return int(text) if re.fullmatch(r"[0-9]{1,2}", text) else None
