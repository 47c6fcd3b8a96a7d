"""`nightcast run`: one night."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from rich.table import Table

from data_contracts.moments import in_utc, parse_option
from data_contracts.night import Night, Score
from data_contracts.spec import load_spec
from flows.console import ERR, OUT, print_json, shown
from flows.session import session
from tasks.reporting.attention import verdict
from tasks.reporting.formats import number, percent
from tasks.stores.runs import report_path
from tasks.stores.warehouse import open_warehouse


def run_night(
    spec_path: Path,
    as_of: str | None,
    *,
    train: Literal["auto", "always", "never"] | None,
    as_json: bool,
    verbose: bool,
) -> None:
    """Run the nightly flow here, show how it goes on, and print what it did."""
    spec = load_spec(spec_path)
    warehouse = open_warehouse(spec)
    zone = spec.grid.timezone
    instant = parse_option(as_of, timezone=zone, option="--as-of")
    with session(verbose=verbose):
        from flows.nightly import nightly

        night = nightly(str(spec_path), as_of=instant, train=train)
    report = report_path(warehouse, in_utc(night.cutoff, zone))
    if as_json:
        print_json(night.model_dump(mode="json") | {"report": str(report.resolve())})
    else:
        _print(night, report, spec_path)


def _print(night: Night, report: Path, spec_path: Path) -> None:
    OUT.print(f"[bold]{shown(night.headline)}[/]", soft_wrap=True)
    OUT.print(f"{shown(night.decision.reason)} {shown(night.training)}", soft_wrap=True)
    if night.scores:
        OUT.print(score_table(night.scores))
    if night.faithfulness is not None:
        OUT.print(verdict(night.faithfulness), soft_wrap=True)
    for unique_id, reason in night.quarantined.items():
        why = reason.removeprefix(f"{unique_id}: ")
        ERR.print(f"[yellow]set aside[/] {shown(unique_id)}: {shown(why)}", soft_wrap=True)
    for warning in night.warnings:
        ERR.print(f"[yellow]warning[/] {shown(warning)}", soft_wrap=True)
    OUT.print(f"Report     {report}", soft_wrap=True, highlight=False)
    OUT.print(f"Forecasts  nightcast forecasts {spec_path}", soft_wrap=True, highlight=False)


def score_table(scores: Sequence[Score]) -> Table:
    """Contenders with their scores, the lowest MASE in bold."""
    table = Table("contender", "role", "MASE", "WQL", "coverage", "bias")
    best = min(score.mase for score in scores)
    for score in scores:
        style = "bold" if score.mase == best else ""
        covered = f"{percent(score.coverage, 0)} of {percent(score.nominal_coverage, 0)}"
        numbers = (number(score.mase), number(score.wql), covered, percent(score.bias, signed=True))
        table.add_row(shown(score.contender), score.role, *numbers, style=style)
    return table
