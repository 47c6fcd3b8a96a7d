"""`nightcast check`: the input contract alone."""

from datetime import UTC, datetime
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from data_contracts.errors import ContractError
from data_contracts.moments import in_utc, parse_option
from data_contracts.observations import validate_observations
from data_contracts.spec import load_spec
from data_contracts.verdicts import Severity, Verdict
from flows.console import ERR, OUT, TerminalReporter, print_json
from tasks.progress import REPORTER, stage
from tasks.stores.observations import read_observations
from tasks.tonight import check_training

COLOURS = {Severity.CRITICAL: "red", Severity.QUARANTINE: "yellow", Severity.WARNING: "yellow"}


def check_input(spec_path: Path, as_of: str | None, *, as_json: bool) -> None:
    """Read the source as the night would, check it, and print the verdict.

    Raises:
        ContractError: If a night on this input would be stopped.
    """
    spec = load_spec(spec_path)
    check_training(spec)
    zone = spec.grid.timezone
    instant = parse_option(as_of, timezone=zone, option="--as-of")
    if instant is None:
        instant = in_utc(datetime.now(UTC), zone)
    with TerminalReporter() as reporter:
        REPORTER.set(reporter)
        with stage("extract") as step:
            extraction = read_observations(spec, instant, progress=step)
        with stage("validate"):
            verdict = validate_observations(
                extraction.profile,
                extraction.batch,
                extraction.examples,
                spec,
                extraction.cutoff,
            )
    if as_json:
        print_json(verdict.model_dump(mode="json") | {"status": verdict.status})
    else:
        _print(verdict, f"{spec.name} · cutoff {extraction.cutoff:%Y-%m-%d %H:%M} UTC")
    if verdict.critical:
        raise ContractError(verdict.contract, [found.sentence for found in verdict.critical])


def _print(verdict: Verdict, title: str) -> None:
    table = Table("", "rule", "severity", "offending", title=title)
    for check in verdict.checked:
        mark = "[green]✓[/]" if check.passed else f"[{COLOURS[check.severity]}]✗[/]"
        count = "" if check.passed else f"{check.offending:,}"
        table.add_row(mark, escape(check.title), check.severity.value, count)
    OUT.print(table)
    for finding in (*verdict.findings,):
        if finding.severity is not Severity.CRITICAL:
            ERR.print(f"[yellow]{finding.severity.value}[/] {escape(finding.sentence)}")
    if not verdict.findings:
        OUT.print("[green]Every rule holds.[/]")
