"""`nightcast check`: the input contract alone."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from data_contracts.errors import RefusedError
from data_contracts.history import Mark, Spell
from data_contracts.moments import in_utc, parse_option
from data_contracts.observations import check_severities
from data_contracts.spec import Spec, load_spec
from data_contracts.verdicts import Verdict
from flows.console import OUT, TerminalReporter, print_json, shown
from tasks.progress import REPORTER, stage
from tasks.reporting.contract import ContractView, RuleRow, contract_view, legend, strip
from tasks.reporting.formats import count, local_time, utc_time
from tasks.stores.history import read_history
from tasks.stores.observations import read_observations
from tasks.stores.warehouse import warehouse_of
from tasks.tonight import check_training

if TYPE_CHECKING:
    import pandas as pd

STYLES = {
    Mark.KEPT: "green",
    Mark.NOTE: "blue",
    Mark.WARNING: "yellow",
    Mark.QUARANTINE: "yellow",
    Mark.CRITICAL: "red",
    Mark.EXPLAINED: "dim",
    Mark.UNCHECKED: "dim",
}
WIDE = 110  # columns from which every column of the table has its place
FEW_NIGHTS = 14  # shown where the terminal is narrower
MAX_SERIES = 20


def check_input(spec_path: Path, as_of: str | None, *, as_json: bool) -> None:
    """Read the source as the night would, check it, and print the verdict with its history.

    Raises:
        ContractError: If a night on this input would be stopped.
    """
    spec = load_spec(spec_path)
    check_training(spec)
    check_severities(spec)
    zone = spec.grid.timezone
    instant = parse_option(as_of, timezone=zone, option="--as-of")
    if instant is None:
        instant = in_utc(datetime.now(UTC), zone)
    with TerminalReporter() as reporter:
        REPORTER.set(reporter)
        verdict = _judge(spec, instant)
    cutoff = spec.grid.timestamp(spec.grid.last_complete_slot(instant))
    history = read_history(warehouse_of(spec), cutoff, verdict)
    seen = contract_view([verdict], history, timezone=zone)
    if as_json:
        print_json(_answer(spec, verdict, seen))
    else:
        _print(spec, seen)
    verdict.raise_if_critical()


def _judge(spec: Spec, instant: "pd.Timestamp") -> Verdict:
    """The verdict on the source; where reading refuses it, that is the verdict."""
    try:
        with stage("extract") as step:
            known = read_observations(spec, instant, progress=step)
    except RefusedError as refusal:
        return Verdict.of_refusal(refusal)
    with stage("validate"):
        return known.judged(spec)


def _answer(spec: Spec, verdict: Verdict, seen: ContractView) -> dict[str, Any]:
    """Everything that is known, for a program."""
    history = seen.history
    return {
        "name": spec.name,
        "spec_digest": spec.digest,
        "cutoff": history.nights[-1].isoformat(),
        "contract": verdict.contract,
        "status": verdict.status,
        "checks": [_check(row) for row in seen.rules],
        "findings": [finding.model_dump(mode="json") for finding in verdict.findings],
        "quarantine": [
            {
                "unique_id": name,
                "reasons": [finding.sentence for finding in found],
                **_since(history.series[name]),
            }
            for name, found in verdict.quarantined.items()
        ],
        "ended": list(verdict.ended),
        "no_longer_in_quarantine": list(history.returned),
        "nights": [night.isoformat() for night in history.nights],
        "nights_passed_over": list(history.passed_over),
    }


def _check(row: RuleRow) -> dict[str, Any]:
    """One rule; its history has a mark per night of `nights`."""
    marks = [mark.value for mark in row.trace.marks]
    return {
        **row.check.model_dump(mode="json"),
        **_since(row.trace.spell),
        "nights_broken": row.trace.num_broken,
        "history": marks,
    }


def _since(spell: Spell | None) -> dict[str, Any]:
    """Since which cutoff something has been wrong, and whether maybe for longer."""
    if spell is None:
        return {"since": None, "nights_since": 0, "maybe_longer": False}
    return {
        "since": spell.since.isoformat(),
        "nights_since": spell.num_nights,
        "maybe_longer": spell.is_open,
    }


def _print(spec: Spec, seen: ContractView) -> None:
    cutoff = seen.history.nights[-1]
    OUT.print(
        f"[bold]{shown(spec.name)}[/]  cutoff {local_time(cutoff, seen.timezone)} "
        f"[dim]({utc_time(cutoff)})[/]",
        soft_wrap=True,
    )
    OUT.print(_rules(seen, wide=OUT.width >= WIDE))
    _print_legend(seen)
    _print_found(seen)
    for night in seen.history.passed_over:
        OUT.print(f"[dim]Left out of the history: {shown(night)}.[/]", soft_wrap=True)
    style = STYLES[seen.broken[0].mark] if seen.broken else "green"
    OUT.print(f"[{style} bold]{shown(seen.summary)}.[/]", soft_wrap=True)


def _rules(seen: ContractView, *, wide: bool) -> Table:
    """Every rule, the broken ones nearest to the prompt; a narrow one lacks some columns."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("", width=1)
    table.add_column("rule", ratio=1)
    for name in ("if broken", "accepted") if wide else ():
        table.add_column(name, no_wrap=True)
    table.add_column("broken by", justify="right", max_width=None if wide else 6)
    table.add_column("last nights", no_wrap=True)
    for title, rows in [*seen.others, ("Broken", seen.broken)]:
        if rows:
            _add_group(table, title, rows, wide=wide)
    return table


def _add_group(table: Table, title: str, rows: list[RuleRow], *, wide: bool) -> None:
    table.add_row("", f"[bold]{shown(title)}[/]")
    for row in rows:
        table.add_row(*_cells(row, wide=wide), style="" if row.mark.is_told else "dim")
    table.add_section()


def _cells(row: RuleRow, *, wide: bool) -> list[str]:
    style = STYLES[row.mark]
    symbol = "✓" if row.mark is Mark.KEPT else strip([row.mark])
    return [
        f"[{style}]{symbol}[/]",
        shown(row.check.title) + (f"\n[dim]{row.since}[/]" if row.since else ""),
        *([row.check.severity.value, row.threshold] if wide else []),
        f"{row.offending:,}" if row.offending else "",
        _marks(row.trace.marks if wide else row.trace.marks[-FEW_NIGHTS:]),
    ]


def _marks(marks: tuple[Mark, ...]) -> str:
    return "".join(f"[{STYLES[mark]}]{strip([mark])}[/]" for mark in marks)


def _print_legend(seen: ContractView) -> None:
    if len(seen.history.nights) > 1:
        words = [f"{symbol} {meaning}" for _, symbol, meaning in legend(seen.rules)]
        OUT.print(f"[dim]last nights, tonight at the end: {', '.join(words)}[/]", soft_wrap=True)


def _print_found(seen: ContractView) -> None:
    """What was found in sentences, and what is set aside."""
    for row in seen.broken:
        for sentence in row.sentences:
            style = STYLES[row.mark]
            OUT.print(f"[{style}]{row.mark.value}[/] {shown(sentence)}", soft_wrap=True)
    for one in seen.series[:MAX_SERIES]:
        name, since = shown(one.unique_id), f"[dim]({one.since})[/]"
        OUT.print(f"  {name} {since} {shown(one.reason)}", soft_wrap=True)
    if len(seen.series) > MAX_SERIES:
        rest = count(len(seen.series) - MAX_SERIES, "more series", "more series")
        OUT.print(f"  {rest}; --json lists all of them")
