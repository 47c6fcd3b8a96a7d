from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from data_contracts.frequency import Grid
from data_contracts.spec import parse_spec
from models.gate.evaluation import LeadLosses, Losses, summary
from models.panel import Panel
from tasks.reporting.excerpts import Judged, lead_scores, recent_actuals, series_scores, steps_shown


def panel_of(lengths, horizon=2):
    indptr = np.concatenate([[0], np.cumsum(np.array(lengths) + horizon)])
    size = indptr[-1]
    empty = np.zeros((size, 0), np.float32)
    return Panel(
        unique_ids=tuple(f"s{k}" for k in range(len(lengths))),
        indptr=indptr,
        y=np.arange(size, dtype=np.float32),
        observed=np.ones(size, bool),
        past=empty,
        known=empty,
        static=np.zeros((len(lengths), 0), dtype=str),
        past_names=(),
        known_names=(),
        static_names=(),
        grid=Grid("h"),
        cutoff_slot=1000,
        horizon=horizon,
    )


def test_recent_actuals_end_at_the_cutoff():
    panel = panel_of([5, 3])

    table = recent_actuals(panel, ["s1", "missing", "s0"], num_steps=4)

    expected = []
    for name, last in (("s1", 9), ("s0", 4)):
        steps = min(4, {"s1": 3, "s0": 5}[name])
        for back in reversed(range(steps)):
            instant = pd.Timestamp(0, tz="UTC") + pd.Timedelta(hours=1000 - back)
            expected.append((name, instant, float(last - back)))
    assert list(table.itertuples(index=False, name=None)) == expected


def test_no_names_give_an_empty_table():
    table = recent_actuals(panel_of([5]), [], num_steps=4)

    assert table.empty
    assert list(table.columns) == ["unique_id", "ds", "y"]


def test_the_mean_over_series_is_the_score_of_the_night():
    generator = np.random.default_rng(3)
    losses = Losses(
        unique_ids=("a", "b", "c"),
        origins=np.array([10, 20]),
        horizon=2,
        quantile_levels=(0.1, 0.5, 0.9),
        steps=np.array([[2, 2], [2, 0], [2, 2]]),
        scale=np.array([[1.0, 2.0], [0.5, 1.0], [0.0, 0.0]]),
        absolute_error=np.array([[1.0, 1.0], [0.25, np.nan], [1.0, 1.0]]),
        **{
            name: generator.random((3, 2)) for name in ("pinball", "absolute_y", "covered", "error")
        },
    )

    table = series_scores([Judged("attention_lstm", "challenger", losses)])

    assert table["mase"].tolist()[:2] == [0.75, 0.5]
    assert np.isnan(table["mase"].iloc[2])
    assert table["mase"].mean() == pytest.approx(summary(losses).mase)


@pytest.mark.parametrize(
    ("frequency", "horizon", "steps"),
    [
        pytest.param("h", 24, 168, id="a week of hours"),
        pytest.param("h", 168, 504, id="three horizons"),
        pytest.param("D", 1, 24, id="never fewer than 24"),
        pytest.param("min", 60, 1000, id="never thousands"),
    ],
)
def test_charts_show_a_season_or_three_horizons(frequency, horizon, steps):
    spec = parse_spec(
        {"source": {"uri": "x"}, "calendar": {"frequency": frequency}, "horizon": horizon}
    )

    assert steps_shown(spec) == steps


def test_scores_by_lead_are_means_over_series_and_origins():
    of_leads = np.array([[[1.0, 3.0], [np.nan, 5.0]], [[4.0, 8.0], [2.0, np.nan]]], np.float32)
    ones = np.ones((2, 2))
    losses = Losses(
        unique_ids=("a", "b"),
        origins=np.array([10, 20]),
        horizon=2,
        quantile_levels=(0.1, 0.5, 0.9),
        steps=2 * ones.astype(int),
        scale=np.array([[1.0, 1.0], [2.0, 2.0]]),
        **dict.fromkeys(("absolute_error", "pinball", "absolute_y", "covered", "error"), ones),
        leads=LeadLosses(*[of_leads] * 3, covered=(of_leads > 2) + 0 * of_leads, error=of_leads),
    )

    table = lead_scores([Judged("tcn", "champion", losses)])

    assert table["lead"].tolist() == [1, 2]
    assert table["mase"].tolist() == pytest.approx([(1 + 2 + 1) / 3, (3 + 5 + 4) / 3])
    assert table["coverage"].tolist() == pytest.approx([1 / 3, 1.0])
    assert lead_scores([Judged("tcn", "champion", replace(losses, leads=None))]).empty
