import numpy as np
import pandas as pd
import pytest

from data_contracts.forecasts import schema, validate_forecasts
from data_contracts.verdicts import Finding, Severity, Verdict
from tasks.contenders import baseline_of, open_contender
from tasks.forecast import forecast, reference_batch, served_series


def set_aside(*names):
    findings = [
        Finding(
            contract="observations",
            expectation="alive",
            severity=Severity.QUARANTINE,
            unique_id=name,
            sentence="It ended.",
        )
        for name in names
    ]
    return Verdict(contract="observations", checked=(), findings=tuple(findings))


def judged(tonight, batch, expected_ids):
    return validate_forecasts(batch, tonight.spec, expected_ids=expected_ids, history_range=None)


def test_a_batch_starts_after_the_cutoff_and_keeps_its_contract(tonight_of, walks):
    tonight = tonight_of()
    batch = forecast.fn(tonight, walks, baseline_of(tonight.spec), set_aside())

    assert judged(tonight, batch, walks.unique_ids).findings == ()
    steps = (batch["ds"] - tonight.cutoff) / pd.Timedelta(hours=1)
    assert steps.tolist() == batch["lead"].tolist() == 3 * list(range(1, 25))
    assert set(batch["quality"]) == {"baseline"}


def test_what_is_set_aside_is_forecast_by_the_baseline_and_says_so(tonight_of, walks, store):
    tonight = tonight_of()
    champion = open_contender(tonight.warehouse, store(tonight), "champion")

    batch = forecast.fn(tonight, walks, champion, set_aside("b"))

    assert batch["unique_id"].tolist() == np.repeat(["a", "b", "c"], 24).tolist()
    versions = batch.groupby("unique_id")[["quality", "model_version"]].first().to_dict("index")
    assert versions == {
        "a": {"quality": "champion", "model_version": champion.version},
        "b": {"quality": "substituted", "model_version": "seasonal_naive"},
        "c": {"quality": "champion", "model_version": champion.version},
    }


@pytest.mark.parametrize(
    ("aside", "served"),
    [
        pytest.param((), ["a", "b", "c"], id="nobody"),
        pytest.param(("a", "b", "c"), [], id="all"),
    ],
)
def test_a_series_that_is_set_aside_and_too_short_is_not_served(tonight_of, walks, aside, served):
    tonight = tonight_of(season_lengths=[61 * 24])
    contract = set_aside(*aside)

    assert served_series(tonight.spec, walks, contract) == served


def test_a_batch_of_nobody_is_refused_in_words(tonight_of, walks):
    tonight = tonight_of(season_lengths=[61 * 24])
    contract = set_aside(*walks.unique_ids)

    batch = forecast.fn(tonight, walks, baseline_of(tonight.spec), contract)

    assert batch.empty
    assert batch.columns.tolist() == schema(tonight.spec.quantile_levels).names
    (finding,) = judged(tonight, batch, []).critical
    assert finding.sentence.startswith("The batch has 0 rows instead of 1 ")


def test_the_baseline_is_asked_beside_a_network_and_is_its_own_reference(tonight_of, walks, store):
    tonight = tonight_of()
    baseline = baseline_of(tonight.spec)
    champion = open_contender(tonight.warehouse, store(tonight), "champion")
    by_network, by_itself = (
        forecast.fn(tonight, walks, who, set_aside("b")) for who in (champion, baseline)
    )

    beside = reference_batch.fn(tonight, walks, baseline, set_aside("b"), by_network)
    own = reference_batch.fn(tonight, walks, baseline, set_aside("b"), by_itself)

    assert own is by_itself
    pd.testing.assert_frame_equal(beside, by_itself)
    assert (beside["q50"] != by_network["q50"]).any()
