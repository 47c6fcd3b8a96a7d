import numpy as np
import pytest

from models.decomposition.gaps import without_gaps

SEASON = 4


def filled_by_loops(values, season_length):
    """The rule, step by step; NaN where not observed."""
    y = values.astype(np.float64)
    for step in range(season_length, len(y)):
        if np.isnan(y[step]):
            y[step] = y[step - season_length]
    for step in reversed(range(len(y) - season_length)):
        if np.isnan(y[step]):
            y[step] = y[step + season_length]
    known = np.flatnonzero(~np.isnan(y))
    return np.interp(np.arange(len(y)), known, y[known]) if len(known) else np.zeros(len(y))


@pytest.mark.parametrize("length", [3, 4, 9, 30])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 1.0])
def test_gaps_are_filled_as_by_a_loop_over_steps(length, share):
    rng = np.random.default_rng(length)
    values = rng.normal(size=(20, length)).astype(np.float32)
    values[rng.random(values.shape) < share] = np.nan
    observed = ~np.isnan(values)

    filled = without_gaps(np.nan_to_num(values), observed, season_length=SEASON)

    expected = np.stack([filled_by_loops(row, SEASON) for row in values])
    np.testing.assert_array_equal(filled, expected)


def test_a_context_is_left_as_it_was():
    context = np.array([[0, 1, 2, 3]], np.float32)
    observed = context > 0

    without_gaps(context, observed, season_length=2)

    assert context.tolist() == [[0, 1, 2, 3]]
    assert observed.tolist() == [[False, True, True, True]]
