"""`nightcast tune`: try other specs on past days, and write down the best."""

from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from data_contracts.moments import parse_option
from data_contracts.spec import load_spec
from data_contracts.study import Trial, Tuned
from flows.console import ERR, OUT, print_json, shown
from flows.session import session
from tasks.reporting.formats import count, duration, number, percent
from tasks.reporting.study import changes, said
from tasks.search import Target, budget_of, check_target

SHOWN = 10  # trials, the best first


@dataclass(frozen=True)
class Effort:
    """What may be spent, and where the new spec goes.

    Attributes:
        trials: Specs that are tried; None leaves it to the spec.
        minutes: The same in minutes.
        output: A file beside the folder of the study.
        overwrite: Whether one that is there may be replaced.
    """

    trials: int | None
    minutes: float | None
    output: Path | None
    overwrite: bool


def run_tuning(
    spec_path: Path, as_of: str | None, effort: Effort, *, as_json: bool, verbose: bool
) -> None:
    """Run the tuning flow here, show how it goes on, and print what it found."""
    spec = load_spec(spec_path)
    budget_of(spec, effort.trials, effort.minutes)
    check_target(Target(effort.output, effort.overwrite))
    instant = parse_option(as_of, timezone=spec.grid.timezone, option="--as-of")
    with session(verbose=verbose):
        from flows.tuning import tuning

        tuned = tuning(
            str(spec_path),
            trials=effort.trials,
            minutes=effort.minutes,
            as_of=instant,
            output=str(effort.output) if effort.output else None,
            overwrite=effort.overwrite,
        )
    if as_json:
        print_json(tuned.model_dump(mode="json"))
    else:
        _print(tuned)


def _print(tuned: Tuned) -> None:
    OUT.print(f"[bold]{shown(tuned.headline)}[/]", soft_wrap=True)
    OUT.print(_trials(tuned))
    for change in changes(tuned):
        OUT.print(
            f"{change.key}: {shown(change.before)} → [bold]{shown(change.after)}[/]",
            soft_wrap=True,
        )
    if tuned.comments_lost:
        ERR.print("[yellow]![/] Comments of the spec could not be kept.", soft_wrap=True)
    OUT.print(shown(tuned.stopped), soft_wrap=True)
    OUT.print(f"Report     {tuned.report}", soft_wrap=True, highlight=False)
    if tuned.written:
        OUT.print(f"New spec   {tuned.written[-1]}", soft_wrap=True, highlight=False)
        OUT.print(
            "Nothing is in service yet; its first night trains it and lets the gate judge it:",
            soft_wrap=True,
        )
        OUT.print(f"Next       {tuned.next_command}", soft_wrap=True, highlight=False)


def _trials(tuned: Tuned) -> Table:
    """The best trials, and the spec as it is."""
    judged = [trial for trial in tuned.trials if trial.wql is not None]
    ranked = sorted(judged, key=lambda trial: (trial.wql or 0.0, trial.number))[:SHOWN]
    if tuned.as_it_is not in ranked:
        ranked.append(tuned.as_it_is)
    table = Table("trial", title=_counts(tuned))
    for name in ("WQL", "change", "took"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("values")
    for trial in ranked:
        style = "bold" if trial.number == tuned.best else ""
        table.add_row(*_row(trial, tuned), style=style)
    return table


def _row(trial: Trial, tuned: Tuned) -> tuple[str, ...]:
    before = tuned.as_it_is.wql or 0.0
    change = (trial.wql or 0.0) / before - 1 if before else 0.0
    now = tuned.as_it_is.values
    other = [
        f"{key.removeprefix('training.')} {said(value)}"
        for key, value in trial.values.items()
        if value != now[key]
    ]
    values = "the spec as it is" if trial.as_it_is else "; ".join(other)
    told = percent(change, signed=True) if not trial.as_it_is else ""
    return str(trial.number), number(trial.wql, 4), told, duration(trial.seconds), shown(values)


def _counts(tuned: Tuned) -> str:
    outcomes = [trial.outcome for trial in tuned.trials]
    words = {"complete": "judged", "pruned": "given up", "failed": "failed"}
    told = [f"{outcomes.count(k)} {word}" for k, word in words.items() if k in outcomes]
    return f"{count(tuned.tried, 'trial')}: {', '.join(told)}"
