import numpy as np
import pytest

from models import scores

LEVELS = (0.1, 0.5, 0.9)
DECILES = tuple(k / 10 for k in range(1, 10))


@pytest.fixture
def rng():
    return np.random.default_rng(3)


@pytest.fixture
def target(rng):
    """Eight windows of six steps, some not observed, one not at all."""
    y = rng.normal(5, 3, (8, 6))
    y[rng.random(y.shape) < 0.2] = np.nan
    y[4] = np.nan
    return y


@pytest.fixture
def quantiles(rng):
    return np.sort(rng.normal(5, 3, (8, 6, 3)), axis=-1)


def observed_steps(target):
    return [tuple(step) for step in np.argwhere(~np.isnan(target))]


def loop_pinball(y, forecast):
    losses = [
        2 * (level * (y - q) if y >= q else (1 - level) * (q - y))
        for level, q in zip(LEVELS, forecast, strict=True)
    ]
    return sum(losses) / len(losses)


def test_pinball_answers_to_a_loop(target, quantiles):
    loss = scores.pinball(target, quantiles, levels=LEVELS)

    for step in observed_steps(target):
        assert loss[step] == pytest.approx(loop_pinball(target[step], quantiles[step]))
    assert np.isnan(loss[np.isnan(target)]).all()


def test_wql_answers_to_a_loop(target, quantiles):
    steps = observed_steps(target)
    loss = sum(loop_pinball(target[step], quantiles[step]) for step in steps)
    size = sum(abs(target[step]) for step in steps)

    assert scores.wql(target, quantiles, levels=LEVELS) == pytest.approx(loss / size)


def test_wql_of_the_median_alone_is_the_share_of_absolute_error():
    y, median = np.array([2.0, 4.0, -4.0]), np.array([3.0, 2.0, -4.0])

    assert scores.wql(y, median[:, None], levels=(0.5,)) == pytest.approx(3 / 10)


def test_mase_answers_to_a_loop(target, quantiles, rng):
    scale = rng.uniform(1, 2, len(target))
    scale[1], scale[2] = 0, np.nan
    of_windows = []
    for window, y in enumerate(target):
        errors = [
            abs(q - v) for q, v in zip(quantiles[window, :, 1], y, strict=True) if not np.isnan(v)
        ]
        if errors and scale[window] > 0:
            of_windows.append(sum(errors) / len(errors) / scale[window])

    mase = scores.mase(target, quantiles[..., 1], scale=scale)

    assert mase == pytest.approx(sum(of_windows) / len(of_windows))
    assert len(of_windows) == 5


def test_coverage_and_bias_answer_to_loops(target, quantiles):
    steps = observed_steps(target)
    inside = [quantiles[step][0] <= target[step] <= quantiles[step][2] for step in steps]
    error = sum(quantiles[step][1] - target[step] for step in steps)
    size = sum(abs(target[step]) for step in steps)

    assert scores.coverage(target, quantiles, levels=LEVELS) == pytest.approx(np.mean(inside))
    assert scores.bias(target, quantiles[..., 1]) == pytest.approx(error / size)


def test_an_actual_that_equals_an_end_of_an_interval_is_covered_in_part():
    y, quantiles = np.array([1.0, 9.0]), np.array([[1.0, 5.0, 9.0]] * 2)

    covered = scores.covered(y, quantiles, levels=(0.1, 0.5, 0.9))

    assert covered[0] == pytest.approx(covered[1])
    assert 0 < covered[0] < 1


def test_a_forecast_that_is_sure_and_right_covers_the_nominal_share():
    assert scores.coverage(np.zeros(4), np.zeros((4, 9)), levels=DECILES) == pytest.approx(0.8)


@pytest.mark.parametrize("spread", [None, 2.0], ids=["poisson", "negative binomial"])
def test_a_perfect_forecast_of_counts_covers_the_nominal_share_on_average(spread):
    covered = []
    for mean in np.geomspace(0.01, 30, 80):
        values = np.arange(300)
        chances = poisson(values, mean) if spread is None else binomial(values, mean, spread)
        quantiles = np.searchsorted(np.cumsum(chances), DECILES).astype(float)
        inside = scores.covered(values, np.tile(quantiles, (300, 1)), levels=DECILES)
        covered.append(inside @ chances)

    assert np.mean(covered) == pytest.approx(0.8, abs=0.01)
    assert np.abs(np.array(covered) - 0.8).mean() < 0.03


def poisson(values, mean):
    logs = np.cumsum(np.log(np.maximum(values, 1)))
    return np.exp(values * np.log(mean) - mean - logs)


def binomial(values, mean, size):
    """Negative binomial: the ratio of each chance to the one before."""
    ratios = (values[1:] - 1 + size) / values[1:] * mean / (mean + size)
    return np.cumprod(np.concatenate([[(size / (mean + size)) ** size], ratios]))


@pytest.mark.parametrize(
    ("history", "season_length", "expected"),
    [
        pytest.param([1, 2, 3, 5], 2, 2.5, id="by hand"),
        pytest.param([1, np.nan, 3, 5, 9, 6], 2, (2 + 6 + 1) / 3, id="a gap"),
        pytest.param([1, 2, 4], 3, 1.5, id="shorter than a season: one step"),
        pytest.param([1, 2, 1, 2], 2, 0, id="repeats itself"),
        pytest.param([1, 2, 1, np.nan], 2, 0, id="a season apart comes first"),
        pytest.param([7], 2, np.nan, id="one value"),
        pytest.param([], 2, np.nan, id="no value"),
        pytest.param([np.nan] * 5, 2, np.nan, id="never observed"),
    ],
)
def test_the_seasonal_error_is_the_mean_change_between_seasons(history, season_length, expected):
    history = np.array(history, np.float32)

    error = scores.seasonal_error(history, season_length=season_length)

    assert error == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("y", [np.zeros(3), np.full(3, np.nan), np.empty(0)], ids=str)
def test_a_score_of_nothing_is_nan(y):
    forecast = np.ones(len(y))

    assert np.isnan(scores.wql(y, forecast[:, None], levels=(0.5,)))
    assert np.isnan(scores.bias(y, forecast))
    assert np.isnan(scores.mase(y[None], forecast[None], scale=np.zeros(1)))


def test_coverage_of_nothing_is_nan():
    assert np.isnan(scores.coverage(np.full(2, np.nan), np.zeros((2, 1)), levels=(0.5,)))


def test_a_forecast_of_nan_is_not_left_out():
    y, forecast = np.ones(2), np.array([1.0, np.nan])

    assert np.isnan(scores.wql(y, forecast[:, None], levels=(0.5,)))
    assert np.isnan(scores.mase(y[None], forecast[None], scale=np.ones(1)))
    assert np.isnan(scores.bias(y, forecast))
    wide = np.stack([forecast - 1, forecast + 1], axis=-1)
    assert scores.coverage(y, wide, levels=(0.1, 0.9)) == 0.5


@pytest.mark.parametrize(
    ("levels", "pair", "nominal"),
    [
        pytest.param((0.1, 0.5, 0.9), (0, 2), 0.8, id="deciles"),
        pytest.param((0.025, 0.1, 0.5, 0.975), (0, 3), 0.95, id="thin"),
        pytest.param((0.01, 0.2, 0.5, 0.8, 0.9), (1, 3), 0.6, id="lopsided"),
        pytest.param((0.5,), (0, 0), 0.0, id="median"),
    ],
)
def test_the_widest_pair_that_leaves_as_much_on_both_sides_is_the_interval(levels, pair, nominal):
    assert scores.central_interval(levels) == pair
    assert scores.nominal_coverage(levels) == pytest.approx(nominal)


def test_levels_without_a_pair_are_refused():
    with pytest.raises(ValueError, match="add up to 1"):
        scores.central_interval((0.1, 0.8))
