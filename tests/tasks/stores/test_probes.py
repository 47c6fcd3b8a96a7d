import numpy as np

from models.forecasters.probe import Probe
from models.forecasters.seasonal_naive import SeasonalNaive
from tasks.stores.probes import read_probe, write_probe


def test_a_probe_is_read_as_it_was_written(tmp_path, make_panel):
    panel = make_panel([np.arange(100.0), np.arange(50.0)], horizon=6)
    model = SeasonalNaive((24,), horizon=6, quantile_levels=(0.1, 0.5))
    probe = Probe.of(model, panel, until=990, steps=60)

    write_probe(tmp_path, probe)
    read = read_probe(tmp_path)

    assert np.array_equal(read.quantiles, probe.quantiles)
    assert np.array_equal(read.panel.y, probe.panel.y, equal_nan=True)
    assert read.difference(model) == ""


def test_a_version_without_a_probe_has_none(tmp_path):
    assert read_probe(tmp_path) is None
