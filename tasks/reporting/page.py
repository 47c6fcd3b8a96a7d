"""The page of a night: one HTML file that needs no network, no script and no explanation."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd
from markupsafe import Markup

from data_contracts.history import History, trace_nights
from data_contracts.night import Night
from data_contracts.verdicts import Severity, Verdict
from data_contracts.vocabulary import DS, QUALITY, SUBSTITUTED, UNIQUE_ID
from tasks.reporting import attention, by_lead, evidence, learning_curves, realised
from tasks.reporting.charts import central_pairs, choose, fans, svg
from tasks.reporting.contract import ContractView, contract_view, legend
from tasks.reporting.formats import (
    count,
    local_span,
    local_time,
    number,
    percent,
    utc_time,
)
from tasks.reporting.learning_curves import Learned
from tasks.reporting.scoreboard import (
    RAW,
    baseline,
    by_series,
    compared,
    contenders,
    gain,
    publisher,
)
from tasks.reporting.templates import rendered
from tasks.reporting.totals import TotalsShown

MAX_CHARTS = 24
FEW_CHARTS = 4  # of a backfilled date: drawing takes longer than forecasting
MAX_SENTENCES = 40
MAX_ASIDE = 100  # series in quarantine that are listed


@dataclass(frozen=True, eq=False)
class Page:
    """Everything that the report of one night shows.

    Attributes:
        night: The record of the night.
        batch: Rows of `forecasts.delta` of its cutoff; empty where nothing was published.
        actuals: Columns `unique_id`, `ds` (UTC) and `y`: what was observed before the cutoff, as
            far back as the charts shall reach. Rows may be missing or NaN.
        verdicts: What the contracts found.
        quantile_levels: Levels of the batch, ascending.
        timezone: Zone in which people of these series live.
        target: What the source calls `y`.
        series_scores: Columns `unique_id`, `model`, `role` and `mase`; None where nobody was
            judged.
        lead_scores: What `excerpts.lead_scores` returns; None likewise.
        learned: How the trainings of tonight went.
        looked: Rows of `attention.delta` of the mean of all heads, of the series to draw; None
            where nobody looked anywhere.
        context: As `actuals`, of these series and as far back as their forecasts looked.
        history: What the contracts found on the last nights; None where only tonight is known.
        look_back: What the forecasts of the last weeks came to; None where that is not known.
        totals: Sums of the batch that are drawn, None without any.
    """

    night: Night
    batch: pd.DataFrame
    actuals: pd.DataFrame
    verdicts: tuple[Verdict, ...]
    quantile_levels: tuple[float, ...]
    timezone: str = "UTC"
    target: str = "y"
    series_scores: pd.DataFrame | None = None
    lead_scores: pd.DataFrame | None = None
    learned: tuple[Learned, ...] = ()
    looked: pd.DataFrame | None = None
    context: pd.DataFrame | None = None
    history: History | None = None
    look_back: realised.Look | None = None
    totals: TotalsShown | None = None


class Status(NamedTuple):
    """The verdict in one or two words, and the colour it is shown in."""

    word: str
    tone: str


class Fact(NamedTuple):
    """Something worth knowing, with a second line that explains or repeats it in other words."""

    label: str
    value: str
    detail: str = ""
    tone: str = ""


class Chart(NamedTuple):
    """One drawing with its caption, an `<svg>` element that is safe to print as it is.

    The remark of a fan chart is the quality of a series that was substituted or differs from most
    of the batch.
    """

    unique_id: str
    remark: str
    drawing: Markup


class Sentence(NamedTuple):
    """Something that a contract found."""

    severity: str
    unique_id: str
    text: str


def render_page(page: Page) -> str:
    """The whole HTML document. The same page gives the same bytes."""
    return rendered("page.html.j2", _view(page))


def status(night: Night) -> Status:
    """The verdict of the night in one or two words.

    A refused night is `bad`, one that fell back on the baseline or on an old model is `warn`.
    """
    if not night.published:
        return Status("Refused", "bad")
    if night.decision.outcome in ("baseline", "fallback"):
        return Status("Baseline", "warn")
    if night.decision.outcome == "rolled_back":
        return Status("Rolled back", "warn")
    if night.decision.outcome == "backfilled":
        return Status("Backfilled", "good")
    if night.decision.outcome == "promoted":
        return Status("Newly promoted", "new")
    return Status("Published by champion", "good")


def tiles(page: Page) -> list[Fact]:
    """The few numbers that a planner and an operator look at first."""
    night, score = page.night, publisher(page.night)
    shown = []
    if night.published:
        shown.append(Fact("Series × steps", f"{night.num_series:,} × {night.horizon}", span(page)))
    if score is not None:
        shown.append(Fact("Error, MASE", number(score.mase), _against_baseline(night)))
        meant = percent(score.nominal_coverage, 0)
        detail = f"of actuals fell inside the widest band, meant to hold {meant}"
        shown.append(Fact("Coverage", percent(score.coverage), detail))
    return [*shown, _contracts_tile(page)]


def facts(page: Page) -> list[Fact]:
    """What identifies the night: enough to find it again and to repeat it."""
    night = page.night
    rows = " · ".join(f"{name} {rows:,}" for name, rows in night.qualities.items())
    table = "" if night.version is None else f"version {night.version} of the table"
    known = [
        Fact("Cutoff", local_time(night.cutoff, page.timezone), utc_time(night.cutoff)),
        Fact("As of", local_time(night.as_of, page.timezone), utc_time(night.as_of)),
        Fact("Issued", local_time(night.issued_at, page.timezone), utc_time(night.issued_at)),
        Fact("Spec", night.name, night.spec_digest),
        Fact(
            "Model", night.model, "" if night.model_version == night.model else night.model_version
        ),
        Fact("Rows by quality", rows, table),
        Fact("Snapshot", night.snapshot),
        Fact("Run", night.run_id, night.resumed),
        Fact("Code", night.code_version),
    ]
    return [fact for fact in known if fact.value]


def span(page: Page) -> str:
    """First and last step of the batch in local time."""
    if page.batch.empty:
        return ""
    return local_span(page.batch[DS].min(), page.batch[DS].max(), page.timezone)


def chart_rows(page: Page) -> list[Chart]:
    """Fan charts of the substituted and the largest series."""
    if page.batch.empty:
        return []
    limit = MAX_CHARTS if page.night.backfill is None else FEW_CHARTS
    names = choose(page.batch, limit=limit)
    qualities = page.batch.groupby(UNIQUE_ID)[QUALITY].first()
    drawn = fans(
        page.batch, page.actuals, names, levels=page.quantile_levels, timezone=page.timezone
    )
    is_usual = (qualities == qualities.mode()[0]) & (qualities != SUBSTITUTED)
    remarks = qualities.mask(is_usual, "")
    return [Chart(fan.unique_id, str(remarks[fan.unique_id]), Markup(svg(fan))) for fan in drawn]


def total_rows(page: Page) -> list[Chart]:
    """Fan charts of the totals."""
    if page.totals is None or page.night.backfill is not None:
        return []
    drawn = fans(
        page.totals.batch,
        page.totals.actuals,
        page.totals.names,
        levels=page.quantile_levels,
        timezone=page.timezone,
    )
    return [
        Chart(fan.unique_id, page.totals.remarks[fan.unique_id], Markup(svg(fan))) for fan in drawn
    ]


def training_rows(page: Page) -> list[Chart]:
    """Learning curves of every forecaster that was trained tonight."""
    drawn = learning_curves.worth_drawing(page.learned)
    return [
        Chart(each.name, learning_curves.summary(each), Markup(learning_curves.svg(each)))
        for each in drawn
    ]


def evidence_drawing(night: Night) -> Markup | None:
    """The gains that the gate decided from, None where it compared nobody."""
    gains = evidence.gains(night.decision.numbers)
    return Markup(evidence.svg(gains)) if gains else None


def lead_rows(page: Page) -> list[Chart]:
    """Error and coverage by lead of who is set against the baseline."""
    score, leads = compared(page.night) or baseline(page.night), page.lead_scores
    if score is None or leads is None or leads.empty or page.night.horizon < 2:
        return []
    who = score.contender, score.role
    nominal = percent(score.nominal_coverage, 0)
    adjusted = leads[RAW].notna().any()
    before = "; grey: without what past errors taught" if adjusted else ""
    coverage = by_lead.coverage_svg(leads, *who, nominal=score.nominal_coverage)
    return [
        Chart("MASE", "", Markup(by_lead.error_svg(leads, *who))),
        Chart("Coverage", f"dashed: the {nominal} that are meant{before}", Markup(coverage)),
    ]


def glance_rows(page: Page) -> list[Chart]:
    """Where the forecasts of the largest series looked."""
    return [
        Chart(each.unique_id, attention.sentence(each), Markup(attention.svg(each)))
        for each in glances(page)
    ]


def glances(page: Page) -> list[attention.Glance]:
    """The same, not drawn yet."""
    if page.looked is None or page.context is None:
        return []
    return attention.glances(page.looked, page.batch, page.context, timezone=page.timezone)


def faithfulness(night: Night) -> str:
    """Whether forecasts depend on what they looked at; empty where nobody has asked."""
    return "" if night.faithfulness is None else attention.verdict(night.faithfulness)


def intervals(levels: tuple[float, ...]) -> list[str]:
    """Nominal content of the central bands, the widest first.

    >>> intervals((0.1, 0.25, 0.5, 0.75, 0.9))
    ['80%', '50%']
    """
    return [percent(levels[k] - levels[j], 0) for j, k in central_pairs(levels)]


def contract_of(page: Page) -> ContractView | None:
    """The contracts of the night with their history, None where none was checked."""
    if not page.verdicts:
        return None
    first, *others = page.verdicts
    history = page.history or trace_nights({pd.Timestamp(page.night.cutoff): first.merge(*others)})
    return contract_view(page.verdicts, history, timezone=page.timezone)


def unexplained(page: Page) -> list[Sentence]:
    """What the record of the night says beyond the verdicts: series set aside, warnings."""
    findings = [finding for verdict in page.verdicts for finding in verdict.findings]
    named = {finding.unique_id for finding in findings}
    said = {finding.sentence for finding in findings} | _rows_told(page)
    aside = [
        _sentence(Severity.QUARANTINE, name, reason)
        for name, reason in page.night.quarantined.items()
        if name not in named
    ]
    told = [
        _sentence(Severity.WARNING, "", sentence)
        for sentence in page.night.warnings
        if sentence not in said
    ]
    return (aside + told)[:MAX_SENTENCES]


def _view(page: Page) -> dict[str, Any]:
    """What the template shows, each piece ready to be printed."""
    night = page.night
    drawn = chart_rows(page)
    contract = contract_of(page)
    return {
        "night": night,
        "target": page.target,
        "timezone": page.timezone,
        "status": status(night),
        "cutoff": local_time(night.cutoff, page.timezone),
        "tiles": tiles(page),
        "facts": facts(page),
        "totals": total_rows(page),
        "totals_note": page.totals.note if page.totals else "",
        "charts": drawn,
        "num_not_drawn": max(0, page.batch[UNIQUE_ID].nunique() - len(drawn)),
        "intervals": intervals(page.quantile_levels),
        "glances": glance_rows(page),
        "faithfulness": faithfulness(night),
        "realised": realised.view(page.look_back, timezone=page.timezone),
        "trainings": training_rows(page),
        "evidence": evidence_drawing(night),
        "leads": lead_rows(page),
        "compared": compared(night) or baseline(night),
        "contenders": contenders(night),
        "series": by_series(night, page.series_scores),
        "contract": contract,
        "legend": legend(contract.rules) if contract else [],
        "max_aside": MAX_ASIDE,
        "unexplained": unexplained(page),
        "stages": night.stages,
        "total_seconds": sum(stage.seconds for stage in night.stages),
        "longest_seconds": max((stage.seconds for stage in night.stages), default=0.0),
        "as_of": f"{pd.Timestamp(night.as_of).tz_convert('UTC'):%Y-%m-%dT%H:%MZ}",
    }


def _sentence(severity: Severity, unique_id: str, text: str) -> Sentence:
    """A finding whose series is named once, whether its sentence begins with the name or not."""
    rest = text.removeprefix(f"{unique_id}: ")
    return Sentence(severity.value, "" if unique_id in rest else unique_id, rest)


def _contracts_tile(page: Page) -> Fact:
    """Whether all is well, else the gravest thing, else how much was set aside."""
    checks = [check for verdict in page.verdicts for check in verdict.checked]
    checked = count(len(checks), "rule was checked", "rules were checked")
    critical = [finding for verdict in page.verdicts for finding in verdict.critical]
    if critical:
        broken = count(len(critical), "broken rule stops", "broken rules stop")
        return Fact("Contracts", "broken", f"{broken} the night; {checked}", "bad")
    num_aside, rows_told = len(page.night.quarantined), _rows_told(page)
    num_warnings = sum(sentence not in rows_told for sentence in page.night.warnings)
    rows_of = {row.unique_id for verdict in page.verdicts for row in verdict.rows_aside}
    if not num_aside and not rows_of and not num_warnings:
        return Fact("Contracts", "all kept", checked, "good")
    told = [
        f"{num_aside:,} set aside" if num_aside else "",
        f"rows of {len(rows_of):,} series set aside" if rows_of else "",
        count(num_warnings, "warning") if num_warnings else "",
    ]
    first, *rest = filter(None, told)
    return Fact("Contracts", first, ", ".join([*rest, checked]), "warn")


def _rows_told(page: Page) -> set[str]:
    """The warnings about single rows, which the verdicts tell in full."""
    return {sentence for verdict in page.verdicts for sentence in verdict.rows_aside_told}


def _against_baseline(night: Night) -> str:
    score, reference = publisher(night), baseline(night)
    if score is None or reference is None:
        return ""
    judged = f"on {count(night.decision.origins, 'unseen origin')}"
    if score is reference:
        return f"of the baseline {reference.contender} itself, {judged}"
    change = gain(score.mase, reference.mase) or 0.0
    direction = "lower" if change <= 0 else "higher"
    return (
        f"{percent(abs(change))} {direction} than {reference.contender} "
        f"({number(reference.mase)}) {judged}"
    )
