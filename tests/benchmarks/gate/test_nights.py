import numpy as np
import pytest

from benchmarks.gate.nights import Nights, Stage, better, during, simulate, spoilt_on
from models.gate.evaluation import Losses
from models.gate.promotion import Rules

LEVELS = (0.1, 0.5, 0.9)


def losses_of(pinball):
    shape = pinball.shape
    return Losses(
        unique_ids=tuple(f"series-{k}" for k in range(shape[0])),
        origins=100 + 24 * np.arange(shape[1]),
        horizon=24,
        quantile_levels=LEVELS,
        steps=np.full(shape, 24),
        absolute_error=pinball,
        scale=np.ones(shape),
        pinball=pinball,
        absolute_y=np.full(shape, 10.0),
        covered=np.full(shape, 0.8),
        error=np.zeros(shape),
    )


@pytest.fixture(scope="module")
def stage():
    rng = np.random.default_rng(3)
    shared = np.exp(0.3 * rng.normal(size=28))
    members = {
        seed: losses_of(shared * np.exp(0.05 * rng.normal(size=(12, 28)))) for seed in (1, 2, 3)
    }
    segments = {"region": ("north",) * 6 + ("south",) * 6}
    return Stage(members, losses_of(np.tile(1.3 * shared, (12, 1))), segments, Rules(LEVELS))


def test_a_night_sees_some_origins_of_all_losses(stage):
    losses = during(stage.members[1], slice(7, 21))

    assert losses.origins.tolist() == stage.members[1].origins[7:21].tolist()
    assert losses.pinball.shape == losses.covered.shape == (12, 14)


def test_every_ordered_pair_meets_every_night(stage):
    nights = simulate(stage, apart=7)

    assert len(nights.promoted) == 3 * 2 * 3
    assert set(zip(nights.champion, nights.challenger, strict=True)) == {
        (1, 2), (1, 3), (2, 1), (2, 3), (3, 1), (3, 2),
    }  # fmt: skip


def test_the_gate_promotes_who_is_much_better_and_no_equal(stage):
    assert simulate(stage, apart=7).share <= 0.05
    assert simulate(stage, apart=7, spoil=better(0.1)).share == 1


def test_members_are_equalised_over_all_nights(stage):
    means = [losses.pinball.mean() for losses in stage.equalised().members.values()]

    assert means == pytest.approx([means[0]] * 3)


def test_a_challenger_that_is_worse_on_a_segment_is_better_on_average(stage):
    inside = np.array([[1.0]] * 3 + [[0.0]] * 9)
    before = stage.members[1]

    after = spoilt_on(inside, factor=1.4, gain=0.05)(before)

    assert after.pinball.mean() == pytest.approx(0.95 * before.pinball.mean())
    np.testing.assert_allclose(after.pinball[:3], 1.4 * before.pinball[:3])


def test_the_interval_holds_the_share_and_is_wider_where_nights_are_alike():
    alone = Nights([1, 2] * 40, [2, 1] * 40, list(range(0, 80 * 14, 14)), [True, False] * 40)
    alike = Nights([1, 2] * 40, [2, 1] * 40, [0] * 40 + [14] * 40, [True] * 40 + [False] * 40)

    (low, high), (lowest, highest) = alone.interval(200), alike.interval(200)

    assert lowest <= low <= alone.share <= high <= highest
    assert highest - lowest > 0.9
