"""Nothing is learned from forecasts of what their training has seen."""

from dataclasses import replace

import numpy as np
import pytest

from data_contracts.errors import RefusedError
from models.forecasters.calibration import fit
from models.forecasters.support import Support
from models.gate.evaluation import Forecasts
from models.learning.out_of_fold import FoldForecasts, OutOfFold, fusion_weights

LEVELS, HORIZON = (0.1, 0.5, 0.9), 4
ANY = Support(integral=False, non_negative=False)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def forecasts_of(target, origins, *, misses=0.0, names=("a", "b")):
    """Forecasts whose medians miss what came, `(S, O, H)`, by so much."""
    medians = target + misses
    return Forecasts(
        unique_ids=names,
        origins=np.asarray(origins),
        quantile_levels=LEVELS,
        quantiles=(medians[..., None] + np.array([-1, 0, 1])).astype(np.float32),
        target=target.astype(np.float32),
        scale=np.ones(target.shape[:2]),
    )


def by_time(rng, misses=0.0, targets=None):
    """Two folds in time, of two series from two origins each."""
    targets = targets or [rng.normal(10, 3, (2, 2, HORIZON)) for _ in range(2)]
    return OutOfFold(
        (
            FoldForecasts(forecasts_of(targets[0], [104, 108], misses=misses), 100),
            FoldForecasts(forecasts_of(targets[1], [112, 116], misses=misses), 108),
        )
    )


def by_series(rng, *, origins=(104, 108)):
    shape = (1, len(origins), HORIZON)
    first, second, third = (rng.normal(10, 3, shape) for _ in range(3))
    both = np.concatenate([first, third])
    return OutOfFold(
        (
            FoldForecasts(forecasts_of(both, origins, names=("a", "c")), 100, ("b",)),
            FoldForecasts(forecasts_of(second, origins, names=("b",)), 100, ("a", "c")),
        )
    )


def test_an_origin_within_the_embargo_is_refused(rng):
    made = forecasts_of(rng.normal(size=(2, 2, HORIZON)), [103, 108])

    with pytest.raises(RefusedError, match="from slot 104 on, .* got one from slot 103"):
        FoldForecasts(made, 100)
    assert FoldForecasts(made, 99).learned_from is None


def test_a_series_that_was_learned_from_is_refused(rng):
    made = forecasts_of(rng.normal(size=(2, 1, HORIZON)), [104])

    with pytest.raises(RefusedError, match="training did not see, got 'b', which it did"):
        FoldForecasts(made, 100, ("b", "c"))


def test_folds_by_time_are_pooled_in_the_order_of_time(rng):
    folds = by_time(rng)

    pooled = folds.pooled

    assert pooled.origins.tolist() == [104, 108, 112, 116]
    assert pooled.unique_ids == ("a", "b")
    for at, fold in enumerate(folds.folds):
        part = slice(2 * at, 2 * at + 2)
        np.testing.assert_array_equal(pooled.quantiles[:, part], fold.forecasts.quantiles)
        np.testing.assert_array_equal(pooled.target[:, part], fold.forecasts.target)


def test_folds_by_series_are_pooled_in_the_order_of_names(rng):
    folds = by_series(rng)
    (of_two, of_one) = (fold.forecasts for fold in folds.folds)

    pooled = folds.pooled

    assert pooled.unique_ids == ("a", "b", "c")
    assert pooled.origins.tolist() == [104, 108]
    np.testing.assert_array_equal(pooled.target[[0, 2]], of_two.target)
    np.testing.assert_array_equal(pooled.quantiles[1], of_one.quantiles[0])


def test_folds_that_do_not_belong_together_are_refused(rng):
    time, series = by_time(rng).folds, by_series(rng).folds
    later = by_series(rng, origins=(108, 112)).folds
    other = replace(time[1].forecasts, quantile_levels=(0.2, 0.5, 0.8))

    for folds, words in [
        ((), "at least one fold"),
        ((time[0], series[0]), "both together"),
        ((time[0], replace(time[1], forecasts=other)), "the same levels"),
        (time[::-1], "every window in one fold"),
        ((time[0], time[0]), "every window in one fold"),
        ((series[0], series[0]), "every window in one fold"),
        ((series[0], later[1]), "every window in one fold"),
    ]:
        with pytest.raises(RefusedError, match=words):
            OutOfFold(tuple(folds))


def test_whoever_remembers_what_it_was_trained_on_does_not_weigh_more_for_it(rng):
    targets = [rng.normal(10, 3, (2, 2, HORIZON)) for _ in range(2)]
    in_sample = rng.normal(10, 3, (2, 2, HORIZON))  # up to the end of the training, slot 100
    honest, parrot = by_time(rng, 1.0, targets), by_time(rng, 9.0, targets)
    remembered = forecasts_of(in_sample, [92, 96])  # without an error

    honest_weight, parrot_weight = fusion_weights([honest, parrot])

    assert honest_weight > 0.9 > parrot_weight
    with pytest.raises(RefusedError, match="got one from slot 92"):
        replace(parrot, folds=(FoldForecasts(remembered, 100), *parrot.folds))


def test_weights_are_those_of_the_pooled_windows_series_by_series(rng):
    shape = (2, 2, HORIZON)
    targets = [rng.normal(10, 3, shape) for _ in range(2)]
    members = [by_time(rng, rng.normal(0, size, shape), targets) for size in (0.5, 1.0, 2.0)]

    weights = fusion_weights(members)

    assert sum(weights) == pytest.approx(1)
    assert list(weights) == sorted(weights, reverse=True)
    assert fusion_weights(members[::-1]) == pytest.approx(weights[::-1])


def test_a_series_that_never_changes_does_not_count(rng):
    targets = [rng.normal(10, 3, (2, 2, HORIZON)) for _ in range(2)]
    off = np.zeros((2, 2, HORIZON))
    off[1] = 5.0  # of the series that does not count
    good, bad = by_time(rng, 1.0, targets), by_time(rng, off, targets)
    unscaled = np.array([[1.0, 1.0], [0.0, np.nan]])
    good, bad = (
        OutOfFold(
            tuple(
                replace(fold, forecasts=replace(fold.forecasts, scale=unscaled))
                for fold in member.folds
            )
        )
        for member in (good, bad)
    )

    assert fusion_weights([good, bad])[1] > 0.9


def test_members_that_forecast_other_windows_are_refused(rng):
    with pytest.raises(RefusedError, match="got 2 on others"):
        fusion_weights([by_time(rng), by_series(rng)])
    with pytest.raises(RefusedError, match="got 0 on others"):
        fusion_weights([])


@pytest.mark.parametrize("folds", [by_time, by_series])
def test_a_calibration_is_that_of_the_pooled_errors(rng, folds):
    made = folds(rng)
    pooled = made.pooled

    learned = made.calibration(ANY)

    expected = fit(pooled.quantiles, pooled.target, levels=LEVELS, support=ANY)
    np.testing.assert_array_equal(learned.of_lead, expected.of_lead)
    np.testing.assert_array_equal(learned.of_series, expected.of_series)
    assert learned.of_lead.any()
