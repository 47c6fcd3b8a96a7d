import numpy as np
import pytest

from models.encoding import answer_all, patches_per_question
from models.learning.settings import NetworkSettings
from models.networks import build_network


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (NetworkSettings(336, 48, (0.5,), (24,)), 1),
        (NetworkSettings(336, 48, (0.5,), (24,), patch=1), 24),
        (NetworkSettings(336, 6, (0.5,), (24,), patch=1), 6),
        (NetworkSettings(336, 48, (0.5,), (24,), patch=6), 4),
        (NetworkSettings(336, 160, (0.5,), (1,)), 10),
    ],
    ids=["patch-of-a-season", "single-steps", "short-horizon", "quarter-days", "no-season"],
)
def test_the_steps_of_a_season_share_a_look_at_the_states(settings, expected):
    assert patches_per_question(settings) == expected


def test_every_patch_gets_the_answer_to_its_question():
    settings = NetworkSettings(48, 30, (0.5,), (24,), patch=1)
    answers = np.arange(2, dtype=np.float32).reshape(1, 2, 1)

    repeated = np.asarray(answer_all(answers, settings))[0, :, 0]

    np.testing.assert_array_equal(repeated, [j // 24 for j in range(30)])


def _network(paths):
    sizes = NetworkSettings(36, 18, (0.1, 0.5, 0.9), (12,), units=8, linear_paths=paths)
    return build_network("attention_lstm", sizes, seed=1)


@pytest.mark.parametrize("chosen", [0, 2])
def test_of_several_linear_paths_the_one_that_is_chosen_counts(chosen):
    one, several = _network(1), _network(3)
    rng = np.random.default_rng(5)
    by_path = {each.path: each for each in several.trainable_variables}
    for each in one.trainable_variables:
        values = rng.normal(size=each.shape, scale=0.1)
        each.assign(values)
        if each.path in ("head_days/kernel", "head_last_day/kernel"):
            others = rng.normal(size=(*each.shape, 3))
            others[..., chosen] = values
            values = others.reshape(len(values), -1)
        by_path[each.path].assign(values)
    by_path["head_paths/kernel"].assign(np.zeros(by_path["head_paths/kernel"].shape))
    by_path["head_paths/bias"].assign(np.where(np.arange(3) == chosen, 50.0, -50.0))
    window = {
        "context": rng.normal(size=(4, 36)).astype(np.float32),
        "observed": np.ones((4, 36), bool),
    }

    np.testing.assert_allclose(
        several.predict_on_batch(window), one.predict_on_batch(window), rtol=1e-5, atol=1e-5
    )


def test_several_linear_paths_start_apart():
    (kernel,) = [each for each in _network(3).variables if each.path == "head_last_day/kernel"]

    paths = np.asarray(kernel.value).reshape(-1, 3)
    assert np.abs(np.corrcoef(paths.T) - np.eye(3)).max() < 0.5
