import numpy as np
import pandas as pd

from benchmarks.training import HORIZON, START, read_panel, training_settings, write_rows


def test_peers_and_we_read_the_same_rows(tmp_path):
    rows = write_rows(tmp_path / "rows.parquet", num_series=3, steps=200)

    panel = read_panel(rows)

    shared = pd.read_parquet(rows)
    assert panel.grid.timestamp(panel.cutoff_slot) == START + pd.Timedelta(hours=199)
    assert panel.lengths.tolist() == [200, 200, 200]
    assert panel.horizon == HORIZON
    y = np.concatenate([panel.history(series) for series in range(3)])
    np.testing.assert_array_equal(y, shared["y"])


def test_the_clock_does_not_hurry_what_is_timed():
    settings = training_settings(patch=1, max_epochs=2)

    assert settings.minutes >= 600
    assert (settings.patch_length, settings.units, settings.batch_size) == (1, 128, 128)
