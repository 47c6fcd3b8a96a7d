"""How a flow ends for whoever looks at its run: a state with one sentence.

Prefect shows the message of a run's state before anything else. Of a flow that returns, it is the
headline of the result; of one that fails, the step, what is wrong and what to do. Whoever calls the
flow gets its result or its error all the same.
"""

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, Protocol, TypeVar, cast

from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from data_contracts.errors import (
    ContractError,
    NightcastError,
    OvertakenError,
    RefusedError,
    SpecError,
)
from data_contracts.plain_text import visible, without_secrets
from tasks.catch_up import is_deployed
from tasks.progress import log, step_underway

SKIPPED = "Skipped"  # name of the state of a run that had nothing left to do


class Told(Protocol):
    """A result that says in one sentence what it is."""

    @property
    def headline(self) -> str:
        """The sentence."""
        ...


P = ParamSpec("P")
R = TypeVar("R", bound=Told)


def ends_in_a_sentence(body: Callable[P, R]) -> Callable[P, R]:
    """Let the state of a flow's run say what came of it."""

    @functools.wraps(body)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            result = body(*args, **kwargs)
        except OvertakenError as error:
            state = _skipped(error) if is_deployed() else _failed(error)
        except Exception as error:
            state = _failed(error)
        else:
            state = Completed(message=visible(without_secrets(result.headline)), data=result)
        # Prefect hands what the state holds to the caller of the flow: the result, or the error.
        return cast(R, state)

    return wrapped


def _skipped(error: OvertakenError) -> State[Any]:
    return Completed(name=SKIPPED, message=sentence_of(error))


def _failed(error: Exception) -> State[Any]:
    if not isinstance(error, NightcastError):
        log().error("Something broke that nobody has thought of.", exc_info=error)
    return Failed(message=sentence_of(error, step_underway()), data=error)


def sentence_of(error: Exception, step: str = "") -> str:
    """The step, what is wrong and what to do, on one line and without what a URI keeps secret.

    Args:
        error: What was raised.
        step: That had begun and not succeeded, if any.

    >>> sentence_of(SpecError("as_of: nothing was known then."), "extract")
    'extract: as_of: nothing was known then.'
    """
    text = " ".join(str(error).split())
    if not isinstance(error, NightcastError):
        text = (
            f"something broke, {type(error).__name__}: {text}; its traceback is in the log of the "
            "run."
        )
    step = "validate" if isinstance(error, ContractError) else step
    told = f"{step}: {text}" if step else text
    if not isinstance(error, RefusedError | SpecError | OvertakenError):
        told = f"{told} Run it again: what is finished is taken over."
    return visible(without_secrets(told))
