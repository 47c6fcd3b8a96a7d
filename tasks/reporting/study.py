"""The page of a search: one HTML file, and the same in short as Markdown."""

from datetime import datetime
from typing import Any, NamedTuple

from markupsafe import Markup

from data_contracts.study import FoldSpan, Trial, Tuned
from tasks.reporting.artifacts import markdown_table, plain
from tasks.reporting.formats import count, duration, local_day, local_time, number, percent
from tasks.reporting.study_charts import history_svg
from tasks.reporting.templates import rendered

MAX_TRIALS = 500  # that are listed
WORDS = {"complete": "judged", "pruned": "given up", "failed": "failed",
         "interrupted": "interrupted", "running": "running"}  # fmt: skip
TONES = {"complete": "", "pruned": "", "failed": "bad", "interrupted": "warn", "running": "new"}


class Change(NamedTuple):
    """What the best trial sets: a key, its value before and after, as text."""

    key: str
    before: str
    after: str


class FoldRow(NamedTuple):
    """One fold: when, and the losses of the spec as it is and of the best.

    Attributes:
        learns, judged: Spans of time in words.
        before, after: WQL.
        change: Share of the loss that came or went.
        before_at, after_at: Where they lie between the least of all and the largest, in percent.
    """

    number: int
    learns: str
    judged: str
    before: float
    after: float
    change: float
    before_at: float
    after_at: float


class TrialRow(NamedTuple):
    """One trial as the table shows it."""

    trial: Trial
    word: str
    tone: str
    loss: float | None
    values: list[str]
    changed: list[bool]


def render_study(tuned: Tuned, *, timezone: str) -> str:
    """The whole HTML document. The same record gives the same bytes.

    Args:
        tuned: What was found.
        timezone: Zone in which people of these series live.
    """
    return rendered("study.html.j2", _view(tuned, timezone))


def markdown(tuned: Tuned) -> str:
    """The result for the artifacts of the Prefect UI."""
    sections = [f"**{plain(tuned.headline)}**"]
    if tuned.changes:
        changed = [tuple(map(plain, change)) for change in changes(tuned)]
        sections.append(markdown_table(("Key", "As it is", "Best"), changed))
    sections.append(plain(todo(tuned)))
    judged = [trial for trial in tuned.trials if trial.wql is not None]
    ranked = sorted(judged, key=lambda trial: trial.wql or 0.0)[:10]
    rows = [
        (str(trial.number), number(trial.wql, 4), plain(_told(trial)), duration(trial.seconds))
        for trial in ranked
    ]
    sections.append(markdown_table(("Trial", "WQL", "Values", "Took"), rows))
    sections.append(f"The page with all trials: `{tuned.report}`")
    return "\n\n".join(sections)


def changes(tuned: Tuned) -> list[Change]:
    """What the best trial sets that the spec does not."""
    before = tuned.as_it_is.values
    return [Change(key, said(before[key]), said(value)) for key, value in tuned.changes.items()]


def said(value: Any) -> str:
    """A value of the spec as people write it.

    >>> said(("attention_lstm", "tcn")), said(336)
    ('attention_lstm, tcn', '336')
    """
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def todo(tuned: Tuned) -> str:
    """What to do next, in a sentence."""
    if not tuned.changes:
        return "Nothing to do: the spec stays as it is."
    return (
        "Nothing is in service yet: the first night of the new spec trains it and lets the gate "
        f"judge it. {tuned.next_command}"
    )


def fold_rows(tuned: Tuned, timezone: str) -> list[FoldRow]:
    """Every fold with the losses of the spec as it is and of the best."""
    before, after = tuned.as_it_is.losses, tuned.winner.losses
    least, span = min(*before, *after), max(*before, *after) - min(*before, *after)

    def place(loss: float) -> float:
        return 4 + 92 * (loss - least) / span if span else 50.0

    return [
        FoldRow(
            number=at + 1,
            learns=f"until {_day(fold.learns_until, timezone)}",
            judged=_judged(fold, timezone),
            before=before[at],
            after=after[at],
            change=after[at] / before[at] - 1 if before[at] else 0.0,
            before_at=place(before[at]),
            after_at=place(after[at]),
        )
        for at, fold in enumerate(tuned.folds)
    ]


def _judged(fold: FoldSpan, timezone: str) -> str:
    """What a fold is judged by: days, and series where they are not all."""
    days = f"{_day(fold.first_origin, timezone)} to {_day(fold.ends, timezone)}"
    return days if fold.series is None else f"{days}, {fold.series} series left out"


def trial_rows(tuned: Tuned) -> list[TrialRow]:
    """All trials, with what of each is not as in the spec."""
    now = tuned.as_it_is.values
    return [
        TrialRow(
            trial=trial,
            word="as it is" if trial.as_it_is else WORDS[trial.outcome],
            tone=TONES[trial.outcome],
            loss=trial.wql if trial.wql is not None else _mean(trial.losses),
            values=[said(value) for value in trial.values.values()],
            changed=[value != now[key] for key, value in trial.values.items()],
        )
        for trial in tuned.trials[:MAX_TRIALS]
    ]


def _view(tuned: Tuned, timezone: str) -> dict[str, Any]:
    outcomes = [trial.outcome for trial in tuned.trials]
    told = [
        count(outcomes.count(outcome), word, word)
        for outcome, word in WORDS.items()
        if outcome in outcomes
    ]
    largest = max(tuned.importances.values(), default=0.0) or 1.0
    return {
        "tuned": tuned,
        "is_better": bool(tuned.changes),
        "cutoff": local_time(tuned.cutoff, timezone),
        "timezone": timezone,
        "changes": changes(tuned),
        "outcomes": ", ".join(told),
        "seconds": sum(trial.seconds for trial in tuned.trials),
        "history": Markup(history_svg(tuned.trials)),
        "importances": [
            (key, percent(share, 0), 100 * share / largest)
            for key, share in tuned.importances.items()
        ],
        "folds": fold_rows(tuned, timezone),
        "gain": percent(-tuned.gain, signed=True),
        "judged_until": _day(tuned.folds[-1].ends, timezone),
        "keys": list(tuned.as_it_is.values),
        "rows": trial_rows(tuned),
        "num_hidden": max(0, len(tuned.trials) - MAX_TRIALS),
    }


def _day(instant: datetime, timezone: str) -> str:
    """The day of an instant in a zone, without the weekday."""
    return local_day(instant, timezone).partition(" ")[2]


def _told(trial: Trial) -> str:
    if trial.as_it_is:
        return "the spec as it is"
    return "; ".join(f"{key} {said(value)}" for key, value in trial.values.items())


def _mean(losses: tuple[float, ...]) -> float | None:
    return sum(losses) / len(losses) if losses else None
