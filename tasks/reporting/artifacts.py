"""The report of a night as Markdown, for the artifacts of the Prefect UI."""

import base64
import re
from collections.abc import Sequence

from data_contracts.history import Mark
from data_contracts.night import Night
from data_contracts.plain_text import visible
from tasks.reporting.attention import sentence
from tasks.reporting.charts import choose, fans, png
from tasks.reporting.contract import ContractView, RuleRow, legend
from tasks.reporting.formats import MISSING, count, duration, number, percent
from tasks.reporting.page import (
    Fact,
    Page,
    Sentence,
    contract_of,
    facts,
    faithfulness,
    glances,
    status,
    tiles,
    unexplained,
)
from tasks.reporting.scoreboard import Cell, contenders

MAX_CHARTS = 9
MAX_BYTES = 500_000  # larger artifacts make the UI slow, and far larger ones lose their event
MAX_SENTENCES = 20
MAX_NIGHTS = 14  # as marks in a line, for the UI gives a report half of the window


def markdown(page: Page, *, file: str = "") -> str:
    """Verdict, facts, scores, decision, contracts and fan charts; below 500 kB.

    Names and sentences cannot end a table cell nor become markup. The picture is left out where
    it would make the text too large.

    Args:
        page: What is shown.
        file: Where the page of the night is. No browser follows a link from a server to a file, so
            it is said in words.
    """
    where = f"The whole page of this night is the file `{file}`." if file else ""
    text = "\n\n".join(filter(None, [*_sections(page), where]))
    picture = _picture(page)
    too_large = len(text.encode()) + len(picture) > MAX_BYTES
    return text if too_large else f"{text}\n\n{picture}".strip() + "\n"


def key(name: str, *, kind: str = "report") -> str:
    """Key under which the UI keeps the reports of a spec, one version per night.

    >>> key("NYC_departures"), key("NYC_departures", kind="contract")
    ('report-nyc-departures', 'contract-nyc-departures')
    """
    return f"{kind}-" + re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def contract_table(page: Page) -> list[dict[str, str]]:
    """Every rule of the night as rows of a table, the broken ones first; none without a verdict."""
    seen = contract_of(page)
    return [] if seen is None else [_row(row) for row in seen.rules]


def plain(text: object) -> str:
    r"""Text that Markdown shows as it is, on one line.

    >>> print(plain("a|b <script>\nattention_lstm"))
    a\|b \<script\> attention\_lstm
    """
    one_line = visible(" ".join(str(text).split())) or MISSING
    return re.sub(r"([\\`*_{}\[\]()<>#|!~&$])", r"\\\1", one_line)


def _sections(page: Page) -> list[str]:
    night = page.night
    return [
        f"# {plain(status(night).word)}\n\n**{plain(night.headline)}**",
        plain(night.training) if night.training else "",
        _facts(tiles(page)),
        *([_decision(night), _scores(night)] if night.published else []),
        _looked(page),
        _contracts(page),
        "## This night\n\n" + _facts(facts(page)),
        _stages(night),
    ]


def _facts(known: list[Fact]) -> str:
    rows = [
        (plain(fact.label), f"**{plain(fact.value)}**", plain(fact.detail) if fact.detail else "")
        for fact in known
    ]
    return markdown_table(("Fact", "Value", "More"), rows)


def _decision(night: Night) -> str:
    decision = night.decision
    return (
        f"## Decision: {decision.outcome}\n\n{plain(decision.reason)}\n\n"
        f"In service after tonight: {plain(decision.champion or 'no network')}; "
        f"before: {plain(decision.previous or 'no network')}."
    )


def _scores(night: Night) -> str:
    if not night.scores:
        return ""
    nominal = percent(night.scores[0].nominal_coverage, 0)
    header = ("Contender", "MASE", "WQL", f"Coverage of {nominal}", "Bias", "Training")
    rows = [
        (
            f"{plain(row.score.contender)} ({row.score.role})"
            + (", **published**" if row.is_in_service else ""),
            *map(_cell, (row.mase, row.wql, row.coverage, row.bias)),
            number(row.score.train_minutes, 1),
        )
        for row in contenders(night)
    ]
    origins = count(night.decision.origins, "unseen origin")
    note = f"Mean over series on {origins}; the best in bold; training in minutes."
    return f"## Scores\n\n{note}\n\n{markdown_table(header, rows)}"


def _looked(page: Page) -> str:
    """Where the forecasts of the largest series looked, in sentences."""
    lines = [f"- **{plain(each.unique_id)}**: {plain(sentence(each))}" for each in glances(page)]
    told = plain(faithfulness(page.night)) if page.night.faithfulness else ""
    if not lines and not told:
        return ""
    return "\n\n".join(filter(None, ["## Where the forecasts looked", "\n".join(lines), told]))


def _contracts(page: Page) -> str:
    seen = contract_of(page)
    said = [] if seen is None else [_summary(page, seen), _broken(seen), _aside(seen)]
    told = unexplained(page)
    lines = [_sentence(sentence) for sentence in told[:MAX_SENTENCES]]
    if len(told) > MAX_SENTENCES:
        lines.append(f"- {len(told) - MAX_SENTENCES} more are in the page of the night")
    return "\n\n".join(filter(None, ["## Contract", *said, "\n".join(lines)]))


def _summary(page: Page, seen: ContractView) -> str:
    everything = key(page.night.name, kind="contract")
    return f"**{seen.summary}.** Every rule is in the artifact {plain(everything)} of this run."


def _broken(seen: ContractView) -> str:
    """The broken rules with their history, and what was found."""
    if not seen.broken:
        return ""
    header = ("If broken", "Rule", "Broken by", "Since", "Last nights")
    rows = [
        (
            f"**{row.mark.value}**",
            plain(row.check.title),
            f"{row.offending:,}",
            row.since,
            f"`{row.strip[-MAX_NIGHTS:]}`",
        )
        for row in seen.broken
    ]
    found = [(row.mark, sentence) for row in seen.broken for sentence in row.sentences]
    lines = [f"- **{mark.value}** {plain(sentence)}" for mark, sentence in found]
    words = ", ".join(f"`{symbol}` {meaning}" for _, symbol, meaning in legend(seen.broken))
    told = f"One mark per night, tonight at the end: {words}."
    return "\n\n".join([markdown_table(header, rows), told, "\n".join(lines)])


def _row(row: RuleRow) -> dict[str, str]:
    return {
        "tonight": row.mark.value,
        "rule": row.check.title,
        "since": row.since,
        "broken on": f"{row.trace.num_broken} of {count(len(row.trace.marks), 'night')}",
        "broken by": f"{row.offending:,}" if row.mark is not Mark.KEPT else "",
        "accepted": _accepted(row),
        "if broken": row.check.severity.value,
        "about": row.group,
    }


def _aside(seen: ContractView) -> str:
    """The series that are set aside, the latest first."""
    if not seen.series:
        return ""
    rows = [
        (plain(row.unique_id), row.since, plain(row.reason)) for row in seen.series[:MAX_SENTENCES]
    ]
    title = f"### Set aside: {count(len(seen.series), 'series', 'series')}"
    more = len(seen.series) - len(rows)
    rest = f"{more:,} more are in quarantine.delta." if more else ""
    table = markdown_table(("Series", "Since", "Why"), rows)
    return "\n\n".join(filter(None, [title, table, rest]))


def _accepted(row: RuleRow) -> str:
    setting = f" (contracts.{row.check.setting})" if row.check.setting else ""
    return f"{row.threshold}{setting}" if row.threshold else ""


def _sentence(sentence: Sentence) -> str:
    name = f" {plain(sentence.unique_id)}:" if sentence.unique_id else ""
    return f"- **{sentence.severity}**{name} {plain(sentence.text)}"


def _stages(night: Night) -> str:
    rows = [(plain(stage.name), duration(stage.seconds)) for stage in night.stages]
    return "## Stages\n\n" + markdown_table(("Stage", "Time"), rows) if rows else ""


def _cell(cell: Cell) -> str:
    value = f"**{cell.value}**" if cell.is_best else cell.value
    return f"{value} ({cell.detail})" if cell.detail else value


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table of cells that are Markdown themselves."""
    rule = ["---"] * len(header)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, rule, *rows))


def _picture(page: Page) -> str:
    """The fan charts as an image that is inside the text."""
    if page.batch.empty:
        return ""
    drawn = fans(
        page.batch,
        page.actuals,
        choose(page.batch, limit=MAX_CHARTS),
        levels=page.quantile_levels,
        timezone=page.timezone,
    )
    encoded = base64.b64encode(png(drawn)).decode()
    title = f"## Forecasts: {len(drawn)} of {page.night.num_series} series"
    return f"{title}\n\n![Fan charts](data:image/png;base64,{encoded})"
