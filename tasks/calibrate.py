"""Calibrate: adjust what a contender says by what its last forecasts missed."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from data_contracts.spec import Spec
from data_contracts.vocabulary import BASELINE
from models.forecasters import calibration
from models.forecasters.calibration import Calibrated, Calibration
from models.forecasters.support import Support
from models.gate.evaluation import Forecasts, forecast_origins
from models.gate.origins import LONGEST_SHARE
from models.panel import Ints, Panel
from tasks.contenders import Contender
from tasks.tonight import Tonight


@dataclass(frozen=True, eq=False)
class Adjustment:
    """What a contender's past forecasts say about its next one.

    Attributes:
        calibration: How its forecasts are adjusted from now on.
        unique_ids: Names of the series that it was learned from.
    """

    calibration: Calibration
    unique_ids: tuple[str, ...]

    def of(self, contender: Contender) -> Contender:
        """The contender as it publishes."""
        adjusted = Calibrated(contender.forecaster, self.calibration, self.unique_ids)
        return replace(contender, forecaster=adjusted)


def origins_to_learn_from(spec: Spec, panel: Panel, contender: Contender, origins: Ints) -> Ints:
    """The origins of the gate, and earlier ones that a model has not learned from either.

    The baseline may be slow and has learned from nothing: those of the gate are enough for it.

    Args:
        spec: What is forecast.
        panel: Where the histories are.
        contender: Whose forecasts are made.
        origins: Those of the gate, ascending, shape `(O,)`.

    Returns:
        Slots, ascending, the last `O` of them those of the gate.
    """
    more = spec.calibration.origins - len(origins)
    if more <= 0 or not len(origins) or contender.role == BASELINE or not _is_asked_for(spec):
        return origins
    longest = int(panel.lengths.max(initial=0))
    oldest = panel.cutoff_slot - int(LONGEST_SHARE * longest)
    earlier = origins[0] - spec.origin_step * np.arange(more, 0, -1)
    return np.concatenate([contender.unseen(earlier[earlier >= oldest]), origins])


def past_forecasts(
    spec: Spec,
    panel: Panel,
    contender: Contender,
    origins: Ints,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Forecasts:
    """What a contender says, unadjusted, of every series at every origin that it can learn from.

    Args:
        spec: What is forecast.
        panel: The series that are judged.
        contender: Who forecasts.
        origins: Those of the gate.
        progress: Called after each batch with the windows done and those in all.
    """
    return forecast_origins(
        contender.forecaster,
        panel,
        np.arange(panel.num_series),
        origins_to_learn_from(spec, panel, contender, origins),
        season_length=spec.season_length,
        progress=progress,
    )


def adjust(spec: Spec, panel: Panel, raw: Forecasts) -> tuple[Forecasts, Adjustment | None]:
    """Adjust every forecast by what was known at its origin, and learn from all for the next.

    Args:
        spec: What is forecast; it may ask for no calibration.
        panel: Where the histories are.
        raw: What a contender has forecast.

    Returns:
        What would have been published, and the adjustment of what will be; None without any.
    """
    if not _is_asked_for(spec) or not len(raw.origins):
        return raw, None
    levels, support = raw.quantile_levels, Support.of(panel, until=panel.cutoff_slot)
    adjusted = np.empty_like(raw.quantiles)
    for known, span in _supports(panel, raw.origins, support):
        made, learned = calibration.follow(
            raw.quantiles, raw.target, raw.origins, levels=levels, support=known
        )
        adjusted[:, span] = made[:, span]
    if learned.support != support:  # something came after the last origin that is news
        learned = calibration.fit(raw.quantiles, raw.target, levels=levels, support=support)
    return replace(raw, quantiles=adjusted), Adjustment(learned, raw.unique_ids)


def _supports(panel: Panel, origins: Ints, present: Support) -> list[tuple[Support, slice]]:
    """Which values the target could take as far as was known at each origin.

    One support for all of them, unless values below zero or fractions are news.
    """
    first = Support.of(panel, until=int(origins[0]))
    if first == present:
        return [(present, slice(None))]
    known = [first, *(Support.of(panel, until=int(origin)) for origin in origins[1:])]
    starts = [k for k in range(len(known)) if k == 0 or known[k] != known[k - 1]]
    return [
        (known[start], slice(start, end))
        for start, end in zip(starts, [*starts[1:], len(known)], strict=True)
    ]


def calibrated(tonight: Tonight, panel: Panel, contender: Contender, origins: Ints) -> Contender:
    """A contender that was not judged tonight, such as one that is rolled back to, as it publishes.

    Args:
        tonight: The night.
        panel: The series that are judged.
        contender: Who publishes.
        origins: Those of the gate.
    """
    raw = past_forecasts(tonight.spec, panel, contender, contender.unseen(origins))
    _, adjustment = adjust(tonight.spec, panel, raw)
    return adjustment.of(contender) if adjustment else contender


def _is_asked_for(spec: Spec) -> bool:
    return spec.calibration.method == "conformal"
