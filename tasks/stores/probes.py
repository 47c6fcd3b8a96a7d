"""The probe of a model version: a folder of arrays beside its files."""

from pathlib import Path

import numpy as np

from models.forecasters.probe import Probe
from tasks.stores.snapshots import load_panel, save_panel

PROBE = "probe"
QUANTILES = "quantiles.npy"


def write_probe(folder: Path, probe: Probe) -> None:
    """Write a probe into the folder of a version, where the manifest will cover it."""
    inputs = folder / PROBE
    inputs.mkdir()
    save_panel(probe.panel, inputs)
    with (inputs / QUANTILES).open("wb") as file:
        np.save(file, probe.quantiles, allow_pickle=False)


def read_probe(folder: Path) -> Probe | None:
    """What `write_probe` wrote, None where the version was stored without one."""
    inputs = folder / PROBE
    if not inputs.exists():
        return None
    (panel,) = (path for path in inputs.iterdir() if path.is_dir())
    return Probe(load_panel(panel), np.load(inputs / QUANTILES, allow_pickle=False))
