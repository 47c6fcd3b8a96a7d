"""`nightcast champion`: the model in service."""

from dataclasses import asdict
from pathlib import Path

from rich.table import Table

from data_contracts.spec import load_spec
from flows.console import OUT, print_json, shown
from tasks.stores.registry import champion_history
from tasks.stores.warehouse import warehouse_of


def show_champion(spec_path: Path, *, as_json: bool) -> None:
    """Print the champion and the moves of the pointer that led to it, the newest first."""
    spec = load_spec(spec_path)
    moves = champion_history(warehouse_of(spec))[::-1]
    if as_json:
        print_json(
            {
                "champion": moves[0].model_version if moves else None,
                "history": [asdict(move) for move in moves],
            }
        )
        return
    if not moves:
        OUT.print(
            f"{spec.name}: no model is in service; the baseline {' or '.join(spec.baselines)} is."
        )
        return
    OUT.print(f"{spec.name}: [bold]{shown(moves[0].model_version)}[/] is in service.")
    table = Table("since (UTC)", "version", "reason")
    for move in moves:
        table.add_row(
            f"{move.decided_at:%Y-%m-%d %H:%M}", *map(shown, (move.model_version, move.reason))
        )
    OUT.print(table)
