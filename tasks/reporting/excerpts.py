"""What the report needs of large things: a few series of the panel, one number per loss table."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from data_contracts.spec import Spec
from data_contracts.vocabulary import DS, LEAD, UNIQUE_ID, Y
from models import scores
from models.gate.evaluation import Losses, coverage_by_lead
from models.panel import Panel
from tasks.reporting.scoreboard import COVERAGE, MASE, MODEL, RAW, ROLE

LONGEST_SEASON_SHOWN = 1_000  # steps; a chart is about 300 points wide


class Judged(NamedTuple):
    """One contender and its losses on the unseen origins; see `tasks.evaluate.Entry`."""

    contender: str
    role: str
    losses: Losses
    raw_coverage: scores.Doubles | None = None


def steps_shown(spec: Spec) -> int:
    """Steps of history that a chart shows: the longest season, three horizons or 24 steps."""
    return max(min(spec.season_length, LONGEST_SEASON_SHOWN), 3 * spec.horizon, 24)


def recent_actuals(panel: Panel, names: Sequence[str], *, num_steps: int) -> pd.DataFrame:
    """The last steps before the cutoff of a few series.

    Args:
        panel: Where the histories are.
        names: Wanted series; those that the panel does not have are left out.
        num_steps: Most steps per series.

    Returns:
        Columns `unique_id`, `ds` (UTC) and `y`, NaN where nothing was observed.
    """
    positions = {name: position for position, name in enumerate(panel.unique_ids)}
    parts = [pd.DataFrame({UNIQUE_ID: [], DS: pd.DatetimeIndex([], tz="UTC"), Y: []})]
    for name in (name for name in names if name in positions):
        values = panel.history(positions[name])[-num_steps:]
        slots = np.arange(panel.cutoff_slot + 1 - len(values), panel.cutoff_slot + 1)
        stamps = panel.grid.timestamps(slots)
        parts.append(pd.DataFrame({UNIQUE_ID: name, DS: stamps, Y: values}))
    return pd.concat(parts[1:] or parts, ignore_index=True)


def series_scores(judged: Iterable[Judged]) -> pd.DataFrame:
    """MASE of every contender on every series: the mean over origins of error over scale.

    Returns:
        Columns `unique_id`, `model`, `role` and `mase`; NaN where no origin counts.
    """
    parts = [pd.DataFrame({UNIQUE_ID: [], MODEL: [], ROLE: [], MASE: []})]
    for contender, role, losses, _ in judged:
        scale = np.where(losses.scale > 0, losses.scale, np.nan)
        ratios = pd.DataFrame(losses.absolute_error / scale)
        rows = {
            UNIQUE_ID: losses.unique_ids,
            MODEL: contender,
            ROLE: role,
            MASE: ratios.mean(axis=1).to_numpy(),
        }
        parts.append(pd.DataFrame(rows))
    return pd.concat(parts[1:] or parts, ignore_index=True)


def lead_scores(judged: Iterable[Judged]) -> pd.DataFrame:
    """MASE and coverage of every contender at every lead, means over series and origins.

    Returns:
        Columns `model`, `role`, `lead`, `mase`, `coverage` and `raw_coverage` (before adjustment),
        a row per lead; NaN where nothing was observed at a lead, or nothing was adjusted.
        Contenders of which only means are known are left out.
    """
    parts = [pd.DataFrame({MODEL: [], ROLE: [], LEAD: [], MASE: [], COVERAGE: [], RAW: []})]
    for contender, role, losses, raw in judged:
        if losses.leads is None:
            continue
        scale = np.where(losses.scale > 0, losses.scale, np.nan)[..., None]
        rows = {
            MODEL: contender,
            ROLE: role,
            LEAD: np.arange(1, losses.horizon + 1),
            MASE: _mean_by_lead(losses.leads.absolute_error / scale),
            COVERAGE: coverage_by_lead(losses),
            RAW: np.nan if raw is None else raw,
        }
        parts.append(pd.DataFrame(rows))
    return pd.concat(parts[1:] or parts, ignore_index=True)


def _mean_by_lead(values: scores.Numbers) -> scores.Doubles:
    """Mean over series and origins of what is known, shape `(H,)`."""
    of_leads = values.reshape(-1, values.shape[-1]).T  # (H, S * O)
    return scores.observed_mean(of_leads, ~np.isnan(of_leads))
