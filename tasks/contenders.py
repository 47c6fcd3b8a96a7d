"""Who takes part in the comparison: each one as it would be published, read back from disk."""

from dataclasses import dataclass
from typing import Final, Literal

import pandas as pd

from data_contracts.errors import StorageError
from data_contracts.spec import Spec
from data_contracts.vocabulary import BASELINE
from models.forecasters import seasonal_naive
from models.forecasters.baselines import build_baseline
from models.forecasters.forecaster import Forecaster
from models.panel import Ints
from tasks.stores.probes import read_probe
from tasks.stores.registry import ModelVersion, find_version, open_model
from tasks.stores.warehouse import Warehouse

CHALLENGER: Final = "challenger"
SUBSTITUTE = seasonal_naive.NAME
Role = Literal["challenger", "champion", "baseline"]


@dataclass(frozen=True, eq=False)
class Contender:
    """A forecaster and where it comes from.

    Attributes:
        version: In the registry; of the baseline, its name.
        record: What the registry knows, None for the baseline.
    """

    forecaster: Forecaster
    role: Role
    version: str
    record: ModelVersion | None = None

    @property
    def name(self) -> str:
        """Name of the forecaster, such as `attention_lstm`."""
        return self.forecaster.name

    def unseen(self, origins: Ints) -> Ints:
        """Those of some slots after which it has learned nothing."""
        learned = self.forecaster.trained_until
        return origins if learned is None else origins[origins >= learned]

    def age(self, cutoff: pd.Timestamp) -> pd.Timedelta | None:
        """From the night that trained it to the cutoff, None where it learned nothing."""
        return None if self.record is None else cutoff - self.record.cutoff


def open_contender(warehouse: Warehouse, version: str, role: Role) -> Contender:
    """Read a version back from disk, checksums compared.

    Raises:
        SpecError: If there is no such version.
        StorageError: If its files are missing or altered.
    """
    from models.forecasters.persistence import load_forecaster

    return Contender(
        forecaster=load_forecaster(open_model(warehouse, version)),
        role=role,
        version=version,
        record=find_version(warehouse, version),
    )


def open_proven(warehouse: Warehouse, version: str, role: Role) -> Contender:
    """Read a version back from disk, and let it repeat the forecasts that were stored with it.

    Raises:
        SpecError: If there is no such version.
        StorageError: If its files are missing or altered, or it forecasts something else by now.
    """
    contender = open_contender(warehouse, version, role)
    try:
        probe = read_probe(warehouse.models / version)
        difference = probe.difference(contender.forecaster) if probe else ""
    except Exception as error:  # a network that a library has overtaken raises almost anything
        difference = f"it forecasts nothing, {type(error).__name__}: {str(error).splitlines()[:1]}"
    if difference:
        raise StorageError(
            f"Model {version} fails its probe: {difference}; see whether a library or the device "
            "was changed since, or put another version into service."
        )
    return contender


def misfit(contender: Contender, spec: Spec) -> str:
    """Say why a stored model cannot forecast what the spec asks for by now; empty if it can.

    Extra covariates do no harm, and other seasons or thresholds are for the gate to judge.
    """
    forecaster, record = contender.forecaster, contender.record
    if forecaster.horizon != spec.horizon:
        return f"it forecasts {forecaster.horizon} steps, and the spec asks for {spec.horizon}"
    if forecaster.quantile_levels != spec.quantile_levels:
        return "it forecasts other quantile levels than the spec asks for"
    for role, names in forecaster.covariates.items():
        lost = [name for name in names if name not in getattr(spec.covariates, role)]
        if lost:
            return f"it reads {', '.join(lost)}, no longer among the spec's covariates.{role}"
    if record is not None and forecaster.trained_until is not None:
        learned = pd.DatetimeIndex([record.train_cutoff]).as_unit("us").asi8
        slots, on_grid = spec.grid.slots(learned)
        if not on_grid[0] or slots[0] != forecaster.trained_until:
            return "it was trained on another calendar than the spec's"
    return ""


def baseline_of(spec: Spec, name: str | None = None) -> Contender:
    """The forecast that every model has to beat.

    Args:
        spec: Says the seasons, the horizon, the levels, and what baselines there are.
        name: Of one of them; None takes the first.
    """
    forecaster = build_baseline(
        name or spec.baselines[0],
        spec.seasons,
        horizon=spec.horizon,
        quantile_levels=spec.quantile_levels,
    )
    return Contender(forecaster=forecaster, role=BASELINE, version=forecaster.name)


def substitute_of(spec: Spec) -> Contender:
    """Who forecasts the series that are set aside, and publishes where nobody else's batch is fit.

    The seasonal naive, whatever the baseline is.

    It takes microseconds, and has an answer to any history.
    """
    return baseline_of(spec, SUBSTITUTE)


def in_service(baseline: Contender, champion: Contender | None) -> list[Contender]:
    """Whom a challenger has to beat: the baseline, and the champion where there is one."""
    return [baseline] + ([champion] if champion else [])
