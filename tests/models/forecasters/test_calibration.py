from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import scores
from models.forecasters import calibration
from models.forecasters.calibration import Calibrated, fit, rolling
from models.forecasters.seasonal_naive import SeasonalNaive
from models.forecasters.support import Support

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
    learned = fit(quantiles[:, :0], target[:, :0], levels=DECILES, support=support)

    again = learned.apply(quantiles[:, 0], np.arange(6))

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
        learned = fit(quantiles[:, known], target[:, known], levels=DECILES, support=support)
        np.testing.assert_array_equal(
            made[:, position], learned.apply(quantiles[:, position], np.arange(6))
        )


def test_a_calibrated_forecaster_forecasts_like_its_own_adjusted(make_panel, tmp_path):
    rng = np.random.default_rng(4)
    panel = make_panel(rng.normal(9, 4, (6, 80)), horizon=4)
    naive = SeasonalNaive((3,), horizon=4, quantile_levels=DECILES)
    learned = fit(*errors(5, shift=1)[:2], levels=DECILES, support=ANYTHING)
    series, origins = np.array([4, 1]), np.full(2, panel.cutoff_slot)

    calibrated = Calibrated(naive, learned, panel.unique_ids)

    made = calibrated.predict(panel, series, origins)
    np.testing.assert_array_equal(
        made, learned.apply(naive.predict(panel, series, origins), series)
    )
    assert calibrated.name == naive.name
    assert (calibrated.horizon, calibrated.quantile_levels) == (4, DECILES)
    assert calibrated.trained_until is None
    assert calibrated.covariates == {}
    calibrated.save(tmp_path / "model")
    assert SeasonalNaive.load(tmp_path / "model").horizon == 4


def loop(quantiles, target):
    """Shifts after the last origin, level by level, of forecasts that are no counts."""
    series, origins, horizon, levels = quantiles.shape
    normal = NormalDist()
    outermost = normal.inv_cdf(DECILES[-1]) - normal.inv_cdf(DECILES[0])
    of_lead, of_series = np.zeros((horizon, levels)), np.zeros((series, levels))
    for origin in range(origins):
        missed = np.full((series, horizon, levels), np.nan)
        for s, h in np.ndindex(series, horizon):
            forecast = quantiles[s, origin, h].astype(float)
            moved = sorted(
                q + (of_lead[h, k] + of_series[s, k]) * (forecast[-1] - forecast[0])
                for k, q in enumerate(forecast)
            )
            y = target[s, origin, h]
            if not np.isnan(y):
                missed[s, h] = [t - (y < q) for t, q in zip(DECILES, moved, strict=True)]
        lead_widths = [narrower(of_lead[h]) for h in range(horizon)]
        series_widths = [narrower(of_series[s] + of_lead.mean(axis=0)) for s in range(series)]
        for k, level in enumerate(DECILES):
            step = 1 / (normal.pdf(normal.inv_cdf(level)) * outermost)
            of_all = shrunk_mean(missed[:, :, k])
            for h in range(horizon):
                both = 0.4 * shrunk_mean(missed[:, h, k]) + 0.25 * of_all
                of_lead[h, k] += step * lead_widths[h] * both
            for s in range(series):
                own = 0.05 * shrunk_mean(missed[s, :, k] - of_all)
                of_series[s, k] += step * series_widths[s] * own
    return of_lead, of_series


def narrower(shift):
    return min(max(1 + shift[-1] - shift[0], 0.01), 1)


def shrunk_mean(values):
    known = [value for value in values.ravel() if not np.isnan(value)]
    counted = min(len(known), 30)
    return sum(known) / max(len(known), 1) * counted / (counted + 60)


def test_a_fit_answers_to_a_loop(monkeypatch):
    monkeypatch.setattr(calibration, "SERIES_AT_ONCE", 4)
    quantiles, target, support = errors(6, stretch=0.6)
    target[np.random.default_rng(6).random(target.shape) < 0.2] = np.nan
    target[2] = np.nan

    made = fit(quantiles, target, levels=DECILES, support=support)

    of_lead, of_series = loop(quantiles, target)
    np.testing.assert_allclose(made.of_lead, of_lead, atol=1e-6)
    np.testing.assert_allclose(made.of_series, of_series, atol=1e-6)


@pytest.mark.parametrize("counts", [False, True], ids=["numbers", "counts"])
@pytest.mark.parametrize(
    "fault", [{"stretch": 0.4}, {"stretch": 2.0}, {"shift": 0.7}], ids=["sure", "unsure", "low"]
)
def test_the_intervals_of_a_faulty_forecaster_come_to_hold_what_they_promise(counts, fault):
    quantiles, target, support = errors(7, series=20, origins=80, counts=counts, **fault)

    made = rolling(quantiles, target, 4 * np.arange(80), levels=DECILES, support=support)

    late = slice(20, None)
    before = scores.covered(target, quantiles, levels=DECILES)[:, late].mean(axis=(0, 1))
    after = scores.covered(target, made, levels=DECILES)[:, late].mean(axis=(0, 1))
    assert (np.abs(before - 0.8) > 0.05).all()
    np.testing.assert_allclose(after, 0.8, atol=0.02)
    pinball = [scores.pinball(target, q, levels=DECILES)[:, late].mean() for q in (quantiles, made)]
    assert pinball[1] < pinball[0]


def test_a_series_is_adjusted_by_its_own_errors_and_a_new_one_by_those_of_all():
    quantiles, target, support = errors(8, series=20, origins=60)
    target[3] += 2 * (quantiles[3, ..., -1] - quantiles[3, ..., 0])

    made = fit(quantiles[:19], target[:19], levels=DECILES, support=support)

    later, series = np.repeat(quantiles[3:4, -1], 3, axis=0), np.array([3, 5, 19])
    low, usual, new = made.apply(later, series).mean(axis=(1, 2))
    assert low > usual
    assert new == pytest.approx(made.apply(later, np.array([400, 19, 1000])).mean())
    assert not np.array_equal(made.apply(later, series)[2], later[2])


def test_a_series_without_errors_of_its_own_has_no_shift_of_its_own():
    quantiles, target, support = errors(9, stretch=0.5)
    target[1], quantiles[4] = np.nan, np.nan

    made = fit(quantiles, target, levels=DECILES, support=support)

    assert not made.of_series[[1, 4]].any()
    assert made.of_series[[0, 2, 3, 5]].any(axis=1).all()


def test_hours_without_events_stay_so_and_teach_nothing():
    zeros = np.zeros((5, 30, 2, 9), np.float32)

    made = fit(zeros, zeros[..., 0], levels=DECILES, support=COUNTS)

    np.testing.assert_allclose(made.of_lead, 0, atol=1e-12)
    np.testing.assert_array_equal(made.apply(zeros[:, 0], np.arange(5)), zeros[:, 0])


def test_a_forecast_that_is_not_known_stays_unknown_and_harms_no_other():
    quantiles, target, support = errors(10, stretch=0.5)
    made = fit(quantiles, target, levels=DECILES, support=support)
    part = quantiles[:, 0].copy()
    part[0] = np.nan

    adjusted = made.apply(part, np.arange(6))

    assert np.isnan(adjusted[0]).all()
    whole = made.apply(quantiles[:, 0], np.arange(6))
    np.testing.assert_array_equal(adjusted[1:], whole[1:])


def test_the_median_alone_has_no_width_to_be_moved_by():
    quantiles, target, support = errors(11, shift=1)

    made = rolling(quantiles[..., 4:5], target, 4 * np.arange(10), levels=(0.5,), support=support)

    np.testing.assert_array_equal(made, quantiles[..., 4:5])


@pytest.mark.parametrize(
    ("series", "origins"), [(1, 3000), (10, 600)], ids=["one series takes longer", "ten series"]
)
def test_levels_that_have_changed_sides_come_back(series, origins):
    quantiles, target, support = errors(12, series=series, origins=origins, horizon=2, stretch=20)

    made = rolling(quantiles, target, 2 * np.arange(origins), levels=DECILES, support=support)

    late = slice(origins // 2, None)
    covered = scores.covered(target, made, levels=DECILES)[:, late].mean(axis=(0, 1))
    np.testing.assert_allclose(covered, 0.8, atol=0.04)
