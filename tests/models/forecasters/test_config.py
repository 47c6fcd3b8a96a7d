from models.forecasters.config import read_config, write_config


def test_what_was_written_is_read_with_tuples_for_lists(tmp_path):
    folder = tmp_path / "new"
    config = {"forecaster": "rule", "levels": (0.1, 0.9), "parts": ({"sizes": (1, 2)},), "n": None}

    write_config(folder, config)

    assert read_config(folder) == config
    assert (folder / "config.json").read_text().endswith("}\n")
