"""Reconcile: move forecasts of series so that they agree with forecasts of their totals."""

from dataclasses import replace

from data_contracts.spec import Spec
from data_contracts.vocabulary import BASELINE
from models.forecasters.calibration import Calibrated
from models.forecasters.support import Support
from models.hierarchy.grouping import Grouping
from models.hierarchy.histories import panel_of_totals
from models.hierarchy.past import Past
from models.hierarchy.reconciled import FEWEST_ORIGINS, MOST_NODES, Reconciled, projection
from models.panel import Ints, Panel
from tasks.calibrate import adjust, past_forecasts
from tasks.contenders import Contender
from tasks.progress import stage
from tasks.tonight import Tonight


def grouping_of(spec: Spec, panel: Panel) -> Grouping:
    """The totals that the spec asks for, of all series of a panel.

    A column with a label of its own for every series adds nothing up, and is left out.
    """
    labels = {name: panel.labels[name] for name in spec.hierarchy.by}
    useful = {name: texts for name, texts in labels.items() if not is_useless(texts)}
    return Grouping.of(useful, num_series=panel.num_series, total=spec.hierarchy.total)


def is_useless(labels: tuple[str, ...]) -> bool:
    """Whether every series has a label of its own.

    >>> is_useless(("JFK", "EWR")), is_useless(("JFK", "JFK"))
    (True, False)
    """
    return len(set(labels)) == len(labels)


def reconciled(
    tonight: Tonight, panel: Panel, publisher: Contender, past: Past | None, origins: Ints
) -> Contender:
    """Who publishes, with forecasts that agree with those of totals, where that can be.

    Args:
        tonight: The night; its spec may ask for no such thing.
        panel: The series that were judged.
        publisher: Who publishes, adjusted by its past forecasts or not.
        past: What these missed, as they would have been published.
        origins: Those of the gate.
    """
    spec = tonight.spec
    if spec.hierarchy.method != "mint" or past is None or obstacle(spec, panel, publisher, past):
        return publisher
    with stage("reconcile"):
        try:
            return _reconciled(spec, panel, publisher, past, origins)
        except Exception:  # whatever happens here, the series' own forecasts are sound
            return publisher


def _reconciled(
    spec: Spec, panel: Panel, publisher: Contender, past: Past, origins: Ints
) -> Contender:
    grouping = grouping_of(spec, panel)
    sums = panel_of_totals(panel, grouping)
    support = Support.of(panel, until=panel.cutoff_slot)
    unadjusted = _unadjusted(publisher)
    adjusted, adjustment = adjust(spec, sums, past_forecasts(spec, sums, unadjusted, origins))
    of_totals = adjustment.of(unadjusted) if adjustment else unadjusted
    forecaster = Reconciled(
        forecaster=publisher.forecaster,
        of_totals=of_totals.forecaster,
        grouping=grouping,
        projection=projection(past, Past.of(adjusted, support), grouping),
        unique_ids=panel.unique_ids,
        support=support,
    )
    return replace(publisher, forecaster=forecaster)


def obstacle(spec: Spec, panel: Panel, publisher: Contender, past: Past | None) -> str:
    """Why forecasts cannot be reconciled, in words that follow "because"; empty if they can.

    Args:
        spec: What is forecast.
        panel: The series that were judged.
        publisher: Who publishes.
        past: What its past forecasts missed.
    """
    origins = past.num_origins if past else 0
    nodes = panel.num_series + grouping_of(spec, panel).num_totals
    if publisher.role == BASELINE:
        return "the baseline publishes, and it is published as it is"
    if origins < FEWEST_ORIGINS:
        return f"{origins} past origins are too few to say whom to trust, {FEWEST_ORIGINS} do"
    if nodes > MOST_NODES:
        return f"{nodes:,} series and totals are too many for mint, {MOST_NODES:,} are not"
    return ""


def _unadjusted(publisher: Contender) -> Contender:
    """Who forecasts, without what it has learned of the series: totals miss in their own way."""
    forecaster = publisher.forecaster
    if isinstance(forecaster, Calibrated):
        return replace(publisher, forecaster=forecaster.forecaster)
    return publisher


def was_reconciled(publisher: Contender) -> bool:
    """Whether the forecasts of who publishes agree with forecasts of totals."""
    return isinstance(publisher.forecaster, Reconciled)
