import base64
import re

import pandas as pd
import pytest

from data_contracts.history import trace_nights
from data_contracts.verdicts import Severity
from tasks.reporting import artifacts
from tasks.reporting.artifacts import (
    MAX_BYTES,
    MAX_SENTENCES,
    contract_table,
    key,
    markdown,
    plain,
)

CUTOFF, DAY = pd.Timestamp("2013-12-11T04:00Z"), pd.Timedelta(days=1)

HOSTILE = "a|b <script>x</script> `c` [d](e) *f*\n# g"


def rows_of(text):
    return [line for line in text.splitlines() if line.startswith("|")]


def test_the_first_lines_are_the_verdict(make_page):
    page = make_page()

    first, _, second = markdown(page).splitlines()[:3]
    assert first == "# Newly promoted"
    assert second == f"**{plain(page.night.headline)}**"


def test_it_stays_small_with_many_series(make_page):
    names = tuple(f"series-{number}" for number in range(300))

    text = markdown(make_page(names=names))

    assert len(text.encode()) < MAX_BYTES
    picture = re.search(r"\(data:image/png;base64,([^)]*)\)", text)[1]
    assert base64.b64decode(picture).startswith(b"\x89PNG")


def test_a_picture_that_would_be_too_large_is_left_out(make_page, monkeypatch):
    monkeypatch.setattr(artifacts, "MAX_BYTES", 10_000)

    text = markdown(make_page())

    assert "base64" not in text
    assert "## Scores" in text


def test_hostile_text_is_neither_markup_nor_a_new_cell(make_page, make_verdict):
    page = make_page(
        names=(HOSTILE,),
        night={"model": HOSTILE, "name": HOSTILE, "quarantined": {HOSTILE: HOSTILE}},
        verdicts=(make_verdict((Severity.WARNING, HOSTILE, HOSTILE)),),
    )

    text = markdown(page).split("![Fan charts]")[0]
    text = re.sub(r"`[·○▲■✗–_]+`", "", text)  # nights as marks

    assert not re.search(r"(?<!\\)<", text)
    assert not re.search(r"(?<!\\)`", text)
    assert "\n# g" not in text
    for row in rows_of(text):
        assert len(re.findall(r"(?<!\\)\|", row)) in {3, 4, 6, 7}


def test_what_is_not_known_is_called_so(make_page):
    page = make_page()
    scores = [
        score.model_copy(update={"mase": float("nan"), "wql": float("nan")})
        for score in page.night.scores
    ]

    text = markdown(make_page(night={"scores": tuple(scores)}))

    assert "| n/a" in text
    assert not re.search(r"\bnan\b", text.split("base64")[0])


def test_a_refused_night_has_findings_and_no_picture(refused_page):
    text = markdown(refused_page)

    assert text.startswith("# Refused")
    assert "- **critical** The newest observation is 61 steps old" in text
    assert "base64" not in text


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        pytest.param("nyc-departures", "report-nyc-departures", id="plain"),
        pytest.param("A_b--C", "report-a-b-c", id="capitals"),
    ],
)
def test_a_key_is_lower_case_with_dashes(name, wanted):
    assert key(name) == wanted


def test_broken_rules_are_a_table_with_their_history(make_page, make_verdict):
    tonight = make_verdict((Severity.WARNING, None, "It stopped moving."))
    kept = tonight.model_copy(
        update={
            "checked": tuple(
                check.model_copy(update={"passed": True}) for check in tonight.checked
            ),
            "findings": (),
        }
    )
    history = trace_nights({CUTOFF - DAY: kept, CUTOFF: tonight})

    text = markdown(make_page(verdicts=(tonight,), history=history))

    (row,) = [line for line in rows_of(text) if line.startswith("| **warning**")]
    assert [cell.strip() for cell in row.split("|")][-3:-1] == ["new tonight", "`·▲`"]
    assert "- **warning** It stopped moving." in text


def test_series_that_are_set_aside_are_a_table_that_ends_somewhere(make_page, make_verdict):
    found = [(Severity.QUARANTINE, f"s0{n}", f"s0{n}: it has a gap.") for n in range(2000)]

    text = markdown(make_page(verdicts=(make_verdict(*found),)))

    assert len([line for line in rows_of(text) if line.startswith("| s0")]) == MAX_SENTENCES
    assert f"{2000 - MAX_SENTENCES:,} more are in quarantine.delta" in text


def test_the_table_of_the_contract_holds_every_rule_the_broken_ones_first(make_page, make_verdict):
    verdict = make_verdict((Severity.WARNING, None, "It stopped moving."))

    rows = contract_table(make_page(verdicts=(verdict,)))

    assert [row["tonight"] for row in rows] == ["warning", "kept"]
    assert [row["broken on"] for row in rows] == ["1 of 1 night", "0 of 1 night"]
    assert contract_table(make_page(verdicts=())) == []


def test_a_refused_night_tells_of_the_contract_first(refused_page):
    text = markdown(refused_page)

    assert "## Contract" in text
    assert "## Decision" not in text


def test_the_whole_page_is_named_where_it_lies(make_page):
    text = markdown(make_page(), file="/srv/warehouse/nyc/runs/20131016T0300/report.html")

    assert "is the file `/srv/warehouse/nyc/runs/20131016T0300/report.html`." in text
