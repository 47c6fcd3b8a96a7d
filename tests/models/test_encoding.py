import numpy as np
import pytest

from models.encoding import answer_all, patches_per_question
from models.learning.settings import NetworkSettings


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
