import pytest

from data_contracts.spec_yaml import read_yaml


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("training:\n  on: gpu\n", id="in a block"),
        pytest.param("training: {minutes: 30, on: gpu}", id="in braces"),
        pytest.param("training: {'on': gpu}", id="in quotes"),
        pytest.param("usual: &usual {on: gpu}\ntraining: {<<: *usual}", id="by a merge"),
    ],
)
def test_a_key_is_the_word_that_was_written(text):
    assert read_yaml(text)["training"]["on"] == "gpu"


def test_values_are_what_yaml_says():
    assert read_yaml("{log: on, horizon: 24, seed: null}") == {
        "log": True,
        "horizon": 24,
        "seed": None,
    }
