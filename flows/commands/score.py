"""`nightcast score`: how good the published forecasts were, now that their actuals are in."""

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from data_contracts.moments import parse_option
from data_contracts.realised import OfLeads, OfModel, OfSeries, Realised, Scoring
from data_contracts.spec import load_spec
from flows.console import ERR, OUT, print_json, shown
from flows.session import session
from tasks.reporting.formats import count, number, percent

WORST = 5  # series that are shown
MOVED = 3  # series whose input has moved furthest that are named


def run_scoring(
    spec_path: Path, as_of: str | None, since: str | None, *, as_json: bool, verbose: bool
) -> None:
    """Run the scoring flow here, show how it goes on, and print what it found."""
    spec = load_spec(spec_path)
    zone = spec.grid.timezone
    instant = parse_option(as_of, timezone=zone, option="--as-of")
    first = parse_option(since, timezone=zone, option="--since")
    with session(verbose=verbose):
        from flows.scoring import scoring

        found = scoring(str(spec_path), as_of=instant, since=first)
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        _print(found)


def _print(found: Scoring) -> None:
    OUT.print(f"[bold]{shown(found.headline)}[/]", soft_wrap=True)
    for days in dict.fromkeys(score.days for score in found.models):
        models = [score for score in found.models if score.days == days]
        OUT.print(_by_model(models, days))
    if found.models:
        OUT.print(_by_lead(found.leads))
        OUT.print(_by_series(found.worst[:WORST]))
    if drift := _drift(found):
        OUT.print(drift, soft_wrap=True)
    for night in found.nights:
        if night.fault:
            ERR.print(
                f"[yellow]bad night[/] {night.cutoff:%Y-%m-%d %H:%M} UTC: {night.fault}",
                soft_wrap=True,
            )
    if found.alarm:
        ERR.print(f"[red]alarm[/] {shown(found.alarm)}", soft_wrap=True)
    if found.notified:
        ERR.print(f"[green]✓[/] told {shown(found.notified)}", soft_wrap=True)
    for warning in found.warnings:
        ERR.print(f"[yellow]warning[/] {shown(warning)}", soft_wrap=True)


def _by_model(models: Sequence[OfModel], days: int) -> Table:
    table = Table(title=f"the last {days} days, by model")
    _columns(table, "model")
    for score in models:
        table.add_row(shown(score.model), *_numbers(score))
    return table


def _by_lead(leads: Sequence[OfLeads]) -> Table:
    table = Table(title="the last 28 days, by lead")
    _columns(table, "lead")
    for score in leads:
        table.add_row(f"{score.first_lead} to {score.last_lead}", *_numbers(score))
    return table


def _by_series(worst: Sequence[OfSeries]) -> Table:
    table = Table(title="the last 28 days, the series with the largest error")
    _columns(table, "series")
    for score in worst:
        table.add_row(shown(score.unique_id), *_numbers(score))
    return table


def _columns(table: Table, first: str) -> None:
    table.add_column(first)
    for name in ("MASE", "baseline", "WQL", "gain", "coverage", "bias"):
        table.add_column(name, justify="right", no_wrap=True)


def _numbers(score: Realised) -> tuple[str, ...]:
    gain = percent(score.gain, signed=True)
    tone = "red" if score.gain < 0 else "green" if score.gain > 0 else "default"
    return (
        number(score.mase),
        number(score.baseline_mase),
        number(score.wql, 4),
        f"[{tone}]{gain}[/]",
        f"{percent(score.coverage, 0)} of {percent(score.nominal_coverage, 0)}",
        percent(score.bias, signed=True),
    )


def _drift(found: Scoring) -> str:
    """How far the input has moved, in one sentence; empty where that is not known."""
    drift = found.drift
    if drift is None or not drift.series:
        return ""
    first = list(drift.series.items())[:MOVED]
    named = ", ".join(f"{shown(name)} {index:.2f}" for name, index in first)
    return (
        f"Input of the last {drift.days:g} days against what {shown(drift.champion)} learned from: "
        f"stability index {drift.stability_index:.2f} (median of "
        f"{count(len(drift.series), 'series', 'series')}), beyond 0.25 in "
        f"{percent(drift.shifted, 0)}; furthest {named}."
    )
