"""`nightcast forecasts`: read the published batch of one cutoff."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from data_contracts.errors import SpecError
from data_contracts.moments import parse_option
from data_contracts.spec import Spec, load_spec
from data_contracts.vocabulary import CUTOFF, DS, LEAD, QUALITY, RUN_ID, UNIQUE_ID, quantile_column
from flows.console import ERR, OUT, print_json, shown
from tasks.reporting.formats import count
from tasks.stores.exports import write_table
from tasks.stores.forecasts import read_batch
from tasks.stores.records import find_decision
from tasks.stores.warehouse import Warehouse, warehouse_of

SHOWN_ROWS = 24


def show_forecasts(
    spec_path: Path, cutoff: str | None, output: Path | None, *, as_json: bool
) -> None:
    """Print a batch, or write it to a .parquet or .csv file."""
    spec = load_spec(spec_path)
    zone = spec.grid.timezone
    wanted = parse_option(cutoff, timezone=zone, option="--cutoff")
    warehouse = warehouse_of(spec)
    batch = read_batch(warehouse, wanted)
    if output is not None:
        _refuse_source(output, spec)
        write_table(batch, output)
        ERR.print(f"[green]✓[/] {count(batch.num_rows, 'row')} in {output}", soft_wrap=True)
    elif as_json:
        print_json(batch.to_pylist())
    else:
        rows = batch.slice(0, SHOWN_ROWS).to_pylist()
        _print_head(rows, batch.num_rows, spec)
        _tell_fallback(warehouse, rows[0])


def _tell_fallback(warehouse: Warehouse, row: Mapping[str, Any]) -> None:
    """Say why the batch is the baseline's, or an older model's, where another was to make it."""
    decision = find_decision(warehouse, row[CUTOFF], row[RUN_ID])
    words = {"fallback": "fallback", "rolled_back": "rolled back"}
    if word := words.get(decision.get("outcome", "")):
        ERR.print(f"[yellow]{word}[/] {shown(decision['reason'])}", soft_wrap=True)


def _refuse_source(output: Path, spec: Spec) -> None:
    """Keep an answer from replacing what it was made from."""
    source = Path(spec.source.uri).resolve()
    if source in (output.resolve(), *output.resolve().parents):
        raise SpecError(
            f"{output} is or lies in the source of this spec, {spec.source.uri}; name another file."
        )


def _print_head(rows: Sequence[Mapping[str, Any]], total: int, spec: Spec) -> None:
    found = [name for name in rows[0] if re.fullmatch(r"q\d+(_\d+)?", name)]
    quantiles = list(dict.fromkeys((found[0], quantile_column(0.5), found[-1])))
    table = Table(title=f"{shown(spec.name)} · cutoff {rows[0][CUTOFF]:%Y-%m-%d %H:%M} UTC")
    for name in (UNIQUE_ID, DS, LEAD, *quantiles, QUALITY):
        table.add_column(name, justify="right" if name in (LEAD, *quantiles) else "left")
    for row in rows:
        numbers = [f"{row[name]:.2f}" for name in quantiles]
        table.add_row(
            shown(row[UNIQUE_ID]),
            f"{row[DS]:%Y-%m-%d %H:%M}",
            str(row[LEAD]),
            *numbers,
            row[QUALITY],
        )
    OUT.print(table)
    if total > len(rows):
        ERR.print(
            f"{len(rows)} of {total:,} rows; all of them: nightcast forecasts … -o batch.parquet"
        )
