"""`nightcast deploy`: what the Prefect server offers to run, and when it does so by itself."""

from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.box import SIMPLE_HEAD
from rich.table import Table

from flows.console import ERR, OUT, print_json, shown
from flows.service.deploy import Deployed, Deployments, deploy


def run_deploy(specs: Sequence[Path], pools: Path | None, *, as_json: bool) -> None:
    """Deploy specs, or those again that the server knows, and print what it offers now."""
    done = deploy(specs, pools)
    if as_json:
        print_json(done.model_dump(mode="json"))
    else:
        print_deployments(done)


def print_deployments(done: Deployments) -> None:
    """Say what is deployed, when it runs, and what was left or could not be done."""
    if done.deployments:
        OUT.print(_table(done.deployments))
    else:
        OUT.print("Nothing is deployed yet; name a spec.")
    for name in done.left:
        ERR.print(
            f"[yellow]left[/] {shown(name)}: its spec was not named; it goes on as it was until "
            "you delete it in the UI.",
            soft_wrap=True,
        )
    for warning in done.warnings:
        ERR.print(f"[yellow]warning[/] {shown(warning)}", soft_wrap=True)


def _table(deployments: Sequence[Deployed]) -> Table:
    table = Table("deployment", "work pool", "runs next", box=SIMPLE_HEAD)
    for one in deployments:
        table.add_row(shown(one.name), one.pool, _next(one))
    return table


def _next(one: Deployed) -> str:
    if one.cron is None or one.timezone is None:
        return "[dim]when it is started[/]"
    if one.next_run is None:
        return "[dim]when it is started; its schedule is paused[/]"
    return f"{one.next_run.astimezone(ZoneInfo(one.timezone)):%a %Y-%m-%d %H:%M} {one.timezone}"
