import re
from pathlib import Path

import numpy as np
import pytest

import models.networks
from models.networks import build_network, network_names
from models.settings import NetworkSettings

GUIDE = Path(__file__).parents[3] / "docs" / "development.md"
SETTINGS = NetworkSettings(48, 24, (0.1, 0.5, 0.9), (24,), units=8, num_heads=2)


@pytest.fixture
def example(tmp_path, monkeypatch):
    """The file that the guide shows, in a folder where networks are looked for."""
    [source] = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "example_of_the_guide.py").write_text(source, encoding="utf-8")
    monkeypatch.setattr(models.networks, "__path__", [*models.networks.__path__, str(tmp_path)])
    return "example_of_the_guide"


def test_the_network_that_the_guide_shows_is_found_by_name_and_forecasts(example, make_inputs):
    assert example in network_names()

    quantiles = np.asarray(build_network(example, SETTINGS, seed=1)(make_inputs(SETTINGS)))

    assert quantiles.shape == (3, 24, 3)
    assert np.isfinite(quantiles).all()
