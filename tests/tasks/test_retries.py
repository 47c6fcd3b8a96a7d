import pytest
from prefect.states import Failed

from data_contracts.errors import ConflictError, ContractError, SpecError, StorageError
from tasks.retries import may_pass_next_time


@pytest.mark.parametrize("error", [OSError("no space"), StorageError("Cannot write.")], ids=repr)
def test_trouble_with_storage_is_worth_another_attempt(error):
    assert may_pass_next_time(None, None, Failed(data=error))


@pytest.mark.parametrize(
    "error",
    [
        ContractError("forecasts", ["None."]),
        ConflictError("Late."),
        SpecError("No."),
        KeyError("y"),
    ],
    ids=repr,
)
def test_a_refusal_stays_a_refusal(error):
    assert not may_pass_next_time(None, None, Failed(data=error))
