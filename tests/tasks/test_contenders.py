import pandas as pd
import pytest

from models.forecasters.neural import NeuralForecaster
from models.forecasters.support import Support
from models.learning.settings import NetworkSettings, TrainingSettings
from models.learning.window_inputs import Features
from tasks.contenders import Contender, baseline_of, misfit, open_contender, substitute_of
from tasks.stores.registry import find_version

COVARIATES = {"past": ["temp"], "known": ["holiday"], "static": ["airport"]}


def network(tonight, store):
    """A forecaster without networks, which has learned up to a fortnight before the cutoff."""
    spec = tonight.spec
    version = store(tonight)
    record = find_version(tonight.warehouse, version)
    learned = pd.DatetimeIndex([record.train_cutoff]).as_unit("us").asi8
    forecaster = NeuralForecaster(
        settings=TrainingSettings(
            "attention_lstm", 48, spec.horizon, spec.quantile_levels, spec.seasons
        ),
        features=Features(("temp",), ("holiday",), ("airport",), (), (("JFK",),)),
        sizes=NetworkSettings(48, spec.horizon, spec.quantile_levels, spec.seasons),
        members=(),
        networks=(),
        support=Support(),
        trained_until=int(spec.grid.slots(learned)[0][0]),
    )
    return Contender(forecaster, "champion", version, record)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        pytest.param({}, "", id="nothing changed"),
        pytest.param({"season_lengths": [12]}, "", id="other seasons"),
        pytest.param(
            {"covariates": {**COVARIATES, "past": ["wind", "temp"]}}, "", id="one covariate more"
        ),
        pytest.param(
            {"covariates": {**COVARIATES, "past": []}},
            "it reads temp, no longer among the spec's covariates.past",
            id="one covariate less",
        ),
        pytest.param(
            {"covariates": {**COVARIATES, "past": ["temp", "holiday"], "known": []}},
            "it reads holiday, no longer among the spec's covariates.known",
            id="another role",
        ),
        pytest.param({"horizon": 48}, "it forecasts 24 steps, and the spec asks for 48", id="long"),
        pytest.param(
            {"calendar": {"frequency": "D"}},
            "it was trained on another calendar than the spec's",
            id="days instead of hours",
        ),
        pytest.param(
            {"calendar": {"frequency": "30min"}},
            "it was trained on another calendar than the spec's",
            id="half hours",
        ),
    ],
)
def test_a_model_fits_as_long_as_the_spec_asks_for_what_it_can(tonight_of, store, fields, why):
    contender = network(tonight_of(covariates=COVARIATES), store)

    assert misfit(contender, tonight_of(**{"covariates": COVARIATES, **fields}).spec) == why


def test_the_baseline_always_fits(tonight_of):
    spec = tonight_of().spec
    assert misfit(baseline_of(spec), spec) == ""


def test_the_first_baseline_that_the_spec_names_is_the_baseline(tonight_of):
    spec = tonight_of(baseline=["AutoETS", "MSTL"]).spec

    assert baseline_of(spec).name == baseline_of(spec).version == "AutoETS"
    assert baseline_of(spec, "MSTL").name == "MSTL"


def test_series_that_are_set_aside_get_the_seasonal_naive_whatever_the_baseline_is(tonight_of):
    assert substitute_of(tonight_of(baseline="AutoETS").spec).name == "seasonal_naive"


def test_the_age_of_a_model_counts_from_the_night_that_trained_it(tonight_of, store):
    tonight = tonight_of()
    contender = open_contender(tonight.warehouse, store(tonight), "champion")

    assert contender.age(tonight.cutoff + pd.Timedelta(days=3)) == pd.Timedelta(days=3)
    assert baseline_of(tonight.spec).age(tonight.cutoff) is None
