import json

import pytest

from data_contracts.errors import StorageError
from models.forecasters.persistence import load_forecaster
from models.forecasters.seasonal_naive import SeasonalNaive


def test_a_saved_forecaster_is_read_back(tmp_path):
    saved = SeasonalNaive((24, 168), horizon=24, quantile_levels=(0.1, 0.5, 0.9))
    saved.save(tmp_path / "model")

    loaded = load_forecaster(tmp_path / "model")

    assert isinstance(loaded, SeasonalNaive)
    assert vars(loaded) == vars(saved)


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        pytest.param(None, "No such file", id="no config"),
        pytest.param("{", "JSONDecodeError", id="no JSON"),
        pytest.param(json.dumps({"forecaster": "oracle"}), "'oracle'", id="unknown kind"),
        pytest.param(json.dumps({"forecaster": "neural"}), "format 1 where", id="older version"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_sentence(tmp_path, config, complaint):
    if config is not None:
        (tmp_path / "config.json").write_text(config)

    with pytest.raises(StorageError, match=complaint) as caught:
        load_forecaster(tmp_path)

    assert "train a new one" in str(caught.value)
    assert "\n" not in str(caught.value)
