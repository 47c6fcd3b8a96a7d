"""`nightcast forecasts`: read what was published, now or as of an earlier version."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from data_contracts.errors import SpecError
from data_contracts.moments import parse_option
from data_contracts.spec import Spec, load_spec
from data_contracts.vocabulary import CUTOFF, RUN_ID
from flows.commands.forecast_tables import batch_table, history_table, said_table
from flows.console import ERR, OUT, print_json, shown
from tasks.reporting.formats import count
from tasks.stores.batch_history import batch_history
from tasks.stores.exports import write_table
from tasks.stores.forecasts import read_batch
from tasks.stores.records import find_decision
from tasks.stores.said import said_for
from tasks.stores.selection import selected
from tasks.stores.totals import read_totals
from tasks.stores.warehouse import Warehouse, warehouse_of

SHOWN_ROWS = 24


class Question(NamedTuple):
    """What a person asks of the table.

    Attributes:
        cutoff: Of which batch, None for the latest.
        version: As of which version of the table, None for the newest.
        history: Whether to list the publications instead.
        step: Which step to show the words of every batch for, None for one batch.
        series: Which series, None for all.
        lead: Which lead, None for all.
        level: Which totals, None for the series themselves.
    """

    cutoff: str | None = None
    version: int | None = None
    history: bool = False
    step: str | None = None
    series: str | None = None
    lead: int | None = None
    level: str | None = None


def show_forecasts(
    spec_path: Path, question: Question, output: Path | None, *, as_json: bool
) -> None:
    """Print a batch, what was said for a step, or a history; or write rows to a file."""
    spec = load_spec(spec_path)
    _refuse_contradiction(question, output)
    if question.history:
        _show_history(spec, question, as_json=as_json)
        return
    rows = _rows(spec, question)
    if output is not None:
        _refuse_source(output, spec)
        write_table(rows, output)
        ERR.print(f"[green]✓[/] {count(rows.num_rows, 'row')} in {output}", soft_wrap=True)
    elif as_json:
        print_json(rows.to_pylist())
    else:
        _print_head(spec, question, rows.slice(0, SHOWN_ROWS).to_pylist(), rows.num_rows)


def _refuse_contradiction(question: Question, output: Path | None) -> None:
    if question.step is not None and question.cutoff is not None:
        raise SpecError("--for and --cutoff: expected one of them, for --for shows every batch.")
    if question.level is not None and (question.step, question.version) != (None, None):
        raise SpecError(
            "--level shows the totals of a batch as it is published: expected neither "
            "--for nor --version beside it."
        )
    others = {
        "--for": question.step,
        "--series": question.series,
        "--lead": question.lead,
        "--level": question.level,
        "--version": question.version,
        "--output": output,
    }
    given = [option for option, value in others.items() if value is not None]
    if question.history and given:
        raise SpecError(
            f"--history lists publications and no forecasts: expected no {given[0]} beside it."
        )


def _rows(spec: Spec, question: Question) -> Any:
    zone, warehouse, version = spec.grid.timezone, warehouse_of(spec), question.version
    step = parse_option(question.step, timezone=zone, option="--for")
    if step is not None:
        rows = said_for(warehouse, step, version=version)
    else:
        cutoff = parse_option(question.cutoff, timezone=zone, option="--cutoff")
        rows = (
            read_batch(warehouse, cutoff, version=version)
            if question.level is None
            else read_totals(warehouse, cutoff, level=question.level)
        )
    return selected(rows, series=question.series, lead=question.lead)


def _show_history(spec: Spec, question: Question, *, as_json: bool) -> None:
    cutoff = parse_option(question.cutoff, timezone=spec.grid.timezone, option="--cutoff")
    changes = batch_history(warehouse_of(spec), cutoff)
    if as_json:
        print_json([change._asdict() for change in changes])
        return
    OUT.print(history_table(changes[:SHOWN_ROWS]))
    if len(changes) > SHOWN_ROWS:
        ERR.print(f"{SHOWN_ROWS} of {len(changes):,} publications; all of them: --json")


def _print_head(spec: Spec, question: Question, rows: list[dict[str, Any]], total: int) -> None:
    if question.step is not None:
        OUT.print(said_table(spec.name, rows))
    else:
        OUT.print(batch_table(spec.name, rows))
    if total > len(rows):
        ERR.print(
            f"{len(rows)} of {total:,} rows; all of them: nightcast forecasts … -o batch.parquet"
        )
    if question.step is None:
        _tell_fallback(warehouse_of(spec), rows[0])


def _tell_fallback(warehouse: Warehouse, row: Mapping[str, Any]) -> None:
    """Say why the batch is not that of who was to make it: of a baseline, or made in hindsight."""
    decision = find_decision(warehouse, row[CUTOFF], row[RUN_ID])
    words = {"fallback": "fallback", "rolled_back": "rolled back", "backfilled": "backfilled"}
    if word := words.get(decision.get("outcome", "")):
        ERR.print(f"[yellow]{word}[/] {shown(decision['reason'])}", soft_wrap=True)


def _refuse_source(output: Path, spec: Spec) -> None:
    """Keep an answer from replacing what it was made from, or what others read."""
    warehouse = warehouse_of(spec).root.resolve()
    if warehouse in output.resolve().parents:
        raise SpecError(f"{output} lies in the warehouse, {warehouse}; name another file.")
    source = Path(spec.source.uri).resolve()
    if source in (output.resolve(), *output.resolve().parents):
        raise SpecError(
            f"{output} is or lies in the source of this spec, {spec.source.uri}; name another file."
        )
