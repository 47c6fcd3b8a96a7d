import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.calibration import Calibrated, fit, rolling
from models.seasonal_naive import SeasonalNaive
from models.support import Support

DECILES = tuple(k / 10 for k in range(1, 10))
NORMAL = np.array([-1.2816, -0.8416, -0.5244, -0.2533, 0, 0.2533, 0.5244, 0.8416, 1.2816])
COUNTS = Support(non_negative=True, integral=True)
ANYTHING = Support()


def errors(seed, *, series=6, origins=10, horizon=4, shift=0.0, stretch=1.0, counts=False):
    """Forecasts of a normal target, right if not shifted or stretched."""
    rng = np.random.default_rng(seed)
    scale = np.geomspace(1, 100, series)
    shape = (series, origins, horizon)
    level = 10 * scale[:, None, None] * rng.uniform(0.5, 2, shape)
    spread = scale[:, None, None] * (1 + np.arange(horizon))
    target = level + spread * rng.normal(size=shape)
    around = NORMAL * stretch + shift
    quantiles = (level[..., None] + spread[..., None] * around).astype(np.float32)
    support = COUNTS if counts else ANYTHING
    return support.fit(quantiles), np.rint(target) if counts else target, support


def test_without_errors_nothing_is_changed():
    quantiles, target, support = errors(1)
    calibration = fit(quantiles[:, :0], target[:, :0], levels=DECILES, support=support)

    again = calibration.apply(quantiles[:, 0], np.arange(6))

    np.testing.assert_array_equal(again, quantiles[:, 0])
    assert again.dtype == np.float32


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 9), st.booleans(), st.floats(-2, 2), st.floats(0, 3))
def test_adjusted_quantiles_ascend_and_are_as_the_target_can_be(seed, counts, shift, stretch):
    quantiles, target, support = errors(
        seed, shift=shift, stretch=stretch, counts=counts, origins=5
    )

    made = rolling(quantiles, target, 4 * np.arange(5), levels=DECILES, support=support)

    assert made.dtype == quantiles.dtype
    assert (np.diff(made, axis=-1) >= 0).all()
    np.testing.assert_array_equal(support.fit(made), made)


@pytest.mark.parametrize("every", [1, 4, 6])
def test_what_is_not_known_at_an_origin_does_not_change_its_forecast(every):
    quantiles, target, support = errors(2, shift=1)
    origins = 100 + every * np.arange(10)
    settings_ = {"levels": DECILES, "support": support}
    made = rolling(quantiles, target, origins, **settings_)

    for position, origin in enumerate(origins):
        later = origins + 4 > origin
        other = np.where(later[:, None], target + 1e6, target)
        again = rolling(quantiles, other, origins, **settings_)
        np.testing.assert_array_equal(again[:, position], made[:, position])


def test_each_origin_is_adjusted_as_by_a_fit_on_those_known_before_it():
    quantiles, target, support = errors(3, stretch=0.5, counts=True)
    origins = 2 * np.arange(10)

    made = rolling(quantiles, target, origins, levels=DECILES, support=support)

    for position, origin in enumerate(origins):
        known = origins + 4 <= origin
        calibration = fit(quantiles[:, known], target[:, known], levels=DECILES, support=support)
        np.testing.assert_array_equal(
            made[:, position], calibration.apply(quantiles[:, position], np.arange(6))
        )


def test_a_calibrated_forecaster_forecasts_like_its_own_adjusted(make_panel, tmp_path):
    rng = np.random.default_rng(4)
    panel = make_panel(rng.normal(9, 4, (6, 80)), horizon=4)
    naive = SeasonalNaive((3,), horizon=4, quantile_levels=DECILES)
    calibration = fit(*errors(5, shift=1)[:2], levels=DECILES, support=ANYTHING)
    series, origins = np.array([4, 1]), np.full(2, panel.cutoff_slot)

    calibrated = Calibrated(naive, calibration)

    made = calibrated.predict(panel, series, origins)
    np.testing.assert_array_equal(
        made, calibration.apply(naive.predict(panel, series, origins), series)
    )
    assert calibrated.name == naive.name
    assert (calibrated.horizon, calibrated.quantile_levels) == (4, DECILES)
    assert calibrated.trained_until is None
    assert calibrated.covariates == {}
    calibrated.save(tmp_path / "model")
    assert SeasonalNaive.load(tmp_path / "model").horizon == 4
