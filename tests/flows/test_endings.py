"""What whoever looks at the run of a flow is told, and what its caller gets."""

from dataclasses import dataclass

import pytest
from prefect import flow, task
from prefect.client.orchestration import get_client
from prefect.flow_engine import run_flow

from data_contracts.errors import ContractError, OvertakenError, SpecError, StorageError
from flows.endings import SKIPPED, ends_in_a_sentence, sentence_of
from tasks.progress import LEDGER, Ledger, stage

pytestmark = [pytest.mark.flow, pytest.mark.usefixtures("prefect_backend")]


@dataclass(frozen=True)
class Result:
    headline: str


@task(name="extract")
def read(error):
    with stage("extract"):
        if error is not None:
            raise error
    return Result("Published 2 series.")


def ending(error=None):
    """A flow of one step, which fails with an error if there is one."""

    @flow(name="ending")
    @ends_in_a_sentence
    def body() -> Result:
        LEDGER.set(Ledger())
        return read(error)

    return body


def by_deployment(body):
    """Run a flow as a worker does."""
    with get_client(sync_client=True) as client:
        deployment = client.create_deployment(client.create_flow(body), "ending")
        run = client.create_flow_run_from_deployment(deployment)
    return run_flow(body, flow_run=run, return_type="state")


def test_a_flow_that_returns_says_the_headline_and_gives_the_result():
    state = ending()(return_state=True)

    assert (state.name, state.message) == ("Completed", "Published 2 series.")
    assert ending()() == Result("Published 2 series.")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        pytest.param(
            SpecError("as_of: nothing was known."), "extract: as_of: nothing was known.", id="spec"
        ),
        pytest.param(
            ContractError("observations", ["Too old;\nwait."]),
            "validate: Contract 'observations' is broken: Too old; wait.",
            id="contract",
        ),
        pytest.param(
            StorageError("s3://key:secret@bucket is full."),
            "extract: s3://***@bucket is full. Run it again: what is finished is taken over.",
            id="storage",
        ),
        pytest.param(
            KeyError("y"),
            "extract: something broke, KeyError: 'y'; its traceback is in the log of the run. "
            "Run it again: what is finished is taken over.",
            id="bug",
        ),
    ],
)
def test_a_flow_that_fails_says_the_step_and_what_to_do_and_its_caller_gets_the_error(
    error, message
):
    state = ending(error)(return_state=True)

    assert (state.name, state.message) == ("Failed", message)
    with pytest.raises(type(error)) as caught:
        ending(error)()
    assert caught.value is error


def test_between_steps_no_step_is_blamed():
    with_ledger = LEDGER.set(Ledger())
    with stage("extract"):
        pass

    assert sentence_of(SpecError("No.")) == "No."
    LEDGER.reset(with_ledger)


def test_a_run_with_nothing_left_to_do_has_not_failed():
    done = OvertakenError("A newer run has published it.")

    state = by_deployment(ending(done))

    assert state.is_completed()
    assert (state.name, state.message) == (SKIPPED, "A newer run has published it.")
    with pytest.raises(OvertakenError):  # a command has an exit status that says it
        ending(done)()
