"""Windows of a real series to decompose."""

import numpy as np
import pandas as pd

from benchmarks.gate.year_pool import ETTH1_TABLE
from models.scores import Doubles


def etth1_windows(number: int, *, length: int, seed: int = 7) -> Doubles:
    """Windows of ETTh1, of any of its seven series from any hour on, shape `(number, length)`."""
    values = pd.read_csv(ETTH1_TABLE).drop(columns="date").to_numpy(np.float64)  # (T, 7)
    rng = np.random.default_rng(seed)
    begins = rng.integers(len(values) - length, size=number)
    columns = rng.integers(values.shape[1], size=number)
    windows: Doubles = values[begins[:, None] + np.arange(length), columns[:, None]]
    return windows
