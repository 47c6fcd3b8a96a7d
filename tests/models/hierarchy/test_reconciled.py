from dataclasses import dataclass, field

import numpy as np
import pytest

from models.forecasters.seasonal_naive import SeasonalNaive
from models.forecasters.support import Support
from models.hierarchy.grouping import Grouping
from models.hierarchy.past import Past
from models.hierarchy.reconciled import Reconciled, projection
from models.quantiles import mean_of_quantiles

LEVELS = (0.1, 0.5, 0.9)
NUM_SERIES, HORIZON = 6, 4
ANY = Support()


def past_of(means, target):
    names = tuple(f"{k}" for k in range(len(means)))
    return Past(names, np.zeros_like(means), means, target)


@pytest.fixture
def grouping():
    labels = {"shop": ["a", "a", "a", "b", "b", "b"]}
    return Grouping.of(labels, num_series=NUM_SERIES, total=True)


@pytest.fixture
def errors(grouping):
    """Errors of the series, and of totals that are forecast much better: `(S + N, O, H)`."""
    rng = np.random.default_rng(0)
    target = 100 + rng.normal(0, 10, (NUM_SERIES, 40, HORIZON)).astype(np.float32)
    series = past_of(target + rng.normal(0, 5, target.shape).astype(np.float32), target)
    sums = grouping.sums(target).astype(np.float32)
    totals = past_of(sums + rng.normal(0, 1, sums.shape).astype(np.float32), sums)
    return series, totals


def test_reconciled_means_agree_with_what_totals_are_trusted_for(grouping, errors):
    series, totals = errors
    weights = projection(series, totals, grouping)

    said = np.concatenate([totals.means, series.means]).reshape(-1, 40 * HORIZON)
    moved = weights @ said
    target = series.target.reshape(NUM_SERIES, -1)

    before = np.abs(grouping.sums(series.means) - totals.target).mean()
    after = np.abs(grouping.sums(moved) - grouping.sums(target)).mean()
    assert after < 0.5 * before
    assert (
        np.abs(moved - target).mean() < np.abs(series.means.reshape(target.shape) - target).mean()
    )


def test_forecasts_that_agree_already_stay(grouping, errors):
    weights = projection(*errors, grouping)
    means = np.arange(1.0, NUM_SERIES + 1)
    np.testing.assert_allclose(weights @ [*grouping.sums(means), *means], means)


def test_gaps_leave_the_rest_to_learn_from(grouping, errors):
    series, totals = errors
    series.target[0, :5] = np.nan
    totals.target[:2, :5] = np.nan
    assert np.isfinite(projection(series, totals, grouping)).all()


def test_errors_that_are_all_zero_teach_nothing_and_say_so(grouping, errors):
    _, totals = errors
    means = np.ones((NUM_SERIES, 40, HORIZON), np.float32)
    sums = past_of(*[grouping.sums(means).astype(np.float32)] * 2)
    with pytest.raises(ValueError, match="close to 0"):
        projection(past_of(means, means), sums, grouping)
    assert totals.num_origins == 40


@dataclass
class Constant:
    """Says the same quantiles of every series."""

    quantiles: list[float]
    name: str = "constant"
    horizon: int = HORIZON
    quantile_levels: tuple[float, ...] = LEVELS
    trained_until: int | None = None
    covariates: dict = field(default_factory=dict)

    def predict(self, panel, series, origins):
        shape = len(series), self.horizon, len(self.quantiles)
        return np.broadcast_to(np.float32(self.quantiles), shape)


@pytest.fixture
def panel(make_panel):
    return make_panel(np.ones((NUM_SERIES, 50)), horizon=HORIZON)


def build(panel, grouping, *, series, totals, weights, support=ANY):
    return Reconciled(
        forecaster=Constant(series),
        of_totals=Constant(totals),
        grouping=grouping,
        projection=weights,
        unique_ids=panel.unique_ids,
        support=support,
    )


def whole_difference(grouping):
    """Shares among the series of each shop what its total says beyond their sum."""
    matrix = grouping.matrix()
    matrix[0] = 0
    share = matrix.T / 3
    return np.concatenate([share, np.eye(NUM_SERIES) - share @ matrix], axis=1)


def predict(forecaster, panel):
    return forecaster.predict(panel, np.arange(NUM_SERIES), np.full(NUM_SERIES, panel.cutoff_slot))


def test_quantiles_move_with_their_mean(panel, grouping):
    forecaster = build(
        panel,
        grouping,
        series=[8, 10, 12],
        totals=[33, 33, 33],
        weights=whole_difference(grouping),
    )
    made = predict(forecaster, panel)

    np.testing.assert_allclose(made, np.broadcast_to(np.float32([9, 11, 13]), made.shape))
    sums = grouping.sums(mean_of_quantiles(made, LEVELS))
    np.testing.assert_allclose(sums[1:], 33, rtol=1e-6)


@pytest.mark.parametrize(
    ("support", "lowest"),
    [
        pytest.param(Support(), -1.0, id="any"),
        pytest.param(Support(non_negative=True), 0.0, id="non-negative"),
        pytest.param(Support(non_negative=True, integral=True), 0.0, id="counts"),
    ],
)
def test_no_forecast_is_what_the_target_cannot_be(panel, grouping, support, lowest):
    forecaster = build(
        panel,
        grouping,
        series=[1, 3, 5],
        totals=[3, 3, 3],
        weights=whole_difference(grouping),
        support=support,
    )
    made = predict(forecaster, panel)
    assert made.min() == pytest.approx(lowest)
    assert (np.diff(made, axis=2) >= 0).all()
    if support.integral:
        np.testing.assert_array_equal(made, np.rint(made))


def test_other_series_than_it_has_learned_from_are_refused(panel, grouping):
    forecaster = build(
        panel, grouping, series=[1, 2, 3], totals=[6, 6, 6], weights=whole_difference(grouping)
    )
    with pytest.raises(ValueError, match="each of 6 series from one origin, got 2 from 1"):
        forecaster.predict(panel, np.array([0, 1]), np.array([1000, 1000]))


def test_it_is_saved_as_the_forecaster_that_it_moves(tmp_path, panel, grouping):
    naive = SeasonalNaive((24,), horizon=HORIZON, quantile_levels=LEVELS)
    forecaster = Reconciled(
        naive, naive, grouping, whole_difference(grouping), panel.unique_ids, Support()
    )
    forecaster.save(tmp_path / "model")
    assert (tmp_path / "model").exists()
    assert (forecaster.name, forecaster.trained_until) == (naive.name, None)
    assert forecaster.covariates == naive.covariates
