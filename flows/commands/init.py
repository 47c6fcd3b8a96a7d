"""`nightcast init`: propose a spec."""

from pathlib import Path

from data_contracts.errors import SpecError
from flows.console import ERR, OUT, print_json, shown
from tasks.stores.proposal import propose_spec


def propose(parquet: str, output: Path | None, *, as_json: bool) -> None:
    """Print a proposed spec, or write it to a file that does not exist yet."""
    proposal = propose_spec(parquet)
    if output is not None:
        _write_new(output, proposal.text)
    if as_json:
        spec = proposal.spec.model_dump(mode="json")
        print_json({"spec": spec, "notes": proposal.notes, "written": output})
        return
    if output is None:
        OUT.print(proposal.text, markup=False, soft_wrap=True, end="")
    for note in proposal.notes:
        ERR.print(f"[yellow]![/] {shown(note)}", soft_wrap=True)
    if output is not None:
        ERR.print(f"[green]✓[/] {output} · next: nightcast check {output}", soft_wrap=True)


def _write_new(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise SpecError(f"{path} exists already; remove it or name another file.") from None
    except OSError as error:
        raise SpecError(f"{path}: cannot be written: {error.strerror}.") from None
