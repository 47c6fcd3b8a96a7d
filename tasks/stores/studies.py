"""Studies: which specs a search has tried and how good they were, for any number of processes.

A study is a folder of its own below `tuning/`, with a journal of Optuna. Processes that work on the
same study take trials one at a time, under a lock: none tries what another has tried or is trying,
and together they keep to the budget. A process that dies lets go of the lock of its trial; whoever
comes next sees that, and tries the same values again.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from data_contracts.errors import SpecError, StorageError
from data_contracts.search import Space, Values, values_of
from data_contracts.spec import Span
from data_contracts.study import Outcome, Trial
from tasks.stores.locks import FileLock

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

JOURNAL = "journal.log"
SECONDS_LOCKED = 60.0  # a lock is held for milliseconds; the machine may be busy
FEW = 2000  # combinations of values that are gone through one by one
DRAWS = 30  # of a sampler until it is no longer asked for something new
RANDOM_TRIALS = 5  # before a sampler learns from them
UNPRUNED = 3  # trials on all folds before one is given up
FEWEST_TO_RANK = 4  # trials from which importances are told

# What a trial is given beside its values.
VALUES, AS_IT_IS, OUTCOME, WHY = "values", "as_it_is", "outcome", "why"
CANDIDATE, LOSSES, SECONDS, BEGUN = "candidate", "losses", "seconds", "begun"


@dataclass(frozen=True)
class Budget:
    """What a search may spend, all processes together; one of both.

    Attributes:
        trials: Specs that are tried, the one as it is included.
        minutes: Of trials, the one as it is included.
    """

    trials: int | None = None
    minutes: float | None = None


@dataclass(eq=False)
class Study:
    """The trials of one search.

    Attributes:
        folder: Where everything of it is.
        space: What may be tried.
        budget: What may be spent.
        trouble: What speaks against some values, empty where nothing does.
        stopped: Why no further trial is given out.
    """

    folder: Path
    space: Space
    budget: Budget
    trouble: Callable[[Values], str]
    stopped: str = ""

    def claim(self) -> "Claim | None":
        """Take the next trial: the spec as it is, then what was interrupted, then something new.

        Returns:
            None where the budget is spent, or nothing is left to try; `stopped` says which.

        Raises:
            StorageError: If the study is locked, or cannot be read.
        """
        with self._alone():
            self._bury_the_dead()
            trials = self._frozen()
            self.stopped = self._spent(trials)
            proposal = None if self.stopped else self._next(trials)
            if proposal is None:
                self.stopped = self.stopped or "Every combination of values was tried."
                return None
            return self._begin(proposal)

    def trials(self) -> list[Trial]:
        """All trials so far, in the order of their numbers."""
        return [_record(trial) for trial in self._frozen()]

    def seconds_left(self) -> float:
        """What is left of the budget for each trial that is running; infinite without one."""
        if self.budget.minutes is None:
            return float("inf")
        trials = self._frozen()
        running = sum(_record(trial).outcome == "running" for trial in trials)
        return (60 * self.budget.minutes - _seconds(trials)) / max(1, running)

    def share_done(self) -> tuple[float, float]:
        """What is spent, and what may be, in trials or in minutes."""
        trials = self._frozen()
        if self.budget.minutes is not None:
            return min(_seconds(trials) / 60, self.budget.minutes), self.budget.minutes
        over = [_record(trial) for trial in trials]
        done = sum(trial.counts and trial.outcome != "running" for trial in over)
        return done, self.budget.trials or 1

    def importances(self) -> dict[str, float]:
        """Share of the differences between complete trials that each key explains.

        By PED-ANOVA (Watanabe et al. 2023), the largest first; empty with too few trials.
        """
        import optuna

        complete = [
            trial
            for trial in self._frozen()
            if trial.state == optuna.trial.TrialState.COMPLETE and trial.params
        ]
        if len(complete) < FEWEST_TO_RANK or len({trial.value for trial in complete}) < 2:
            return {}
        study = optuna.create_study()
        study.add_trials(complete)
        found = optuna.importance.get_param_importances(
            study, evaluator=optuna.importance.PedAnovaImportanceEvaluator()
        )
        return {key: float(share) for key, share in found.items()}

    def refuse_unless_there_is_something_to_try(self) -> None:
        """Look for values that are not those of the spec, and that nothing speaks against.

        Raises:
            SpecError: If there are none, with what speaks against the first.
        """
        now, first = self.space.as_it_is, ""
        for number, raw in enumerate(self.space.combinations()):
            values = self.space.settled(raw)
            if values == now:
                continue
            against = self.trouble(values)
            if not against:
                return
            first = first or against
            if number > FEW:
                break
        if not first:
            raise SpecError(
                "tuning.ranges: expected a value to try beside those of the spec, got "
                f"{', '.join(self.space.ranges) or 'no key'} as it is; add values to a range."
            )
        raise SpecError(f"tuning.ranges: expected a combination that can be trained, got {first}")

    @cached_property
    def _few(self) -> list[Values] | None:
        """All combinations that nothing speaks against, as declared; None of too many."""
        if self.space.size > FEW:
            return None
        raw = list(self.space.combinations())
        return [each for each in raw if not self.trouble(self.space.settled(each))]

    @cached_property
    def _study(self) -> "optuna.Study":
        import optuna
        from optuna.storages.journal import JournalFileBackend

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = cast(Any, FileLock(self.folder / "journal.lock", seconds=SECONDS_LOCKED))
        journal = JournalFileBackend(str(self.folder / JOURNAL), lock)
        try:
            return optuna.create_study(
                study_name="study",
                storage=optuna.storages.JournalStorage(journal),
                load_if_exists=True,
                pruner=optuna.pruners.MedianPruner(n_startup_trials=UNPRUNED, n_warmup_steps=0),
            )
        except (OSError, ValueError, KeyError) as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> StorageError:
        return StorageError(
            f"The study in {self.folder} cannot be read ({error}); remove that folder to begin "
            "anew."
        )

    def _frozen(self) -> "list[FrozenTrial]":
        try:
            return self._study.get_trials(deepcopy=False)
        except (OSError, ValueError, KeyError) as error:
            raise self._damaged(error) from error

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with FileLock(self.folder / "claims.lock", seconds=SECONDS_LOCKED):
            yield

    def _bury_the_dead(self) -> None:
        """Close the trials of processes that are gone."""
        for trial in self._frozen():
            if _record(trial).outcome != "running":
                continue
            lock = self._lock_of(trial.number)
            if lock.take():
                self._close(trial.number, "interrupted", "its process ended")
                lock.release()

    def _spent(self, trials: "list[FrozenTrial]") -> str:
        """Why nothing more may be begun; empty where it may."""
        records = [_record(trial) for trial in trials]
        allowed, minutes = self.budget.trials, self.budget.minutes
        if allowed is not None and sum(trial.counts for trial in records) >= allowed:
            return f"The budget of {allowed} {'trial' if allowed == 1 else 'trials'} is spent."
        if minutes is None:
            return ""
        left = 60 * minutes - _seconds(trials)
        fastest = min((trial.seconds for trial in records if trial.wql is not None), default=0)
        if left <= fastest:
            return f"The budget of {minutes:g} minutes is spent, or too little of it is left."
        return ""

    def _next(self, trials: "list[FrozenTrial]") -> "FrozenTrial | None":
        records = [_record(trial) for trial in trials]
        if not any(trial.as_it_is and trial.counts for trial in records):
            return self._trial(self._params_as_it_is(), self.space.as_it_is, as_it_is=True)
        taken = [_text(trial.values) for trial in records if trial.counts]
        for trial, record in zip(trials, records, strict=True):
            if _text(record.values) not in taken:  # it was interrupted, and not tried again since
                return self._trial(trial.params, record.values)
        taken.append(_text(self.space.as_it_is))
        return self._something_new(trials, taken)

    def _something_new(self, trials: "list[FrozenTrial]", taken: list[str]) -> "FrozenTrial | None":
        """What a sampler proposes that nobody has tried; where it repeats itself, any such."""
        import optuna

        untried = None
        if self._few is not None:
            untried = [raw for raw in self._few if _text(self.space.settled(raw)) not in taken]
            if not untried:
                return None
        for draw in range(DRAWS):
            seed = _seed(self.space.spec.training.seed, len(trials), draw)
            sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=RANDOM_TRIALS)
            copy = optuna.create_study(sampler=sampler)
            copy.add_trials(trials)
            params = copy.ask(self._distributions).params
            values = self.space.settled(self._decoded(params))
            if _text(values) not in taken and not self.trouble(values):
                return self._trial(params, values)
        if not untried:
            return None
        rng = np.random.default_rng([self.space.spec.training.seed, len(trials)])
        raw = untried[rng.integers(len(untried))]
        return self._trial(self._encoded(raw), self.space.settled(raw))

    def _trial(self, params: Values, values: Values, *, as_it_is: bool = False) -> "FrozenTrial":
        import optuna

        return optuna.trial.create_trial(
            state=optuna.trial.TrialState.RUNNING,
            params=params,
            distributions={key: self._distributions[key] for key in params},
            user_attrs={VALUES: values, AS_IT_IS: as_it_is, BEGUN: time.time()},
        )

    def _begin(self, proposal: "FrozenTrial") -> "Claim":
        import optuna

        self._study.add_trial(proposal)
        begun = self._frozen()[-1]
        lock = self._lock_of(begun.number)
        lock.acquire()
        trial = optuna.trial.Trial(self._study, begun._trial_id)
        return Claim(self, _record(begun), trial, lock)

    def _lock_of(self, number: int) -> FileLock:
        return FileLock(self.folder / "running" / f"{number}.lock", seconds=SECONDS_LOCKED)

    def _close(self, number: int, outcome: Outcome, why: str = "") -> None:
        import optuna

        trial = optuna.trial.Trial(self._study, self._frozen()[number]._trial_id)
        trial.set_user_attr(OUTCOME, outcome)
        trial.set_user_attr(WHY, why)
        states = {"pruned": optuna.trial.TrialState.PRUNED}
        self._study.tell(number, state=states.get(outcome, optuna.trial.TrialState.FAIL))

    @cached_property
    def _distributions(self) -> "dict[str, BaseDistribution]":
        from optuna.distributions import CategoricalDistribution, IntDistribution

        return {
            key: IntDistribution(held.low, held.values[-1], step=held.step)
            if isinstance(held, Span)
            else CategoricalDistribution([_text(value) for value in held])
            for key, held in self.space.ranges.items()
        }

    def _encoded(self, raw: Values) -> Values:
        return {
            key: value if isinstance(self.space.ranges[key], Span) else _text(value)
            for key, value in raw.items()
        }

    def _decoded(self, params: Values) -> Values:
        return {
            key: params[key] if isinstance(held, Span) else json.loads(params[key])
            for key, held in self.space.ranges.items()
        }

    def _params_as_it_is(self) -> Values:
        """The spec as it is in terms of the ranges; none where one does not hold its value."""
        params: Values = {}
        for key, now in self.space.as_it_is.items():
            held = self.space.ranges[key]
            same = [raw for raw in values_of(held) if self.space.settled({key: raw})[key] == now]
            if not same:
                return {}
            params |= self._encoded({key: same[0]})
        return params


@dataclass(eq=False)
class Claim:
    """A trial that this process works on; nobody else does until it is closed.

    Attributes:
        study: Whose it is.
        trial: What it is about.
    """

    study: Study
    trial: Trial
    _handle: "optuna.Trial"
    _lock: FileLock
    _begun: float = field(default_factory=time.monotonic)

    def report(self, losses: list[float], candidate: str) -> bool:
        """Tell of the folds so far.

        Args:
            losses: WQL of each.
            candidate: Whose they are.

        Returns:
            Whether it is hopeless: worse than half of those before it. The spec as it is never is.
        """
        self._handle.set_user_attr(LOSSES, losses)
        self._handle.set_user_attr(CANDIDATE, candidate)
        self._handle.set_user_attr(SECONDS, self._seconds)
        self._handle.report(float(np.mean(losses)), len(losses) - 1)
        return not self.trial.as_it_is and bool(self._handle.should_prune())

    def close(self, outcome: Outcome, why: str = "", *, wql: float | None = None) -> None:
        """Say how it ended.

        Args:
            outcome: What became of it.
            why: Of one that came to nothing.
            wql: Of one that is complete.
        """
        self._handle.set_user_attr(SECONDS, self._seconds)
        if wql is not None:
            self._handle.set_user_attr(OUTCOME, outcome)
            self.study._study.tell(self.trial.number, wql)
        else:
            self.study._close(self.trial.number, outcome, why)
        self._lock.release()

    @property
    def _seconds(self) -> float:
        return round(time.monotonic() - self._begun, 3)


def _record(trial: "FrozenTrial") -> Trial:
    said = trial.user_attrs
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in said[VALUES].items()}
    # A process may die between the word on how a trial ended and its end.
    outcome = said.get(OUTCOME, "running") if trial.state.is_finished() else "running"
    return Trial(
        number=trial.number,
        values=values,
        as_it_is=said[AS_IT_IS],
        outcome=outcome,
        why=said.get(WHY, ""),
        candidate=said.get(CANDIDATE, ""),
        losses=said.get(LOSSES, ()),
        wql=trial.value if outcome == "complete" else None,
        seconds=said.get(SECONDS, 0.0),
    )


def _seconds(trials: "list[FrozenTrial]") -> float:
    """Seconds that all trials took, those that are running until now."""
    total = 0.0
    for trial in trials:
        record = _record(trial)
        running = record.outcome == "running"
        total += time.time() - trial.user_attrs[BEGUN] if running else record.seconds
    return total


def _seed(*numbers: int) -> int:
    """One seed from several numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True)
