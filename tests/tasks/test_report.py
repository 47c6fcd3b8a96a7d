import numpy as np
import pandas as pd
import pytest
from prefect import flow
from prefect.artifacts import Artifact

from data_contracts.forecasts import schema
from data_contracts.frequency import Grid
from data_contracts.night import Decision, Night
from data_contracts.spec import parse_spec
from data_contracts.verdicts import Check, Verdict
from models.panel import Panel
from tasks.report import _show, page_of, page_of_refusal, report_refusal, with_history
from tasks.stores.runs import read_night, write_validation

CUTOFF = pd.Timestamp("2013-12-11T04:00Z")
SPEC = parse_spec(
    {
        "name": "flights",
        "source": {"uri": "x", "columns": {"y": "departures"}},
        "calendar": {"frequency": "h", "timezone": "America/New_York"},
        "horizon": 2,
        "quantile_levels": [0.1, 0.5, 0.9],
    }
)


def night_of(*, published):
    return Night(
        name="flights",
        spec_digest=SPEC.digest,
        code_version="0.1.0",
        run_id="run-1",
        as_of=CUTOFF,
        cutoff=CUTOFF,
        issued_at=CUTOFF,
        snapshot="abc",
        num_series=1,
        horizon=2,
        published=published,
        model="seasonal_naive",
        model_version="seasonal_naive",
        qualities={"baseline": 2},
        decision=Decision(
            outcome="baseline", reason="No network yet.", champion=None, previous=None, origins=0
        ),
    )


def panel_of_one_series(num_steps=200):
    size = num_steps + SPEC.horizon
    none = np.zeros((size, 0), np.float32)
    grid = Grid("h", "America/New_York")
    slots, _ = grid.slots(np.array([CUTOFF.value // 1000]))
    return Panel(
        unique_ids=("JFK",),
        indptr=np.array([0, size]),
        y=np.arange(size, dtype=np.float32),
        observed=np.ones(size, bool),
        past=none,
        known=none,
        static=np.zeros((1, 0), dtype=str),
        past_names=(),
        known_names=(),
        static_names=(),
        grid=grid,
        cutoff_slot=int(slots[0]),
        horizon=SPEC.horizon,
    )


def batch_of_one_series():
    rows = {
        "unique_id": "JFK",
        "cutoff": CUTOFF,
        "ds": CUTOFF + pd.Timedelta(hours=1) * np.arange(1, 3),
        "mean": [5.0, 6.0],
        "q10": [4.0, 5.0],
        "q50": [5.0, 6.0],
        "q90": [6.0, 7.0],
        "quality": "baseline",
    }
    return pd.DataFrame(rows)


def a_page():
    return page_of(
        SPEC, night_of(published=True), (), panel=panel_of_one_series(), batch=batch_of_one_series()
    )


@flow
def showing(page):
    _show(page, "runs/20131211T0400/report.html")


def test_a_page_shows_the_last_season_before_the_cutoff_in_the_words_of_the_source():
    page = a_page()

    assert len(page.actuals) == SPEC.season_length
    assert page.actuals["ds"].max() == CUTOFF
    assert page.actuals["y"].iloc[-1] == 199
    assert (page.target, page.timezone) == ("departures", "America/New_York")


def test_a_refusal_has_no_batch():
    page = page_of_refusal(SPEC, night_of(published=False), ())

    assert page.batch.empty
    assert list(page.batch.columns) == schema(SPEC.quantile_levels).names


@pytest.mark.flow
def test_the_ui_keeps_the_report_of_a_spec_under_one_key():
    showing(a_page())

    assert Artifact.get("report-flights").data.startswith("# Baseline")


@pytest.mark.flow
def test_the_ui_keeps_every_rule_of_the_contract_as_a_table():
    check = Check(expectation="keys", title="keys are unique", severity="critical", passed=True)
    verdict = Verdict(contract="observations", checked=(check,))

    showing(page_of_refusal(SPEC, night_of(published=False), (verdict,)))

    assert "keys are unique" in Artifact.get("contract-flights").data


def test_the_page_of_a_night_shows_the_nights_before(tonight_of):
    tonight = tonight_of(CUTOFF)
    check = Check(expectation="keys", title="keys are unique", severity="warning", passed=True)
    verdict = Verdict(contract="observations", checked=(check,))
    before = CUTOFF - pd.Timedelta(days=1)
    write_validation(tonight.warehouse, before, verdict)

    page = with_history(tonight, page_of_refusal(SPEC, night_of(published=False), (verdict,)))

    assert page.history is not None
    assert page.history.nights == (before, CUTOFF)


def test_a_night_is_on_record_once_its_page_is_there(tonight_of, monkeypatch):
    def refuse(*_):
        raise OSError("the disk is full")

    monkeypatch.setattr("tasks.report.write_report", refuse)
    tonight = tonight_of(CUTOFF)

    with pytest.raises(OSError, match="the disk is full"):
        report_refusal.fn(tonight, Verdict(contract="observations", checked=()))

    assert read_night(tonight.warehouse, CUTOFF) is None


@pytest.mark.flow
def test_a_ui_that_takes_no_artifact_does_not_fail_the_night(monkeypatch, caplog):
    def refuse(**_):
        raise ConnectionError("the UI is down")

    monkeypatch.setattr("tasks.report.create_markdown_artifact", refuse)

    showing(page_of_refusal(SPEC, night_of(published=False), ()))

    assert "the UI is down" in caplog.text
