import signal
import threading
import time
from dataclasses import replace
from uuid import uuid4

import httpx
import pytest
from prefect import flow

from tasks import remote
from tasks.remote import Order, Patience, call

pytestmark = pytest.mark.flow

LONG = Patience(queue=120, run=120)


@pytest.fixture(autouse=True)
def _looked_at_often(monkeypatch):
    monkeypatch.setattr("tasks.remote.SECONDS_BETWEEN_LOOKS", 0.05)


class Pool:
    """The server's side of a deployment, whose runs take the states that a test gives them."""

    def __init__(self, client):
        from prefect.client.schemas.actions import WorkPoolCreate

        self.client, self.name = client, f"errand-{uuid4().hex}"

        @flow(name=self.name)
        def errand(number: int = 0):
            """Never runs here."""

        client.create_work_pool(WorkPoolCreate(name=self.name, type="process"))
        self.deployment = client.create_deployment(
            client.create_flow(errand), "it", work_pool_name=self.name
        )

    def order(self, **changes):
        order = Order(f"{self.name}/it", {"number": 3}, uuid4().hex, "an errand", ("spec",))
        return replace(order, **changes)

    def runs(self):
        """The oldest first."""
        from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId

        of_it = DeploymentFilter(id=DeploymentFilterId(any_=[self.deployment]))
        runs = self.client.read_flow_runs(deployment_filter=of_it)
        return sorted(runs, key=lambda run: run.created)

    def states(self):
        return [run.state.type.value for run in self.runs()]

    def put(self, run, state):
        self.client.set_flow_run_state(run.id, state, force=True)

    def work(self, *lives):
        """Each new run goes through the states of one life, as a worker would report them."""

        def report():
            for number, life in enumerate(lives):
                while len(self.runs()) <= number:
                    time.sleep(0.05)
                for state in life:
                    self.put(self.runs()[number], state)
                    time.sleep(0.2)

        thread = threading.Thread(target=report, daemon=True)
        thread.start()
        return thread


@pytest.fixture
def pool(prefect_backend):
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        yield Pool(client)


def test_what_a_worker_brings_to_its_end_is_done(pool):
    from prefect.states import Completed, Pending, Running

    pool.work([Pending(), Running(), Completed(message="All stored.")])

    answer = call(pool.order(), LONG)

    assert (answer.ended, answer.message) == ("completed", "All stored.")
    (run,) = pool.runs()
    assert run.name == answer.run == "an errand"
    assert run.parameters == {"number": 3}
    assert run.tags == ["spec"]
    assert str(run.id) in (answer.url or str(run.id))


def test_what_no_worker_takes_is_cancelled_and_never_runs(pool):
    from prefect.states import Pending

    answer = call(pool.order(), Patience(queue=0.2, run=120))

    assert answer.ended == "untaken"
    assert answer.message == f"No worker of the work pool {pool.name} is running."
    (run,) = pool.runs()
    assert run.state.is_cancelled()
    assert "Nobody waits for it any more" in run.state.message
    pool.client.set_flow_run_state(run.id, Pending())  # as a worker takes a run
    assert pool.states() == ["CANCELLED"], "a worker that comes late is told so"


def test_a_run_that_a_worker_took_and_never_began_counts_as_not_taken(pool):
    from prefect.states import Pending

    pool.work([Pending()])

    assert call(pool.order(), Patience(queue=120, run=120, start=0.3)).ended == "untaken"
    assert pool.states() == ["CANCELLED"]


def test_a_pool_that_is_paused_is_named(pool):
    from prefect.client.schemas.actions import WorkPoolUpdate

    pool.client.update_work_pool(pool.name, WorkPoolUpdate(is_paused=True))

    answer = call(pool.order(), Patience(queue=0.2, run=120))

    assert answer.message == f"The work pool {pool.name} is paused."


def test_what_takes_too_long_is_left_alone(pool):
    from prefect.states import Running

    pool.work([Running()])

    assert call(pool.order(), Patience(queue=120, run=0.3)).ended == "running"
    assert pool.states() == ["RUNNING"]


def test_what_died_is_tried_once_more(pool):
    from prefect.states import Completed, Crashed, Running

    pool.work([Running(), Crashed(message="status code: -9")], [Running(), Completed()])

    assert call(pool.order(), LONG).ended == "completed"
    assert pool.states() == ["CRASHED", "COMPLETED"]


def test_what_dies_twice_is_given_up(pool):
    from prefect.states import Crashed

    pool.work([Crashed(message="first")], [Crashed(message="second")])

    answer = call(pool.order(), LONG)

    assert (answer.ended, answer.message) == ("crashed", "second.")
    assert len(pool.runs()) == 2


@pytest.mark.parametrize(
    ("raised", "sentence"),
    [
        ("SpecError: There is no GPU.", "There is no GPU."),
        ("ValueError: all: wrong", "ValueError: all: wrong."),
    ],
    ids=["our sentence", "any error"],
)
def test_what_fails_by_itself_is_not_tried_again(pool, raised, sentence):
    from prefect.states import Failed

    pool.work([Failed(message=f"Flow run encountered an exception: {raised}")])

    answer = call(pool.order(), LONG)

    assert (answer.ended, answer.message) == ("failed", sentence)
    assert len(pool.runs()) == 1


def test_whoever_asks_again_waits_for_the_same_run(pool):
    from prefect.states import Completed, Running

    order = pool.order()
    pool.work([Running()])
    assert call(order, Patience(queue=120, run=0.2)).ended == "running"
    threading.Timer(0.5, lambda: pool.put(pool.runs()[0], Completed())).start()

    assert call(order, LONG).ended == "completed"
    assert pool.states() == ["COMPLETED"]


def test_whoever_asks_again_after_a_failure_has_it_run_anew(pool):
    from prefect.states import Completed, Failed

    order = pool.order()
    pool.work([Failed()], [Completed()])

    assert call(order, LONG).ended == "failed"
    assert call(order, LONG).ended == "completed"
    assert pool.states() == ["FAILED", "COMPLETED"]


@pytest.fixture
def _interruptible():
    """As in a terminal: what a shell runs in the background ignores interrupts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interruptible")
def test_whoever_is_interrupted_leaves_no_run_waiting(pool):
    threading.Timer(2, signal.raise_signal, [signal.SIGINT]).start()

    with pytest.raises(KeyboardInterrupt):
        call(pool.order(), LONG)

    assert set(pool.states()) <= {"CANCELLED"}


def test_a_deployment_that_is_not_there_is_said(prefect_backend):
    order = Order("errand/nobody", {}, uuid4().hex, "an errand")

    answer = call(order, LONG)

    assert answer.ended == "absent"
    assert answer.message == "The Prefect server has no deployment errand/nobody."


def test_parameters_that_the_server_refuses_are_said(pool):
    schema = {"type": "object", "properties": {"number": {"type": "integer"}}}
    pool.client.create_deployment(
        pool.client.read_deployment(pool.deployment).flow_id,
        "strict",
        parameter_openapi_schema=schema,
        enforce_parameter_schema=True,
    )

    answer = call(
        pool.order(deployment=f"{pool.name}/strict", parameters={"number": "three"}), LONG
    )

    assert answer.ended == "absent"
    assert answer.message.startswith("The Prefect server refuses the run: ")


class Server:
    """Answers after some errors."""

    def __init__(self, *errors):
        self.errors = list(errors)

    def ask(self):
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


def status(code):
    request = httpx.Request("GET", "http://prefect/api")
    return httpx.HTTPStatusError("", request=request, response=httpx.Response(code))


def test_a_server_that_is_away_for_a_while_is_waited_for():
    away = [httpx.ConnectError("refused"), status(503), RuntimeError("Failed to reach API at x")]

    assert remote._insist(Server(*away).ask, 60) == "answer"


@pytest.mark.parametrize("error", [status(404), RuntimeError("a mistake")], ids=["404", "bug"])
def test_what_another_try_cannot_help_is_not_asked_again(error):
    with pytest.raises(type(error)):
        remote._insist(Server(error).ask, 60)


def test_a_server_that_stays_away_is_given_up():
    with pytest.raises(httpx.ConnectError):
        remote._insist(Server(*[httpx.ConnectError("refused")] * 1000).ask, 0.3)
