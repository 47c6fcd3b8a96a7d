"""A forecaster made of networks: several members whose quantiles are combined by the median."""

import importlib
import json
import pkgutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.panel import Floats, Ints, Panel
from models.settings import TrainingSettings
from models.support import Support
from models.window_inputs import Arrays, Features, WindowReader

BATCH_SIZE = 256
CONFIG = "config.json"


@dataclass(frozen=True, eq=False)
class NeuralForecaster:
    """Quantiles of the next `horizon` steps, by the median over networks.

    Attributes:
        settings: What was trained.
        features: What the networks read beside the target.
        networks: The members, each a `keras.Model`.
        support: Which values the target can take.
        trained_until: Slot of the last step that training saw.
    """

    settings: TrainingSettings
    features: Features
    networks: tuple[Any, ...]
    support: Support
    trained_until: int | None

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
        for rows, arrays in self._batches(panel, series, origins):
            members = [np.asarray(network.predict_on_batch(arrays)) for network in self.networks]
            combined = np.sort(np.median(np.stack(members), axis=0), axis=-1)
            quantiles[rows] = combined[: rows.stop - rows.start]
        return self.support.fit(quantiles)

    def attention(self, panel: Panel, series: Ints, origins: Ints) -> Floats:
        """Where the first member looked: weights per head, patch of the horizon and past patch.

        Returns:
            Shape `(B, N, J, T)`; they sum to 1 over `T`, the past patches in time order.
        """
        import keras

        network = self.networks[0]
        looking = keras.Model(network.input, network.get_layer("attention").output)
        parts = [
            np.asarray(looking.predict_on_batch(arrays))[: rows.stop - rows.start]
            for rows, arrays in self._batches(panel, series, origins)
        ]
        return np.concatenate(parts)

    def _batches(self, panel: Panel, series: Ints, origins: Ints) -> Iterator[tuple[slice, Arrays]]:
        """Rows of the result and inputs for them; the last batch is filled up to full size.

        With one size a network is compiled once, and a forecast does not depend on how many others
        are made beside it.
        """
        reader = WindowReader(
            panel,
            self.features,
            context_length=self.settings.context_length,
            horizon=self.horizon,
        )
        for begin in range(0, len(series), BATCH_SIZE):
            rows = slice(begin, min(begin + BATCH_SIZE, len(series)))
            filled = np.minimum(np.arange(begin, begin + BATCH_SIZE), len(series) - 1)
            arrays, _ = reader.read(series[filled], origins[filled])
            yield rows, arrays

    def save(self, folder: Path) -> None:
        """Write `config.json` and one `member-N.keras` per member into a new folder."""
        import keras

        folder.mkdir(parents=True, exist_ok=True)
        for number, network in enumerate(self.networks):
            network.save(folder / f"member-{number}.keras")
        config = {
            "forecaster": "neural",
            "settings": asdict(self.settings),
            "features": asdict(self.features),
            "support": asdict(self.support),
            "trained_until": self.trained_until,
            "packages": {"keras": keras.__version__, "backend": keras.backend.backend()},
        }
        (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "NeuralForecaster":
        """Read what `save` wrote."""
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        settings = TrainingSettings(**_tuples(config["settings"]))
        return cls(
            settings=settings,
            features=Features(**_tuples(config["features"])),
            networks=tuple(
                _load_network(folder / f"member-{number}.keras")
                for number in range(settings.members)
            ),
            support=Support(**config["support"]),
            trained_until=config["trained_until"],
        )


def _load_network(path: Path) -> Any:
    import keras

    import models.layers

    for module in pkgutil.iter_modules(models.layers.__path__):
        importlib.import_module(f"models.layers.{module.name}")
    return keras.saving.load_model(path, compile=False)


def _tuples(value: Any) -> Any:
    """JSON knows lists alone; settings hold tuples."""
    if isinstance(value, dict):
        return {key: _tuples(part) for key, part in value.items()}
    return tuple(_tuples(part) for part in value) if isinstance(value, list) else value
