"""A forecaster made of networks: several members whose quantiles become one forecast."""

import importlib
import pkgutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.attention import Attention, attention_of, per_patch
from models.forecasters.config import read_config, write_config
from models.forecasters.fusion import combine
from models.forecasters.support import Support
from models.learning.curves import Curve
from models.learning.device import forecasting_device
from models.learning.settings import Member, NetworkSettings, TrainingSettings
from models.learning.window_inputs import BATCH_SIZE, Arrays, Features, WindowReader
from models.learning.workbench import Workbench, workbench
from models.panel import Floats, Ints, Panel

BATCHES_AT_ONCE = 16  # of which the forecasts of all members are in memory
STEPS_AT_ONCE = BATCHES_AT_ONCE * BATCH_SIZE * 1344  # of context, with a calendar about 0.3 GB
FORMAT = 3  # grows when a forecaster that was saved before can no longer be read


@dataclass(frozen=True, eq=False)
class NeuralForecaster:
    """Quantiles of the next `horizon` steps, combined from several networks.

    Attributes:
        settings: What was trained.
        features: What the networks read beside the target.
        sizes: What all networks have in common.
        members: What is special about each network.
        networks: The networks, each a `keras.Model`.
        support: Which values the target can take.
        trained_until: Slot of the last step that training saw.
        weights: Of the members; empty where they are combined by the median.
        curves: How the training of each member went.
    """

    settings: TrainingSettings
    features: Features
    sizes: NetworkSettings
    members: tuple[Member, ...]
    networks: tuple[Any, ...]
    support: Support
    trained_until: int | None
    weights: tuple[float, ...] = ()
    curves: tuple[Curve, ...] = ()

    @property
    def name(self) -> str:
        """As in the spec."""
        return self.settings.network

    @property
    def horizon(self) -> int:
        """Steps that one forecast covers, `H`."""
        return self.settings.horizon

    @property
    def quantile_levels(self) -> tuple[float, ...]:
        """Levels of the last axis of a forecast, `Q`, ascending."""
        return self.settings.quantile_levels

    @property
    def covariates(self) -> dict[str, tuple[str, ...]]:
        """Columns that a panel has to hold, by role."""
        features = self.features
        return {
            "past": features.past_names,
            "known": features.known_names,
            "static": features.static_names,
        }

    def predict(self, panel: Panel, series: Ints, origins: Ints) -> Floats:
        """Quantiles in the unit of the target, ascending, shape `(B, H, Q)`, float32.

        Args:
            panel: Where the histories are; holds every covariate of the training.
            series: Position of each wanted series, shape `(B,)`.
            origins: Slot of the last step that each forecast may see, shape `(B,)`.

        Raises:
            SpecError: If the panel lacks a covariate.
        """
        quantiles = np.empty((len(series), self.horizon, len(self.quantile_levels)), np.float32)
        self._fill(quantiles, panel, series, origins)
        return self.support.fit(quantiles)

    def predict_auxiliary(self, panel: Panel, series: Ints, origins: Ints) -> Floats:
        """Quantiles of the auxiliary targets, each in its unit; members count by their median.

        Args:
            panel: Where the histories are; holds every covariate of the training.
            series: Position of each wanted series, shape `(B,)`.
            origins: Slot of the last step that each forecast may see, shape `(B,)`.

        Returns:
            Ascending, in the order of `settings.auxiliary`, shape `(B, H, A, Q)`, float32.

        Raises:
            SpecError: If the panel lacks a covariate.
        """
        targets, levels = len(self.settings.auxiliary), len(self.quantile_levels)
        quantiles = np.empty((len(series), self.horizon, targets, levels), np.float32)
        if targets:
            self._fill(quantiles, panel, series, origins, auxiliary=True)
        return quantiles

    def _fill(
        self,
        quantiles: Floats,
        panel: Panel,
        series: Ints,
        origins: Ints,
        *,
        auxiliary: bool = False,
    ) -> None:
        """Write what the members forecast together, of the target or of the auxiliary ones."""
        weights = () if auxiliary else self.weights  # learned on the target, good for it alone
        readers = self._readers(panel)
        batches = STEPS_AT_ONCE // (BATCH_SIZE * max(readers))
        windows = BATCH_SIZE * min(max(1, batches), BATCHES_AT_ONCE)
        for begin in range(0, len(series), windows):
            rows = slice(begin, begin + windows)
            forecasts = np.empty((len(self.members), *quantiles[rows].shape), np.float32)
            for length, reader in readers.items():
                inputs = list(reader.batches(series[rows], origins[rows]))
                for number, member in enumerate(self.members):
                    if member.context_length == length:
                        self._forecast(number, inputs, forecasts[number], auxiliary=auxiliary)
            quantiles[rows] = combine(forecasts, weights)

    def _forecast(
        self,
        number: int,
        inputs: list[tuple[slice, Arrays]],
        result: Floats,
        *,
        auxiliary: bool,
    ) -> None:
        """Let one member forecast some batches into a result of `(B, H, Q)` or `(B, H, A, Q)`."""
        member = self.members[number]
        with self._workbench(member) as bench:
            bench.put(self.networks[number])
            for rows, arrays in inputs:
                made = bench.predict_auxiliary(arrays) if auxiliary else bench.predict(arrays)
                result[rows] = made[: rows.stop - rows.start]

    def attention(self, panel: Panel, series: Ints, origins: Ints) -> Attention | None:
        """Where the forecasts looked; None where no member has an attention.

        Args:
            panel: Where the histories are; holds every covariate of the training.
            series: Position of each wanted series, shape `(B,)`.
            origins: Slot of the last step that each forecast may see, shape `(B,)`.

        Raises:
            SpecError: If the panel lacks a covariate.
        """
        looked: dict[int, list[Floats]] = {}
        for length, reader in self._readers(panel).items():
            numbers = [
                number
                for number, member in enumerate(self.members)
                if member.context_length == length
            ]
            for rows, arrays in reader.batches(series, origins):
                for number in numbers:
                    part = self._look(number, arrays)
                    if part is not None:
                        looked.setdefault(number, []).append(part[: rows.stop - rows.start])
        if not looked:
            return None
        shares = self.weights or (1 / len(self.members),) * len(self.members)
        numbers = sorted(looked)
        return attention_of(
            [(n + 1, looked[n], self.sizes.of(self.members[n])) for n in numbers],
            [shares[n] for n in numbers],
        )

    def _look(self, number: int, arrays: Arrays) -> Floats | None:
        """Where one member looked in one batch, None where it has no attention."""
        member = self.members[number]
        with self._workbench(member) as bench:
            if not bench.has_attention:
                return None
            bench.put(self.networks[number])
            weights = bench.attention(arrays)
            return per_patch(weights, self.sizes.of(member), bench.steps_per_head)

    def _workbench(self, member: Member) -> Workbench:
        device = forecasting_device(self.settings.device)
        return workbench(member.network, self.sizes.of(member), device)

    def _readers(self, panel: Panel) -> dict[int, WindowReader]:
        """One per context length."""
        return {
            length: WindowReader(panel, self.features, context_length=length, horizon=self.horizon)
            for length in {member.context_length for member in self.members}
        }

    def save(self, folder: Path) -> None:
        """Write `config.json` and one `member-N.keras` per member into a new folder."""
        import keras

        folder.mkdir(parents=True, exist_ok=True)
        for number, network in enumerate(self.networks):
            network.save(folder / f"member-{number}.keras")
        config = {
            "forecaster": "neural",
            "format": FORMAT,
            "settings": asdict(self.settings),
            "features": asdict(self.features),
            "sizes": asdict(self.sizes),
            "members": [asdict(member) for member in self.members],
            "weights": self.weights,
            "curves": [asdict(curve) for curve in self.curves],
            "support": asdict(self.support),
            "trained_until": self.trained_until,
            "packages": {"keras": keras.__version__, "backend": keras.backend.backend()},
        }
        write_config(folder, config)

    @classmethod
    def load(cls, folder: Path) -> "NeuralForecaster":
        """Read what `save` wrote."""
        config = read_config(folder)
        written = config.get("format", 1)
        if written != FORMAT:
            raise ValueError(f"one of format {written} where this version writes format {FORMAT}")
        members = tuple(Member(**member) for member in config["members"])
        return cls(
            settings=TrainingSettings.read(config["settings"]),
            features=Features.read(config["features"]),
            sizes=NetworkSettings(**config["sizes"]),
            members=members,
            networks=tuple(
                _load_network(folder / f"member-{number}.keras") for number in range(len(members))
            ),
            support=Support(**config["support"]),
            trained_until=config["trained_until"],
            weights=config["weights"],
            curves=tuple(Curve(**curve) for curve in config["curves"]),
        )


def _load_network(path: Path) -> Any:
    import keras

    import models.layers

    for module in pkgutil.iter_modules(models.layers.__path__):
        importlib.import_module(f"models.layers.{module.name}")
    return keras.saving.load_model(path, compile=False)
