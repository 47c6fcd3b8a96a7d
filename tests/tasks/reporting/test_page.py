import base64
import hashlib
import re
from html.parser import HTMLParser

import pandas as pd
import pytest

from data_contracts.history import trace_nights
from data_contracts.night import Decision
from data_contracts.verdicts import Scope, Severity
from tasks.reporting.page import MAX_ASIDE, MAX_CHARTS, render_page, status

HOSTILE = "<script>alert('x')</script>&\"|`$_{{ 7 * 7 }}"


class Reader(HTMLParser):
    """Collects what a browser would show, and every address it would fetch."""

    def __init__(self):
        super().__init__()
        self.first_heading, self.texts, self.addresses, self.tags = None, [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [v for k, v in attrs if k in {"src", "href", "srcset", "action"}]

    def handle_data(self, data):
        if self.tags and self.tags[-1] == "h1" and self.first_heading is None:
            self.first_heading = data
        if data.strip():
            self.texts.append(data.strip())


def read(page):
    reader = Reader()
    reader.feed(render_page(page))
    return reader


def decided(outcome):
    return Decision(outcome=outcome, reason="So it is.", champion="v2", previous="v1", origins=14)


def test_the_first_heading_is_the_verdict_of_the_night(make_page):
    page = make_page()

    assert read(page).first_heading == page.night.headline


@pytest.mark.parametrize(
    ("changes", "word", "tone"),
    [
        pytest.param({}, "Newly promoted", "new", id="promoted"),
        pytest.param({"decision": decided("kept")}, "Published by champion", "good", id="kept"),
        pytest.param(
            {"decision": decided("blocked")}, "Published by champion", "good", id="blocked"
        ),
        pytest.param({"decision": decided("baseline")}, "Baseline", "warn", id="baseline"),
        pytest.param({"published": False}, "Refused", "bad", id="refused"),
    ],
)
def test_the_status_says_who_published(make_page, changes, word, tone):
    page = make_page(night=changes)

    assert status(page.night) == (word, tone)
    assert word in read(page).texts


def test_the_same_page_gives_the_same_bytes(make_page):
    assert render_page(make_page()) == render_page(make_page())


def test_nothing_is_fetched_from_anywhere(make_page):
    reader = read(make_page())

    assert reader.addresses == ["data:,"]
    document = render_page(make_page())
    assert "//" not in document
    assert "@import" not in document
    assert "url(" not in document
    assert "default-src 'none'" in document


def test_only_the_script_of_the_page_itself_may_run(make_page):
    document = render_page(make_page())

    scripts = re.findall(r"<script>(.*?)</script>", document, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert len(scripts) == 1
    assert f"script-src 'sha256-{digest}'" in document


def test_hostile_names_and_sentences_are_shown_as_text(make_page, make_verdict):
    finding = (Severity.QUARANTINE, HOSTILE, f"{HOSTILE}: it has a gap.")
    page = make_page(
        names=(HOSTILE, "LGA"),
        night={"model": HOSTILE, "training": HOSTILE, "quarantined": {HOSTILE: HOSTILE}},
        verdicts=(make_verdict(finding, contract=HOSTILE),),
        target=HOSTILE,
        series_scores=pd.DataFrame(
            {
                "unique_id": [HOSTILE] * 2,
                "model": ["attention_lstm", "seasonal_naive"],
                "role": ["challenger", "baseline"],
                "mase": [0.6, 0.8],
            }
        ),
    )

    reader = read(page)
    assert reader.tags.count("script") == 1
    assert "<script>alert" not in render_page(page)
    assert sum(HOSTILE in text for text in reader.texts) >= 6


def test_facts_identify_the_night_in_local_time_and_in_utc(make_page):
    texts = read(make_page()).texts

    for fact in (
        "Tue 10 Dec 2013, 23:00 EST",
        "2013-12-11 04:00 UTC",
        "9c41f0a2be77",
        "b7d1c09e5a3f",
        "run-1",
        "0.1.0+abc",
        "2 × 24",
    ):
        assert fact in texts


def test_many_series_make_no_large_page_and_the_rest_is_counted(make_page):
    names = tuple(f"series-{number:03d}" for number in range(MAX_CHARTS + 6))

    document = render_page(make_page(names=names))

    assert document.count("<figure") == MAX_CHARTS
    assert "6 are not drawn" in document
    assert len(document.encode()) < 2_000_000


@pytest.mark.parametrize("quality", ["champion", "baseline", "substituted"])
def test_a_substituted_series_is_drawn_and_marked(make_page, quality):
    page = make_page(names=("EWR", "JFK", "LGA"))
    page.batch["quality"] = quality
    page.batch.loc[page.batch["unique_id"] == "JFK", "quality"] = "substituted"

    texts = read(page).texts

    assert texts[texts.index("JFK") + 1] == "substituted"
    assert texts.count("substituted") == (3 if quality == "substituted" else 1)


def test_findings_are_shown_the_gravest_first_and_a_series_is_named_once(make_page, make_verdict):
    found = (
        (Severity.WARNING, None, "The level has shifted."),
        (Severity.QUARANTINE, "JFK", "JFK: its longest gap is 200 steps."),
        (Severity.CRITICAL, None, "The feed stopped."),
    )
    texts = read(make_page(verdicts=(make_verdict(*found),))).texts

    sentences = [
        "The feed stopped.",
        "JFK: its longest gap is 200 steps.",
        "The level has shifted.",
        "its longest gap is 200 steps.",  # in the table of what is set aside
    ]
    places = [texts.index(sentence) for sentence in sentences]
    assert places == sorted(places)
    assert any(text.startswith("1 of 4 rules kept;") for text in texts)


def test_the_last_nights_of_a_rule_are_marks_with_words(make_page, make_verdict):
    tonight = make_verdict((Severity.WARNING, None, "It stopped moving."))
    kept = make_verdict()
    kept = kept.model_copy(
        update={"checked": (*kept.checked, tonight.checked[1].model_copy(update={"passed": True}))}
    )
    cutoff = pd.Timestamp("2013-12-11T04:00Z")
    history = trace_nights({cutoff - pd.Timedelta(days=1): kept, cutoff: tonight})

    document = render_page(make_page(verdicts=(tonight,), history=history))

    assert (
        '<i class="kept" title="Mon 9 Dec 2013: kept"></i>'
        '<i class="warning" title="Tue 10 Dec 2013: warning, 1 broke it"></i>'
    ) in document
    assert 'aria-label="kept on 1 of 2 nights, broken on 1"' in document
    assert "new tonight" in document


def test_thousands_of_series_in_quarantine_make_no_large_page(make_page, make_verdict):
    found = [(Severity.QUARANTINE, f"s{n:04d}", f"s{n:04d}: it has a gap.") for n in range(2000)]

    small = render_page(make_page())
    document = render_page(make_page(verdicts=(make_verdict(*found),)))

    assert document.count("it has a gap") == MAX_ASIDE + 1  # and the reason of the first
    assert f"{2000 - MAX_ASIDE:,} more are in" in document
    assert len(document) < len(small) + 50_000


def test_what_was_passed_over_ended_or_is_back_is_said(make_page, make_verdict):
    verdict = make_verdict().model_copy(update={"ended": ("JFK",)})
    aside = make_verdict((Severity.QUARANTINE, "EWR", "EWR: it has a gap."))
    cutoff = pd.Timestamp("2013-12-11T04:00Z")
    history = trace_nights(
        {cutoff - pd.Timedelta(days=1): aside, cutoff: verdict},
        passed_over=["2013-12-08 04:00 UTC: it is no verdict of this version"],
    )

    texts = read(make_page(verdicts=(verdict,), history=history)).texts

    assert "No longer set aside: EWR." in texts
    assert "Ended, neither forecast nor counted: JFK." in texts
    assert (
        "Left out of the history: 2013-12-08 04:00 UTC: it is no verdict of this version." in texts
    )


def test_what_only_the_record_says_is_shown_too(make_page):
    night = {"quarantined": {"EWR": "Its feed is closed."}, "warnings": ("A warning.",)}

    texts = read(make_page(night=night)).texts

    assert {"EWR", "Its feed is closed.", "A warning.", "1 set aside"} <= set(texts)


def test_rows_set_aside_are_counted_in_the_tile_and_told_once(make_page, make_verdict):
    found = [(Severity.QUARANTINE, name, f"{name}: it is infinite.") for name in ("EWR", "JFK")]
    verdict = make_verdict(*found)
    rows = [finding.model_copy(update={"scope": Scope.ROWS}) for finding in verdict.findings]
    verdict = verdict.model_copy(update={"findings": tuple(rows)})
    page = make_page(verdicts=(verdict,), night={"warnings": (*verdict.rows_aside_told, "Odd.")})

    texts = read(page).texts

    assert texts[texts.index("Contracts") + 1] == "rows of 2 series set aside"
    assert texts[texts.index("Contracts") + 2].startswith("1 warning, ")
    assert texts.count("EWR: it is infinite.") == 1
    assert not any("so in 2 series" in text for text in texts)
    assert "Odd." in texts


def test_no_character_of_the_data_is_unseen(make_page, make_verdict):
    name = "EWR\x1b[2J\x00\n\u202e"
    finding = (Severity.QUARANTINE, name, f"{name}: it has a gap.")

    document = render_page(make_page(names=(name, "LGA"), verdicts=(make_verdict(finding),)))

    assert not re.search("[\x00-\x09\x0b-\x1f\u202e]", document)
    assert document.count("EWR\ufffd[2J\ufffd\ufffd\ufffd") >= 4


def test_scores_that_are_not_known_are_called_so(make_page):
    page = make_page()
    unknown = page.night.scores[1].model_copy(
        update={"mase": float("nan"), "bias": float("nan"), "wql": float("inf")}
    )

    document = render_page(make_page(night={"scores": (page.night.scores[0], unknown)}))

    assert "n/a" in document
    assert not re.search(r"\bnan\b|\binf\b", document)


def test_a_refused_night_says_what_broke_and_what_to_do(refused_page):
    reader = read(refused_page)

    assert reader.first_heading.startswith("Nothing was published: The newest observation is 61")
    assert "nightcast run SPEC --as-of 2013-12-11T05:00Z" in reader.texts
    assert "stops the night" in reader.texts
    assert "figure" not in reader.tags
