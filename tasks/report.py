"""Report: the page of a night in the warehouse, and the same in the Prefect UI."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pandas as pd
from prefect import get_run_logger, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE

from data_contracts.attention import STEPS
from data_contracts.errors import RefusedError
from data_contracts.forecasts import schema
from data_contracts.night import Night
from data_contracts.spec import Spec
from data_contracts.verdicts import Verdict
from data_contracts.vocabulary import LEAD, UNIQUE_ID
from models.forecasters.neural import NeuralForecaster
from models.panel import Panel
from tasks.outcome import Outcome, record_of, record_of_refusal
from tasks.progress import log, stage
from tasks.realised import by_leads, by_model, by_night, last_over, recent_rows
from tasks.reporting.artifacts import contract_table, key, markdown
from tasks.reporting.charts import choose
from tasks.reporting.excerpts import (
    Judged,
    lead_scores,
    recent_actuals,
    series_scores,
    steps_shown,
)
from tasks.reporting.learning_curves import Learned
from tasks.reporting.page import MAX_CHARTS, Page, render_page
from tasks.reporting.realised import Look
from tasks.reporting.totals import shown_totals
from tasks.resume import come_to_its_end
from tasks.retries import DELAYS, may_pass_next_time
from tasks.stores.accuracy import published_batches
from tasks.stores.history import read_history
from tasks.stores.observations import Extraction
from tasks.stores.runs import report_path, write_night, write_report, write_validation
from tasks.tags import tag_run
from tasks.tonight import Tonight


@task(
    name="report",
    task_run_name="report",
    retries=len(DELAYS),
    retry_delay_seconds=DELAYS,
    retry_condition_fn=may_pass_next_time,
    cache_policy=NO_CACHE,
)
def report(tonight: Tonight, outcome: Outcome) -> Night:
    """Write the record and the page of a published night, and show the same in the UI.

    Running it again replaces them. Where the UI cannot take the artifact, that is a warning in the
    log and no failure: what is published is published.
    """
    with stage("report"):
        night = record_of(tonight, outcome)
        judged = [
            Judged(e.contender.name, e.contender.role, e.losses, e.raw_coverage)
            for e in outcome.entries
        ]
        page = page_of(
            tonight.spec,
            night,
            (outcome.contract, outcome.output),
            panel=outcome.known.panel,
            batch=outcome.batch,
            judged=judged,
        )
        shown = shown_totals(tonight.spec, outcome.known.panel, outcome.batch, outcome.totals.rows)
        page = replace(
            page, learned=_learned(outcome), look_back=look_back_from(tonight), totals=shown
        )
        if tonight.backfill is None:
            page = _with_looks(page, outcome)
        _keep(tonight, page)
    return night


@task(name="report", task_run_name="report", cache_policy=NO_CACHE)
def report_refusal(tonight: Tonight, contract: Verdict, *, num_series: int = 0) -> Night:
    """Write the record and the page of a night that a contract stopped."""
    with stage("report"):
        night = record_of_refusal(tonight, contract, num_series=num_series)
        _keep(tonight, page_of_refusal(tonight.spec, night, (contract,)))
    return night


def refuse_critical(
    tonight: Tonight, known: Extraction, verdict: Verdict, *, earlier: Verdict | None = None
) -> None:
    """Stop where a contract is broken, with a record and a page that say so.

    Args:
        tonight: The night.
        known: What was read.
        verdict: On the input or the output.
        earlier: That on the input, which the page shows beside that on the output.

    Raises:
        ContractError: If it is broken.
    """
    if verdict.critical:
        shown = earlier.merge(verdict) if earlier else verdict
        report_refusal(tonight, shown, num_series=known.panel.num_series)
    verdict.raise_if_critical()


@contextmanager
def refusals_on_record(tonight: Tonight) -> Iterator[None]:
    """Keep and show what reading refuses in this context as if a contract had; then let it go on.

    Raises:
        RefusedError: The refusal.
    """
    try:
        yield
    except RefusedError as refusal:
        contract = Verdict.of_refusal(refusal)
        write_validation(tonight.warehouse, tonight.cutoff, contract)
        report_refusal(tonight, contract)
        raise


def page_of(
    spec: Spec,
    night: Night,
    verdicts: Sequence[Verdict],
    *,
    panel: Panel,
    batch: pd.DataFrame,
    judged: Sequence[Judged] = (),
) -> Page:
    """Gather what the report of a published night shows.

    Args:
        spec: What was forecast.
        night: The record of the night.
        verdicts: On the input and on the output.
        panel: Histories of all series of the batch.
        batch: Rows of `forecasts.delta`.
        judged: Who was judged tonight.
    """
    names = choose(batch, limit=MAX_CHARTS)
    return Page(
        night=night,
        batch=batch,
        actuals=recent_actuals(panel, names, num_steps=steps_shown(spec)),
        verdicts=tuple(verdicts),
        quantile_levels=spec.quantile_levels,
        timezone=spec.grid.timezone,
        target=spec.source.columns.y,
        series_scores=series_scores(judged) if judged else None,
        lead_scores=lead_scores(judged) if judged else None,
    )


def page_of_refusal(spec: Spec, night: Night, verdicts: Sequence[Verdict]) -> Page:
    """Gather what the report of a night shows on which nothing was published."""
    empty = schema(spec.quantile_levels).empty_table().to_pandas()
    return Page(
        night=night,
        batch=empty,
        actuals=pd.DataFrame(),
        verdicts=tuple(verdicts),
        quantile_levels=spec.quantile_levels,
        timezone=spec.grid.timezone,
        target=spec.source.columns.y,
    )


def _learned(outcome: Outcome) -> tuple[Learned, ...]:
    forecasters = (challenger.forecaster for challenger in outcome.trained.challengers)
    return tuple(
        Learned(each.name, each.curves)
        for each in forecasters
        if isinstance(each, NeuralForecaster)
    )


def _with_looks(page: Page, outcome: Outcome) -> Page:
    """The page with where the largest series looked, and their past as far back as that."""
    rows = outcome.looked.drawn
    if rows is None:
        return page
    one = rows.groupby([UNIQUE_ID, LEAD])[STEPS].sum()
    names = [str(name) for name in rows[UNIQUE_ID].unique()]
    past = recent_actuals(outcome.known.panel, names, num_steps=int(one.max()))
    return replace(page, looked=rows, context=past)


def look_back_from(tonight: Tonight) -> Look | None:
    """What the forecasts of the last weeks came to, as far as it was known at the cutoff."""
    until = tonight.cutoff
    try:
        batches = published_batches(tonight.warehouse)
        last = last_over(batches, tonight.grid, until)
        if last is None:
            return None
        rows = recent_rows(tonight.warehouse, until=last)
        return Look(
            models=tuple(by_model(rows)),
            leads=tuple(by_leads(rows)),
            nights=tuple(by_night(rows, batches, tonight.spec, until)),
        )
    except Exception as error:  # the batch is published, and the page is good without it
        get_run_logger().warning("The page does not say how good it was: %s", error)
        return None


def with_history(tonight: Tonight, page: Page) -> Page:
    """The page with what the contracts found on the nights before."""
    if not page.verdicts:
        return page
    first, *others = page.verdicts
    past = read_history(tonight.warehouse, tonight.cutoff, first.merge(*others))
    return replace(page, history=past)


def _keep(tonight: Tonight, page: Page) -> None:
    page = with_history(tonight, page)
    write_report(tonight.warehouse, tonight.cutoff, _rendered(page))
    _show(page, tonight.warehouse.uri_of(report_path(tonight.warehouse, tonight.cutoff)))
    come_to_its_end(tonight)
    # Last: a night on record counts as done, and its run is not repeated.
    write_night(tonight.warehouse, page.night)


def _rendered(page: Page) -> str:
    """The page, or as much of it as can be drawn: what is published is published."""
    try:
        return render_page(page)
    except Exception as error:
        log().warning("The page is without its extras, which could not be drawn: %s", error)
        return render_page(
            replace(page, learned=(), looked=None, context=None, look_back=None, totals=None)
        )


def _show(page: Page, file: str) -> None:
    night = page.night
    try:
        tag_run(night.name, night.decision.outcome if night.published else "refused")
        create_markdown_artifact(
            key=key(night.name),
            markdown=markdown(page, file=file),
            description=night.headline,
        )
        if rules := contract_table(page):
            create_table_artifact(
                key=key(night.name, kind="contract"),
                table=rules,
                description=f"The contract of the night: {len(rules)} rules, broken ones first.",
            )
    except Exception as error:  # any failure of the UI: the batch is published nevertheless
        get_run_logger().warning("The report is not among the artifacts of the UI: %s", error)
