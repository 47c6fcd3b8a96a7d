import pandas as pd
import pytest

from data_contracts.verdicts import Check, Severity, Verdict
from tasks.stores.history import NIGHTS_READ, read_history
from tasks.stores.objects import ObjectStore
from tasks.stores.runs import VALIDATION, write_validation
from tasks.stores.warehouse import Warehouse

CUTOFF = pd.Timestamp("2024-03-01T23:00Z")
KEY = ("observations", "rule")


def verdict_of(*, passed):
    check = Check(
        expectation="rule",
        title="a rule holds",
        contract="observations",
        severity=Severity.WARNING,
        passed=passed,
    )
    return Verdict(contract="observations", checked=(check,))


def days_before(number):
    return CUTOFF - pd.Timedelta(days=number)


@pytest.fixture
def warehouse(tmp_path):
    return Warehouse(tmp_path / "waves")


def test_nights_before_tonight_are_read_and_later_ones_are_not(warehouse):
    for number in (-1, 0, 1, 3):
        write_validation(warehouse, days_before(number), verdict_of(passed=number == 3))

    history = read_history(warehouse, CUTOFF, verdict_of(passed=True))

    assert history.nights == (days_before(3), days_before(1), CUTOFF)
    assert history.rules[KEY].marks == ("kept", "explained", "kept")


def test_without_a_warehouse_there_is_tonight_alone(warehouse):
    history = read_history(warehouse, CUTOFF, verdict_of(passed=True))

    assert history.nights == (CUTOFF,)
    assert not warehouse.root.exists(), "to read is not to write"


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        pytest.param(b"", "it is no verdict", id="empty"),
        pytest.param(b'{"contract": "observations"', "it is no verdict", id="cut off"),
        pytest.param(b"\xff\xfe", "it is no verdict", id="no text"),
        pytest.param(
            b'{"contract": "observations", "checked": 1}', "it is no verdict", id="another shape"
        ),
        pytest.param(b'{"schema_version": 99}', "a newer Nightcast wrote it", id="newer"),
    ],
)
def test_a_night_that_cannot_be_read_is_passed_over_with_a_word(warehouse, damage, reason):
    write_validation(warehouse, days_before(2), verdict_of(passed=True))
    path = write_validation(warehouse, days_before(1), verdict_of(passed=True))
    path.write_bytes(damage)

    history = read_history(warehouse, CUTOFF, verdict_of(passed=True))

    assert history.nights == (days_before(2), CUTOFF)
    assert history.passed_over == (f"2024-02-29 23:00 UTC: {reason}",)


def test_a_night_that_cannot_be_brought_from_the_store_is_passed_over_too(bucket, tmp_path):
    warehouse = Warehouse(tmp_path / "cache" / "waves", ObjectStore(f"{bucket}/waves"))
    write_validation(warehouse, days_before(2), verdict_of(passed=True))
    path = write_validation(warehouse, days_before(1), verdict_of(passed=True))
    path.unlink()
    path.mkdir()  # where the copy would go

    history = read_history(warehouse, CUTOFF, verdict_of(passed=True))

    assert history.nights == (days_before(2), CUTOFF)
    assert history.passed_over == ("2024-02-29 23:00 UTC: it cannot be brought from the store",)


def test_folders_that_are_no_nights_are_not_looked_at(warehouse):
    for name in ("notes", "20240101T99", "T", "20240101T2300"):
        (warehouse.root / "runs" / name).mkdir(parents=True)
    (warehouse.root / "runs" / "notes" / VALIDATION).write_text("{}")

    history = read_history(warehouse, CUTOFF, verdict_of(passed=True))

    assert history.nights == (CUTOFF,)
    assert history.passed_over == ()


def test_only_the_last_nights_are_read(warehouse):
    for number in range(1, NIGHTS_READ + 3):
        write_validation(warehouse, days_before(number), verdict_of(passed=True))
    for number in (NIGHTS_READ + 1, NIGHTS_READ + 2):
        (warehouse.run(days_before(number)) / VALIDATION).write_text("never read")

    assert read_history(warehouse, CUTOFF, verdict_of(passed=True)).passed_over == ()
