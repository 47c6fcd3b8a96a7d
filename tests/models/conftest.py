import numpy as np
import pytest

from data_contracts.frequency import Grid
from models.panel import Panel


@pytest.fixture
def make_panel():
    """Build a panel without covariates from histories that all end at the same cutoff."""

    def build(histories, *, horizon, cutoff_slot=1000):
        tail = np.full(horizon, np.nan, np.float32)
        rows = [np.concatenate([np.asarray(y, np.float32), tail]) for y in histories]
        y = np.concatenate(rows)
        none = np.empty((len(y), 0), np.float32)
        return Panel(
            unique_ids=tuple(f"series-{k:04d}" for k in range(len(rows))),
            indptr=np.cumsum([0, *map(len, rows)]),
            y=y,
            observed=~np.isnan(y),
            past=none,
            known=none,
            static=np.empty((len(rows), 0), np.str_),
            past_names=(),
            known_names=(),
            static_names=(),
            grid=Grid("h"),
            cutoff_slot=cutoff_slot,
            horizon=horizon,
        )

    return build
