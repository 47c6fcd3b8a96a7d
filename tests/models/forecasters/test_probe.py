import re

import numpy as np
import pytest

from models.forecasters.probe import NUM_SERIES, Probe
from models.forecasters.seasonal_naive import SeasonalNaive


@pytest.fixture
def panel(make_panel):
    rng = np.random.default_rng(0)
    return make_panel([100 + rng.normal(0, 5, 200).cumsum() for _ in range(12)], horizon=6)


class Shifted(SeasonalNaive):
    """Differs from what it was by a function of its forecasts."""

    def __init__(self, change):
        super().__init__((24,), horizon=6, quantile_levels=(0.1, 0.5, 0.9))
        self.change = change

    def predict(self, panel, series, origins):
        return self.change(super().predict(panel, series, origins)).astype(np.float32)


def as_it_was(quantiles):
    return quantiles


def probe_of(panel, change=as_it_was, until=950):
    return Probe.of(Shifted(change), panel, until=until, steps=100)


def put(quantiles, value):
    changed = quantiles.copy()
    changed[3, 2, 1] = value
    return changed


def test_a_probe_holds_the_end_of_a_few_histories_and_nothing_after_it(panel):
    probe = probe_of(panel)

    short = probe.panel
    assert short.num_series == NUM_SERIES
    assert short.cutoff_slot == 950
    assert set(short.lengths) == {100}
    for series in range(NUM_SERIES):
        whole = panel.history(series)
        assert np.array_equal(short.history(series), whole[: len(whole) - 50][-100:])
        tail = slice(short.indptr[series + 1] - 6, short.indptr[series + 1])
        assert np.isnan(short.y[tail]).all()
        assert not short.observed[tail].any()


def test_series_that_begin_later_are_not_in_it(make_panel):
    panel = make_panel([np.arange(10.0), np.arange(200.0)], horizon=6)
    assert probe_of(panel).panel.unique_ids == ("series-0001",)
    assert probe_of(panel, until=700).panel.num_series == 0
    assert probe_of(panel, until=700).difference(Shifted(as_it_was)) == ""


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(as_it_was, id="the same"),
        pytest.param(lambda quantiles: quantiles * (1 + 1e-6), id="rounding"),
        pytest.param(lambda quantiles: quantiles + 1e-3, id="noise"),
        pytest.param(lambda quantiles: put(quantiles, quantiles[3, 2, 1] + 1), id="a count flips"),
    ],
)
def test_noise_of_floats_is_accepted(panel, change):
    assert probe_of(panel).difference(Shifted(change)) == ""


@pytest.mark.parametrize(
    ("change", "why"),
    [
        pytest.param(lambda q: q * 1.1, "differs by .*% of its spread", id="other scale"),
        pytest.param(lambda q: q + 2, "differs by .*% of its spread", id="other level"),
        pytest.param(lambda q: q[..., ::-1], "differs by .*% of its spread", id="other order"),
        pytest.param(lambda q: put(q, 1e9), "its forecast of series-0003 differs", id="one value"),
        pytest.param(lambda q: put(q, np.nan), "1 of its 144 values are missing", id="NaN"),
        pytest.param(lambda q: put(q, np.inf), "1 of its 144 values are missing", id="infinite"),
        pytest.param(lambda q: q[:, :3], "an array of .8, 3, 3.*was .8, 6, 3", id="other shape"),
    ],
)
def test_another_forecast_is_told(panel, change, why):
    assert re.search(why, probe_of(panel).difference(Shifted(change)))


def test_a_number_in_the_place_of_a_missing_one_is_told(panel):
    probe = probe_of(panel, lambda quantiles: put(quantiles, np.nan))
    assert "or the other way round" in probe.difference(Shifted(as_it_was))


def test_of_a_constant_forecast_any_other_is_told(make_panel):
    probe = probe_of(make_panel([np.full(200, 7.0)], horizon=6))
    assert probe.difference(Shifted(as_it_was)) == ""
    assert "differs by" in probe.difference(Shifted(lambda quantiles: quantiles + 0.1))
