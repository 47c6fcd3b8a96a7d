import numpy as np
import pandas as pd
import pytest
import yaml


@pytest.fixture(scope="module")
def waves(tmp_path_factory):
    """A folder with a spec over two noisy waves, one of them hostile by name; trains in seconds."""
    place = tmp_path_factory.mktemp("waves")
    ds = pd.date_range("2024-01-01", periods=60 * 24, freq="h", tz="UTC", unit="us")
    rng = np.random.default_rng(0)
    wave = 20 + 10 * np.sin(2 * np.pi * np.arange(len(ds)) / 24)
    frames = [
        pd.DataFrame({"unique_id": name, "ds": ds, "y": wave + rng.normal(0, 1, len(ds))})
        for name in ("a", "[b]")
    ]
    pd.concat(frames).to_parquet(place / "in.parquet", index=False)
    fields = {
        "name": "waves",
        "source": {"uri": str(place / "in.parquet")},
        "calendar": {"frequency": "h"},
        "horizon": 6,
        "training": {"context_length": 48, "members": 1, "max_epochs": 1},
        "warehouse": str(place / "warehouse"),
    }
    (place / "spec.yaml").write_text(yaml.safe_dump(fields))
    return place
