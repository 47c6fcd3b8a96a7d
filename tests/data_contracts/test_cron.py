from datetime import datetime

import pytest

from data_contracts.cron import check_cron

SCHEDULES = [
    "30 3 * * *",
    "* * * * *",
    "*/15 1-5 * * mon-fri",
    "0 0 * * mon-sun",
    "0 3 * * 7",
    "0 3 1 JAN,feb *",
    "5/10 22 29 2 *",
]


@pytest.mark.parametrize("cron", SCHEDULES)
def test_a_schedule_is_one_that_prefect_can_keep(cron):
    from prefect.client.schemas.schedules import CronSchedule
    from prefect.server.schemas.schedules import croniter

    check_cron(cron)

    CronSchedule(cron=cron)
    assert croniter(cron, datetime(2026, 1, 1)).get_next(datetime) > datetime(2026, 1, 1)


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("nightly", "the five fields of cron"),
        ("30 3 * *", "the five fields of cron"),
        ("@daily", "the five fields of cron"),
        ("", "the five fields of cron"),
        ("60 3 * * *", "from 0 to 59 for the minute"),
        ("0 24 * * *", "from 0 to 23 for the hour"),
        ("0 3 0 * *", "from 1 to 31 for the day of the month"),
        ("0 3 * 13 *", "from 1 to 12 for the month"),
        ("0 3 * * 8", "from 0 to 7 for the weekday"),
        ("0 5-3 * * *", "from 0 to 23 for the hour"),
        ("*/0 * * * *", "from 0 to 59 for the minute"),
        ("0 3,, * * *", "from 0 to 23 for the hour"),
        ("0 3 31 feb,apr *", "at most the 30th"),
    ],
)
def test_what_never_comes_or_says_nothing_is_refused_with_what_was_expected(cron, expected):
    with pytest.raises(ValueError, match=expected):
        check_cron(cron)
