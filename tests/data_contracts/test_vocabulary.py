import pytest

from data_contracts.vocabulary import quantile_column, quantile_columns


@pytest.mark.parametrize(
    ("level", "column"),
    [(0.1, "q10"), (0.5, "q50"), (0.05, "q5"), (0.025, "q2_5"), (0.999, "q99_9"), (0.29, "q29")],
)
def test_a_quantile_column_is_named_in_percent(level, column):
    assert quantile_column(level) == column


@pytest.mark.parametrize("level", [0, 1, -0.1, 1.5, float("nan")])
def test_a_level_that_is_no_probability_is_refused(level):
    with pytest.raises(ValueError, match="strictly between 0 and 1, got"):
        quantile_column(level)


def test_quantile_columns_keep_the_order_of_their_levels():
    assert quantile_columns((0.9, 0.1)) == ["q90", "q10"]


def test_every_percent_has_its_own_column():
    levels = tuple(percent / 100 for percent in range(1, 100))
    assert quantile_columns(levels) == [f"q{percent}" for percent in range(1, 100)]
