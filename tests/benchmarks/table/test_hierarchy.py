import numpy as np
import pytest

from benchmarks.table.hierarchy import Material, figures_of
from data_contracts.spec import DECILES
from models.forecasters.support import Support
from models.gate.evaluation import Forecasts
from models.hierarchy.grouping import Grouping
from models.hierarchy.normal_scores import knots_of

NUM_SERIES, ORIGINS, HORIZON = 4, 10, 12


@pytest.fixture
def material():
    """Forecasts of standard deviation 1 of series that always miss by the same."""
    rng = np.random.default_rng(0)
    grouping = Grouping.of({"shop": list("aabb")}, num_series=NUM_SERIES, total=True)
    missed = np.tile(rng.normal(size=(1, ORIGINS, HORIZON)), (NUM_SERIES, 1, 1))
    missed += rng.normal(0, 0.01, missed.shape)

    def forecasts(target, deviation):
        quantiles = 100 + deviation * knots_of(DECILES) + np.zeros((*target.shape, 1))
        names = tuple(f"{k}" for k in range(len(target)))
        scale = np.ones((len(target), ORIGINS))
        origins = np.arange(ORIGINS) * HORIZON
        return Forecasts(
            names,
            origins,
            DECILES,
            quantiles.astype(np.float32),
            target.astype(np.float32),
            scale,
        )

    series = forecasts(100 + missed, 1.0)
    totals = forecasts(100 + grouping.sums(missed) + rng.normal(size=(3, ORIGINS, HORIZON)), 2.0)
    return Material(series, totals, grouping, Support(), range(4, ORIGINS))


def test_totals_agree_and_dependence_is_seen_where_it_is(material):
    figures = {figure.name: figure for figure in figures_of(material, "twins")}

    assert figures["twins: largest distance of a total from the sum"].ours == 0
    covered = {
        how: figures[f"twins, all series: coverage of 80 %, {how}"].ours
        for how in ("as they missed before", "as if apart", "as if together")
    }
    assert covered["as if apart"] < covered["as they missed before"] - 10
    assert covered["as they missed before"] == pytest.approx(covered["as if together"], abs=6)
    assert figures["twins: MASE of the series, mint"].peer > 0
