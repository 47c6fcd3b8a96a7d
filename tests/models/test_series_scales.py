import numpy as np

from models.series_scales import series_scales

CUTOFF = 1000


def test_the_scale_of_a_series_is_its_mean_seasonal_change(make_panel):
    histories = [[1, 2, 3, 5], [7, 7, 7, 7], [0, 0, 0, 0], [3], [np.nan, np.nan]]
    panel = make_panel(histories, horizon=1, cutoff_slot=CUTOFF)

    scales = series_scales(panel, season_length=2, train_until=CUTOFF)

    np.testing.assert_allclose(scales, [2.5, 0.07, 1, 3, 1])
