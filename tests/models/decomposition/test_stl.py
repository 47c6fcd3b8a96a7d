import numpy as np

from models.decomposition import stl


def test_a_line_with_a_season_is_told_apart():
    steps = np.arange(96)
    line, season = steps / 24, np.tile([0, 1, 0, -1], 24)

    trend, seasonal, rest = stl.parts((line + season)[None], season_length=4)[0].T

    np.testing.assert_allclose(trend, line, rtol=0, atol=1e-8)
    np.testing.assert_allclose(seasonal, season, rtol=0, atol=1e-8)
    np.testing.assert_allclose(rest, 0, rtol=0, atol=1e-8)


def test_parts_are_those_of_statsmodels_with_each_window_alone():
    from statsmodels.tsa.seasonal import STL

    windows = np.random.default_rng(1).normal(size=(3, 48))

    parts = stl.parts(windows, season_length=12)

    for window, ours in zip(windows, parts, strict=True):
        fitted = STL(window, period=12, robust=False).fit()
        np.testing.assert_array_equal(ours[:, 0], fitted.trend)
        np.testing.assert_array_equal(ours[:, 1], fitted.seasonal)
        np.testing.assert_array_equal(ours[:, 2], fitted.resid)
