"""The words every other package uses for columns.

Long format, one row per series and time step:

    unique_id   which series
    ds          time step, UTC, at the start of the period
    y           observed value, in the unit of the source
    cutoff      last `ds` that the forecaster was allowed to see
    lead        steps after the cutoff, 1 ... horizon
"""

import re
from typing import Final

UNIQUE_ID = "unique_id"
DS = "ds"
Y = "y"

CUTOFF = "cutoff"
CUTOFF_DATE = "cutoff_date"
ORIGIN = "origin"
LEAD = "lead"
MEAN = "mean"
MODEL = "model"
MODEL_VERSION = "model_version"
QUALITY = "quality"
ISSUED_AT = "issued_at"
RUN_ID = "run_id"
LEVEL = "level"  # of a total: the static column whose label its series share
SERIES = "series"  # how many

CHAMPION: Final = "champion"
BASELINE: Final = "baseline"
SUBSTITUTED: Final = "substituted"


def quantile_column(level: float) -> str:
    """Name the column that holds one quantile level, in percent.

    Args:
        level: Strictly between 0 and 1.

    Raises:
        ValueError: If the level is not a probability.

    >>> quantile_column(0.1), quantile_column(0.5), quantile_column(0.025)
    ('q10', 'q50', 'q2_5')
    """
    if not 0 < level < 1:
        raise ValueError(f"A quantile level lies strictly between 0 and 1, got {level}.")
    return "q" + f"{100 * level:.10g}".replace(".", "_")


def quantile_columns(levels: tuple[float, ...]) -> list[str]:
    """Name the columns of several levels, in their order.

    >>> quantile_columns((0.1, 0.9))
    ['q10', 'q90']
    """
    return [quantile_column(level) for level in levels]


def is_quantile_column(name: str) -> bool:
    """Whether a column is called as `quantile_column` calls one.

    >>> [is_quantile_column(name) for name in ("q10", "q2_5", "quality")]
    [True, True, False]
    """
    return re.fullmatch(r"q\d+(_\d+)?", name) is not None
