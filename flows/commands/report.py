"""`nightcast report`: where the report of a night lies."""

from pathlib import Path

from data_contracts.errors import SpecError
from data_contracts.moments import parse_moment
from data_contracts.spec import load_spec
from flows.console import OUT, print_json
from tasks.stores.runs import latest_report, report_path
from tasks.stores.sharing import fetch_file
from tasks.stores.warehouse import warehouse_of


def show_report(spec_path: Path, cutoff: str | None, *, as_json: bool) -> None:
    """Print the path of a night's page; the latest one by default.

    Raises:
        SpecError: If there is no such page.
    """
    spec = load_spec(spec_path)
    warehouse = warehouse_of(spec)
    if cutoff is None:
        path = latest_report(warehouse)
    else:
        moment = parse_moment(cutoff, timezone=spec.grid.timezone, option="--cutoff")
        path = fetch_file(warehouse, report_path(warehouse, moment))
    if path is None or not path.exists():
        raise SpecError(f"No report under {warehouse.place}/runs; `nightcast run` writes one.")
    if as_json:
        print_json({"report": path.resolve()})
    else:
        OUT.print(str(path.resolve()), soft_wrap=True, markup=False)
