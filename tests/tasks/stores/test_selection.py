import pyarrow as pa
import pytest

from data_contracts.errors import SpecError
from tasks.stores.selection import selected

ROWS = pa.table(
    {
        "unique_id": ["JFK-AA", "JFK-AA", "LGA-DL", "LGA-DL"],
        "lead": pa.array([1, 3, 1, 3], pa.int32()),
    }
)


def test_rows_are_narrowed_to_a_series_and_a_lead():
    assert selected(ROWS) is ROWS
    assert selected(ROWS, series="LGA-DL")["lead"].to_pylist() == [1, 3]
    assert selected(ROWS, series="LGA-DL", lead=3).to_pylist() == [
        {"unique_id": "LGA-DL", "lead": 3}
    ]


def test_what_is_not_there_is_refused_and_what_is_there_named():
    with pytest.raises(SpecError, match="2 series here, such as 'JFK-AA', 'LGA-DL', got 'JFK-AB'"):
        selected(ROWS, series="JFK-AB")
    with pytest.raises(SpecError, match="one from 1 to 3 that is here, got 2"):
        selected(ROWS, lead=2)
