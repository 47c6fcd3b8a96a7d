"""Who did how well: the table of contenders and the comparison series by series."""

import math
from typing import NamedTuple

import pandas as pd

from data_contracts.night import Night, Score
from data_contracts.vocabulary import BASELINE, UNIQUE_ID
from tasks.reporting.formats import number, percent

MAX_SERIES = 60
ROLE, MODEL, MASE = "role", "model", "mase"
COVERAGE, RAW = "coverage", "raw_coverage"


class Cell(NamedTuple):
    """One score of one contender, with its distance from the baseline or from what is meant."""

    value: str
    detail: str
    is_best: bool


class Contender(NamedTuple):
    """One row of the table of scores."""

    score: Score
    is_in_service: bool
    mase: Cell
    wql: Cell
    coverage: Cell
    bias: Cell


class SeriesRow(NamedTuple):
    """MASE of one series, and where both stand in percent of a strip that begins at zero."""

    unique_id: str
    contender: float
    baseline: float
    change: float
    contender_at: float
    baseline_at: float


class SeriesTable(NamedTuple):
    """One contender against the baseline, the largest gain first; strips end at `widest`."""

    name: str
    widest: float
    rows: tuple[SeriesRow, ...]
    num_better: int
    num_series: int


def compared(night: Night) -> Score | None:
    """Whom the report sets against the baseline: who made the batch, else the best network."""
    published = publisher(night)
    if published is not None and published.role != BASELINE:
        return published
    networks = [score for score in night.scores if score.role != BASELINE]
    return min(networks, key=lambda score: score.mase, default=None)


def publisher(night: Night) -> Score | None:
    """The score of who made the batch, None where it was not judged tonight."""
    by_version = {score.version: score for score in night.scores}
    return by_version.get(night.model_version)


def baseline(night: Night) -> Score | None:
    """The score of the baseline, None where nobody was judged tonight."""
    return next((score for score in night.scores if score.role == BASELINE), None)


def gain(score: float, reference: float) -> float | None:
    """Change against a reference as a share of it; negative is better for an error.

    >>> gain(0.75, 1.0)
    -0.25
    """
    return score / reference - 1 if reference else None


def contenders(night: Night) -> list[Contender]:
    """Rows of the table of scores, the smallest MASE first."""
    rows = [_contender(score, night) for score in night.scores]
    return sorted(rows, key=lambda row: (math.isnan(row.score.mase), row.score.mase))


def by_series(night: Night, series_scores: pd.DataFrame | None) -> SeriesTable | None:
    """Compare who made the batch, else the best network, with the baseline on each series.

    Where there are many series, the largest gains and the largest losses are kept.

    Args:
        night: Names the contenders.
        series_scores: Columns `unique_id`, `model`, `role` and `mase`.
    """
    shown = compared(night)
    if series_scores is None or shown is None:
        return None
    pairs = _pairs(series_scores, shown)
    if pairs.empty:
        return None
    ranked = pairs.sort_values("change", kind="stable")
    widest = float(ranked[["contender", "baseline"]].to_numpy().max()) or 1.0
    rows = tuple(
        SeriesRow(str(name), one, other, change, 100 * one / widest, 100 * other / widest)
        for name, one, other, change in _ends(ranked).itertuples()
    )
    num_better = int((ranked["change"] < 0).sum())
    return SeriesTable(shown.contender, widest, rows, num_better, len(ranked))


def _pairs(series_scores: pd.DataFrame, shown: Score) -> pd.DataFrame:
    """MASE of one contender and of the baseline side by side, indexed by series."""
    is_shown = (series_scores[MODEL] == shown.contender) & (series_scores[ROLE] == shown.role)
    of_shown = series_scores[is_shown].set_index(UNIQUE_ID)[MASE]
    of_baseline = series_scores[series_scores[ROLE] == BASELINE].set_index(UNIQUE_ID)[MASE]
    pairs = pd.DataFrame({"contender": of_shown, "baseline": of_baseline}).dropna()
    pairs["change"] = pairs["contender"] / pairs["baseline"].where(pairs["baseline"] > 0) - 1
    return pairs.dropna()


def _ends(ranked: pd.DataFrame) -> pd.DataFrame:
    half = MAX_SERIES // 2
    if len(ranked) <= MAX_SERIES:
        return ranked
    return pd.concat([ranked.iloc[:half], ranked.iloc[-half:]])


def _contender(score: Score, night: Night) -> Contender:
    reference = baseline(night)
    others = night.scores
    return Contender(
        score=score,
        is_in_service=score is publisher(night),
        mase=Cell(
            number(score.mase),
            _against(score, reference, "mase"),
            _is_least(score.mase, [other.mase for other in others]),
        ),
        wql=Cell(
            number(score.wql, 4),
            _against(score, reference, "wql"),
            _is_least(score.wql, [other.wql for other in others]),
        ),
        coverage=Cell(
            percent(score.coverage),
            f"{number(100 * (score.coverage - score.nominal_coverage), 1)} points",
            _is_least(_miss(score), [_miss(other) for other in others]),
        ),
        bias=Cell(
            percent(score.bias, signed=True),
            "",
            _is_least(abs(score.bias), [abs(other.bias) for other in others]),
        ),
    )


def _against(score: Score, reference: Score | None, name: str) -> str:
    if reference is None or reference is score:
        return ""
    return percent(gain(getattr(score, name), getattr(reference, name)), signed=True)


def _miss(score: Score) -> float:
    return abs(score.coverage - score.nominal_coverage)


def _is_least(value: float, values: list[float]) -> bool:
    known = [one for one in values if math.isfinite(one)]
    return len(known) > 1 and value == min(known)
