from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from data_contracts.totals import schema
from data_contracts.verdicts import Finding, Severity, Verdict
from models.hierarchy.past import Past
from tasks.contenders import baseline_of, open_contender
from tasks.evaluate import as_published, evaluate_contenders, past_of, unseen_origins
from tasks.forecast import forecast
from tasks.stores.totals import publish_totals
from tasks.totals import NO_TOTALS, add_up

AIRPORTS = {"covariates": {"static": ["airport"]}, "hierarchy": {"by": ["airport"], "total": True}}


def verdict(**severities):
    findings = [
        Finding(
            contract="observations",
            expectation="alive",
            severity=severity,
            unique_id=name,
            sentence="Off.",
        )
        for name, severity in severities.items()
    ]
    return Verdict(contract="observations", checked=(), findings=tuple(findings))


@pytest.fixture
def panel(walks):
    return replace(walks, static=np.array([["JFK"], ["EWR"], ["JFK"]]), static_names=("airport",))


@pytest.fixture
def past(walks):
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(3, 10, 24)).astype(np.float32)
    return Past(walks.unique_ids, scores, scores, scores)


def added_up(tonight, panel, past, contract=None):
    contract = contract or verdict()
    service = baseline_of(tonight.spec)
    batch = forecast.fn(tonight, panel, service, contract)
    return batch, add_up.fn(tonight, panel, batch, contract, service, past)


def test_totals_are_rows_that_keep_their_contract_and_add_up(tonight_of, panel, past):
    tonight = tonight_of(**AIRPORTS)
    batch, totals = added_up(tonight, panel, past)

    assert totals.notes == ()
    assert totals.rows.columns.tolist() == schema(tonight.spec.quantile_levels).names
    counts = totals.rows.groupby(["level", "unique_id"])["series"].agg(["first", "size"])
    assert counts.to_dict("index") == {
        ("airport", "EWR"): {"first": 1, "size": 24},
        ("airport", "JFK"): {"first": 2, "size": 24},
        ("total", "all"): {"first": 3, "size": 24},
    }
    whole = totals.rows[totals.rows["level"] == "total"].set_index("ds")["mean"]
    sums = batch.astype({"mean": float}).groupby("ds")["mean"].sum().astype(np.float32)
    pd.testing.assert_series_equal(whole, sums, check_index=True)
    assert set(totals.rows["quality"]) == {"baseline"}


def test_totals_can_be_published(tonight_of, panel, past):
    import pyarrow as pa

    tonight = tonight_of(**AIRPORTS)
    _, totals = added_up(tonight, panel, past)
    rows = pa.Table.from_pandas(totals.rows, preserve_index=False)
    publish_totals(
        tonight.warehouse,
        rows,
        cutoff=tonight.cutoff,
        levels=tonight.spec.quantile_levels,
        run_id=tonight.run_id,
        token=tonight.token,
    )


def test_where_none_are_asked_for_there_are_none(tonight_of, panel, past):
    _, totals = added_up(tonight_of(), panel, past)
    assert totals is NO_TOTALS


def test_a_total_tells_how_many_of_its_series_are_substituted(tonight_of, panel, past, store):
    tonight = tonight_of(**AIRPORTS)
    champion = open_contender(tonight.warehouse, store(tonight), "champion")
    contract = verdict(a=Severity.QUARANTINE, b=Severity.QUARANTINE)
    batch = forecast.fn(tonight, panel, champion, contract)

    totals = add_up.fn(tonight, panel, batch, contract, champion, past)

    told = totals.rows.groupby("unique_id")[["substituted", "quality"]].first()
    assert told.to_dict("index") == {
        "EWR": {"substituted": 1, "quality": "substituted"},
        "JFK": {"substituted": 1, "quality": "champion"},
        "all": {"substituted": 2, "quality": "champion"},
    }


def test_series_that_nobody_forecasts_are_missing_aloud(tonight_of, panel, past):
    tonight = tonight_of(season_lengths=[61 * 24], **AIRPORTS)
    contract = verdict(b=Severity.QUARANTINE)
    _, totals = added_up(tonight, panel, past, contract)

    assert totals.rows.groupby("unique_id")["series"].first().to_dict() == {"JFK": 2, "all": 2}
    (note,) = totals.notes
    assert note.startswith("The totals are without 1 of 3 series, such as b,")


@pytest.mark.parametrize("origins", [pytest.param(None, id="nothing"), pytest.param(2, id="two")])
def test_without_past_forecasts_all_series_miss_together(tonight_of, panel, past, origins):
    tonight = tonight_of(**AIRPORTS)
    few = None if origins is None else replace(past, scores=past.scores[:, :origins])
    batch, totals = added_up(tonight, panel, few)

    whole = totals.rows[totals.rows["level"] == "total"]
    sums = batch.astype({"q10": float}).groupby("ds")["q10"].sum()
    np.testing.assert_allclose(whole["q10"], sums, rtol=1e-4)
    assert f"{origins or 0} past forecasts are too few" in totals.notes[0]


def test_a_column_without_shared_labels_is_left_out_and_named(tonight_of, panel, past):
    alone = replace(panel, static=np.array([["x"], ["y"], ["z"]]))
    _, totals = added_up(tonight_of(**AIRPORTS), alone, past)
    assert set(totals.rows["level"]) == {"total"}
    assert totals.notes == (
        "hierarchy.by: airport has a label of its own for each of 3 series, so there is nothing to "
        "add up; name a column that series share.",
    )


def test_series_without_a_label_have_a_total_of_their_own(tonight_of, panel, past):
    some = replace(panel, static=np.array([["JFK"], [""], [""]]))
    _, totals = added_up(tonight_of(**AIRPORTS), some, past)
    assert set(totals.rows["unique_id"]) == {"all", "JFK", "(no label)"}


def test_trouble_is_told_and_stops_nothing(tonight_of, panel, past):
    other = replace(past, scores=past.scores[:2])
    _, totals = added_up(tonight_of(**AIRPORTS), panel, other)
    assert totals.rows is None
    assert totals.notes[0].startswith("There are no totals tonight: ")


def test_the_past_is_that_of_who_publishes(tonight_of, panel, store):
    tonight = tonight_of(**AIRPORTS)
    champion = open_contender(tonight.warehouse, store(tonight), "champion")
    origins = unseen_origins(tonight, panel, None)
    judged = [baseline_of(tonight.spec), champion]
    entries = evaluate_contenders.fn(tonight, panel, judged, origins)
    before = open_contender(tonight.warehouse, store(tonight, seed=8), "champion")

    assert past_of(tonight, panel, champion, entries) is entries[1].past
    looked_at = past_of(tonight, panel, before, entries)  # it forecasts the same as the champion
    np.testing.assert_array_equal(looked_at.scores, entries[1].past.scores)


@pytest.mark.parametrize("fields", [{}, AIRPORTS])
def test_the_past_is_kept_only_where_totals_are_asked_for(tonight_of, panel, fields):
    tonight = tonight_of(**fields)
    origins = unseen_origins(tonight, panel, None)
    (entry,) = evaluate_contenders.fn(tonight, panel, [baseline_of(tonight.spec)], origins)
    assert (entry.past is not None) == bool(fields)


def test_mint_that_cannot_be_says_why(tonight_of, panel, past):
    hierarchy = {**AIRPORTS["hierarchy"], "method": "mint"}
    tonight = tonight_of(covariates=AIRPORTS["covariates"], hierarchy=hierarchy)
    service = baseline_of(tonight.spec)
    assert as_published(tonight, panel, service, []).forecaster is service.forecaster
    _, totals = added_up(tonight, panel, past)
    assert totals.notes == (
        "Totals are summed up from the series and not reconciled, because the baseline publishes, "
        "and it is published as it is.",
    )
