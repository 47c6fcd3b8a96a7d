"""The `nightcast` command. Each command is an entry here; what it does lies in flows and tasks.

Exit status: 0 done · 1 the data or the gate refused, nothing was published · 2 the command or the
spec is wrong · 3 something broke · 130 interrupted. Heavy modules are imported inside the commands,
so that `nightcast --help` answers at once.
"""

import functools
import os
import re
import sys
import traceback
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, ParamSpec, TypeVar

import typer

from data_contracts.errors import NightcastError, RefusedError
from data_contracts.plain_text import visible, without_secrets

app = typer.Typer(
    name="nightcast",
    help="Nightly forecasts for the many time series that a company keeps in Parquet.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
INTERRUPTED = 130

SpecPath = Annotated[Path, typer.Argument(help="The spec, a YAML file.", metavar="SPEC")]
Specs = Annotated[
    list[Path] | None,
    typer.Argument(
        help="Specs, YAML files; without any, those that were deployed before.", metavar="[SPEC]..."
    ),
]
AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        metavar="TS",
        help="The instant to pretend to live in; now by default. In the spec's time zone unless "
        "it carries an offset.",
    ),
]
Cutoff = Annotated[
    str | None,
    typer.Option("--cutoff", metavar="TS", help="Which batch; the latest by default."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer as JSON on standard output.")]
Verbose = Annotated[
    bool, typer.Option("--verbose", help="Show the log, and the traceback of an error.")
]


class When(StrEnum):
    """Whether tonight trains."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class WhichModel(StrEnum):
    """Whose forecasts a backfill publishes."""

    THEN = "then"
    NOW = "now"
    RETRAIN = "retrain"


class IfThere(StrEnum):
    """What a backfill does with batches that are there."""

    SKIP = "skip"
    REPLACE = "replace"


P = ParamSpec("P")
R = TypeVar("R")


def _one_sentence(command: Callable[P, R]) -> Callable[P, R]:
    """Turn errors into one sentence on standard error and the exit status that goes with them."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except NightcastError as error:
            _explain(kwargs)
            # Of the data a line break may be part, of others only the first line is for people.
            _complain(visible(str(error)) if isinstance(error, RefusedError) else str(error))
            raise typer.Exit(error.exit_status) from None
        except KeyboardInterrupt:
            _complain("Interrupted; run the same command again to finish.")
            raise typer.Exit(INTERRUPTED) from None
        except (typer.Exit, typer.Abort):
            raise
        except Exception as error:
            _explain(kwargs)
            _complain(
                f"Something broke: {type(error).__name__}: {error} "
                "(run with --verbose for the traceback)."
            )
            raise typer.Exit(NightcastError.exit_status) from None

    return wrapped


def _explain(options: Mapping[str, object]) -> None:
    if options.get("verbose"):
        lines = traceback.format_exc().split("\n")
        sys.stderr.write("\n".join(map(visible, lines)))


def _complain(sentence: str) -> None:
    """One line for a person: without colours, native stack traces, or what a URI keeps secret."""
    line = re.sub(r"\x1b\[[0-9;]*m", "", sentence).strip().split("\n", 1)[0]
    sys.stderr.write(f"nightcast: {visible(without_secrets(line))}\n")


@app.command()
@_one_sentence
def init(
    parquet: Annotated[str, typer.Argument(help="A long-format Parquet file or folder.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Where to write the spec.")
    ] = None,
    *,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Propose a spec from a file: its columns, frequency, seasons and horizon."""
    from flows.commands.init import propose

    propose(parquet, output, as_json=as_json)


@app.command()
@_one_sentence
def check(
    spec: SpecPath, *, as_of: AsOf = None, as_json: AsJson = False, verbose: Verbose = False
) -> None:
    """Check the input against its contract; nothing is trained or written."""
    from flows.commands.check import check_input

    check_input(spec, as_of, as_json=as_json)


@app.command()
@_one_sentence
def run(
    spec: SpecPath,
    *,
    as_of: AsOf = None,
    train: Annotated[
        When | None, typer.Option(help="Whether to train; as the spec says by default.")
    ] = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Run one night: check, train when due, judge, promote, forecast, publish, report."""
    from flows.commands.run import run_night

    run_night(spec, as_of, train=train.value if train else None, as_json=as_json, verbose=verbose)


@app.command()
@_one_sentence
def backfill(
    spec: SpecPath,
    *,
    start: Annotated[str, typer.Option(metavar="TS", help="The first date.")],
    end: Annotated[str, typer.Option(metavar="TS", help="The last date, included.")],
    every: Annotated[
        str, typer.Option(metavar="DAYS", help="From one date to the next, such as 7D.")
    ] = "1D",
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="HH:MM",
            help="The time of day to live at; that of --start, or of the nights, by default.",
        ),
    ] = None,
    model: Annotated[
        WhichModel,
        typer.Option(help="Whose forecasts: the champion's of then or of now, or newly trained."),
    ] = WhichModel.THEN,
    existing: Annotated[
        IfThere, typer.Option(help="What to do with batches that are there.")
    ] = IfThere.SKIP,
    at_once: Annotated[int, typer.Option(metavar="N", min=1, help="Dates at a time.")] = 2,
    stop: Annotated[
        bool, typer.Option("--stop", help="Begin no further date after one that fails.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list the dates.")] = False,
    resume: Annotated[
        str, typer.Option(metavar="ID", help="Go on with a backfill that was interrupted.")
    ] = "",
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Publish the forecasts of past dates as they would have been; the champion stays."""
    from flows.commands.backfill import Wanted, run_backfill

    wanted = Wanted(
        start,
        end,
        every,
        at,
        model.value,
        existing.value,
        at_once,
        stop=stop,
        dry_run=dry_run,
        resume=resume,
    )
    run_backfill(spec, wanted, as_json=as_json, verbose=verbose)


@app.command()
@_one_sentence
def backtest(
    spec: SpecPath,
    *,
    origins: Annotated[int, typer.Option(min=1, help="How many origins to forecast from.")] = 14,
    every: Annotated[
        int | None, typer.Option(min=1, help="Steps between origins; the horizon by default.")
    ] = None,
    models: Annotated[
        str | None, typer.Option(metavar="A,B", help="Networks; the spec's candidates by default.")
    ] = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Score models on unseen origins; nothing is stored or published."""
    from flows.commands.backtest import Plan, run_backtest

    run_backtest(spec, as_of, Plan(origins, every, models), as_json=as_json, verbose=verbose)


@app.command()
@_one_sentence
def tune(
    spec: SpecPath,
    *,
    trials: Annotated[
        int | None,
        typer.Option(metavar="N", help="Specs to try in all; 20, or as the spec says."),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(metavar="M", help="Minutes of trials in all, in the place of --trials."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="NEW_SPEC", help="Where to write the new spec."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace NEW_SPEC if it is there.")
    ] = False,
    as_of: AsOf = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Search for a better spec on past days, and write it; nothing is put into service."""
    from flows.commands.tune import Effort, run_tuning

    effort = Effort(trials, minutes, output, overwrite)
    run_tuning(spec, as_of, effort, as_json=as_json, verbose=verbose)


@app.command()
@_one_sentence
def score(
    spec: SpecPath,
    *,
    as_of: AsOf = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="TS", help="The first cutoff to score; all by default."),
    ] = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Hold published forecasts against what came, and say how good they were."""
    from flows.commands.score import run_scoring

    run_scoring(spec, as_of, since, as_json=as_json, verbose=verbose)


@app.command()
@_one_sentence
def champion(
    spec: SpecPath,
    *,
    version: Annotated[
        str | None,
        typer.Option("--set", metavar="VERSION", help="Put this version, or baseline, in service."),
    ] = None,
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Go back to what was in service before.")
    ] = False,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why, for the records.")] = "",
    lineage: Annotated[
        bool, typer.Option("--lineage", help="Show what the model in service was made from.")
    ] = False,
    versions: Annotated[
        bool, typer.Option("--versions", help="List the versions that can be put into service.")
    ] = False,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Show the model in service and how it came there; put another one in its place."""
    from flows.commands.champion import Wish, show_champion

    show_champion(spec, Wish(version, rollback, reason, lineage, versions), as_json=as_json)


@app.command()
@_one_sentence
def forecasts(
    spec: SpecPath,
    *,
    cutoff: Cutoff = None,
    version: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, help="Read the table as it was at this version."),
    ] = None,
    history: Annotated[
        bool,
        typer.Option("--history", help="List who published what, when and why; see --cutoff."),
    ] = False,
    step: Annotated[
        str | None,
        typer.Option("--for", metavar="TS", help="Show what every batch said for this step."),
    ] = None,
    series: Annotated[str | None, typer.Option(metavar="ID", help="Only this series.")] = None,
    lead: Annotated[int | None, typer.Option(metavar="N", min=1, help="Only this lead.")] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Write the rows to a .parquet or .csv file."),
    ] = None,
    level: Annotated[
        str | None,
        typer.Option(
            "--level",
            metavar="COLUMN",
            help="Totals in the place of series: those of a static column, or `total`.",
        ),
    ] = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Read published forecasts: a batch, what was said for a step, or who published when."""
    from flows.commands.forecasts import Question, show_forecasts

    question = Question(cutoff, version, history, step, series, lead, level)
    show_forecasts(spec, question, output, as_json=as_json)


@app.command()
@_one_sentence
def report(
    spec: SpecPath, *, cutoff: Cutoff = None, as_json: AsJson = False, verbose: Verbose = False
) -> None:
    """Say where the report of a night lies."""
    from flows.commands.report import show_report

    show_report(spec, cutoff, as_json=as_json)


@app.command()
@_one_sentence
def maintain(
    spec: SpecPath,
    *,
    apply: Annotated[
        bool, typer.Option("--apply", help="Do it; without this, nothing is changed.")
    ] = False,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Say what upkeep the warehouse needs: merge, vacuum, remove what nothing needs; do it."""
    from flows.commands.maintain import show_maintenance

    show_maintenance(spec, apply=apply, as_json=as_json)


@app.command()
@_one_sentence
def deploy(
    specs: Specs = None,
    *,
    pools: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Templates of Kubernetes work pools, cpu.json and gpu.json; without it the pools "
            "are of processes.",
        ),
    ] = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Put nights, scoring and backfills of specs on the Prefect server that is configured."""
    from flows.commands.deploy import run_deploy

    run_deploy(specs or [], pools, as_json=as_json)


@app.command()
@_one_sentence
def serve(
    specs: Specs = None,
    *,
    folder: Annotated[
        Path, typer.Option(metavar="PATH", help="Where records and logs are kept.")
    ] = Path(".nightcast"),
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 for all of this machine.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the pages.")] = 4200,
    database: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="PostgreSQL for the records, in the place of SQLite in the folder. With a "
            "password, rather set PREFECT_SERVER_DATABASE_CONNECTION_URL.",
        ),
    ] = None,
    at_once: Annotated[
        int, typer.Option("--at-once", min=2, help="Runs of the cpu pool that go on at once.")
    ] = 4,
    drain: Annotated[
        float, typer.Option(min=0, help="Seconds that runs are given to end when it stops.")
    ] = 60,
    verbose: Verbose = False,
) -> None:
    """Run everything on this machine: Prefect server, cpu and gpu workers, deployments, UI."""
    from flows.commands.serve import Where, run_serve

    run_serve(specs or [], Where(folder, host, port, database), at_once=at_once, drain=drain)


def main() -> None:
    """Entry point of the console script."""
    try:
        app()
    finally:
        _leave(sys.exc_info()[1])


def _leave(error: BaseException | None) -> None:
    """Leave at once where a network was loaded outside a flow.

    TensorFlow's threads now and then abort an interpreter that is shutting down, and the exit
    status with it. A flow has Prefect's logs to flush, and ends as usual.
    """
    if "tensorflow" in sys.modules and "prefect" not in sys.modules:
        status = error.code if isinstance(error, SystemExit) else NightcastError.exit_status
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status if isinstance(status, int) else 0)


if __name__ == "__main__":
    main()
