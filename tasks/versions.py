"""What is kept of a model beside its own files, so that it can be trusted and understood later."""

from pathlib import Path

from data_contracts.plain_text import without_secrets
from data_contracts.spec import Spec
from models.forecasters.forecaster import Forecaster
from models.forecasters.persistence import load_forecaster
from models.forecasters.probe import Probe
from models.panel import Panel
from tasks.stores.probes import write_probe
from tasks.stores.registry import ModelVersion, store_model
from tasks.tonight import Tonight

SPEC = "spec.json"


def keep_version(
    tonight: Tonight, version: ModelVersion, forecaster: Forecaster, panel: Panel
) -> ModelVersion:
    """Store a trained model with the spec that it came from and with its probe.

    The probe is answered by the model as it was read back from disk.

    Args:
        tonight: The night.
        version: What it was made from.
        forecaster: The model.
        panel: What it was trained on; its covariates after the training are those known ahead.

    Raises:
        StorageError: If the warehouse cannot be written, or the model cannot be read back.
    """
    learned = forecaster.trained_until
    until = panel.cutoff_slot if learned is None else learned
    steps = max(tonight.spec.context_length, 2 * tonight.spec.season_length)

    def save(folder: Path) -> None:
        forecaster.save(folder)
        (folder / SPEC).write_text(_without_secrets(tonight.spec), encoding="utf-8")
        kept = load_forecaster(folder)
        write_probe(folder, Probe.of(kept, panel, until=until, steps=steps))

    return store_model(tonight.warehouse, save, version)


def _without_secrets(spec: Spec) -> str:
    """The spec as JSON, without where the warehouse is and what a URI keeps secret."""
    return without_secrets(spec.model_dump_json(indent=1, exclude={"warehouse", "registry"}))
