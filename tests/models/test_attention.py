import numpy as np
import pytest

from models.attention import (
    TOGETHER,
    Look,
    attention_of,
    observed_steps,
    per_patch,
    steps_of_patches,
    together,
)
from models.learning.settings import NetworkSettings


def settings(context=24, horizon=6, **changes):
    usual = {"quantile_levels": (0.5,), "season_lengths": (6,)}
    return NetworkSettings(context_length=context, horizon=horizon, **{**usual, **changes})


def softmaxed(shape):
    weights = np.random.default_rng(0).random(shape).astype(np.float32)
    return weights / weights.sum(axis=-1, keepdims=True)


def loop(weights, sizes, per_head):
    """The same as `per_patch`, number by number."""
    batch, rows, _, tokens = weights.shape
    stretch = sizes.patch_length * sizes.patches_per_season
    past = -(-tokens // sizes.patches_per_season)
    result = np.zeros((batch, rows // per_head, -(-sizes.horizon // stretch), past))
    for b, n, group, at in np.ndindex(result.shape):
        leads = [h for h in range(sizes.horizon) if h // stretch == group]
        for lead in leads:
            patch, step = divmod(lead, sizes.patch_length)
            row = n * per_head + (step if per_head > 1 else 0)
            for token in range(tokens):
                back = (tokens - 1 - token) // sizes.patches_per_season
                if back == past - 1 - at:
                    result[b, n, group, at] += weights[b, row, patch, token] / len(leads)
    return result


@pytest.mark.parametrize(
    ("sizes", "per_head"),
    [
        pytest.param(settings(), 1, id="heads that all steps share"),
        pytest.param(settings(), 6, id="weights of every step"),
        pytest.param(settings(horizon=8), 6, id="a last patch that is not filled"),
        pytest.param(settings(horizon=8), 1, id="the same with shared heads"),
        pytest.param(settings(context=15, horizon=8, patch=1), 1, id="single steps"),
        pytest.param(settings(context=13, horizon=7, patch=2), 2, id="patches of a third"),
        pytest.param(settings(horizon=5, patch=4), 4, id="patches that fill no season"),
    ],
)
def test_weights_are_told_by_stretches_of_a_season_and_still_sum_to_one(sizes, per_head):
    weights = softmaxed((2, 3 * per_head, sizes.num_future_patches, sizes.num_tokens))

    found = per_patch(weights, sizes, per_head)

    np.testing.assert_allclose(found, loop(weights, sizes, per_head), atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=-1), 1, rtol=1e-5)
    assert found.shape[-1] == len(steps_of_patches(sizes))


def test_what_looked_at_nothing_stays_zero():
    sizes = settings()

    assert not per_patch(np.zeros((1, 2, 1, 4), np.float32), sizes, 1).any()


def look_of(weights, steps=6):
    rows = np.asarray(weights, np.float32)[:, None, :]
    return Look("1.1", rows, np.full(rows.shape[-1], steps))


def test_members_are_aligned_by_the_time_of_their_patches_and_count_by_their_shares():
    short, long = look_of([[0.5, 0.5]]), look_of([[0.4, 0.3, 0.2, 0.1]])

    mean = together([short, long], [0.75, 0.25])

    np.testing.assert_allclose(mean.weights[0, 0], [0.1, 0.075, 0.425, 0.4])
    assert mean.head == TOGETHER


def test_a_member_that_found_nothing_does_not_count():
    silent, other = look_of([[0, 0], [0, 0]]), look_of([[0.9, 0.1, 0], [0, 0, 0]])

    mean = together([silent, other], [0.5, 0.5])

    np.testing.assert_allclose(mean.weights[:, 0], [[0.9, 0.1, 0], [0, 0, 0]], rtol=1e-6)


def test_heads_are_called_after_their_member():
    weights = softmaxed((3, 2, 2, 4))
    sizes = settings(horizon=8)

    found = attention_of([(1, [weights[:2], weights[2:]], sizes), (4, [weights], sizes)], [1, 1])

    assert [each.head for each in found.looks] == ["1.1", "1.2", "4.1", "4.2", TOGETHER]
    assert found.leads.tolist() == [1, 7]
    np.testing.assert_allclose(found.together.weights, weights.mean(axis=1), rtol=1e-5)


def test_of_the_whole_horizon_a_stretch_counts_by_its_steps():
    weights = np.zeros((1, 1, 2, 4), np.float32)
    weights[0, 0, 0, 3] = weights[0, 0, 1, 0] = 1

    found = attention_of([(1, [weights], settings(horizon=8))], [1])

    np.testing.assert_allclose(found.of_horizon, [[0.25, 0, 0, 0.75]])


def test_patches_that_only_a_longer_context_holds_are_not_read_by_all():
    members = [
        (number + 1, [softmaxed((1, 1, 1, length // 6))], settings(context=length))
        for number, length in enumerate((12, 24))
    ]

    assert attention_of(members, [1, 1]).read_by_all.tolist() == [False, False, True, True]


def test_observed_steps_are_counted_patch_by_patch_back_to_the_first(make_panel):
    y = np.arange(8, dtype=float)
    y[[3, 7]] = np.nan
    panel = make_panel([y, np.ones(30)], horizon=2)

    found = observed_steps(panel, np.array([0, 1]), panel.cutoff_slot, np.array([2, 4, 4]))

    assert found.tolist() == [[0, 3, 3], [2, 4, 4]]
