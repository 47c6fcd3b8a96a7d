import numpy as np
import pytest

from data_contracts.errors import RefusedError
from tasks.contenders import CHALLENGER, baseline_of, in_service, open_contender
from tasks.evaluate import evaluate_contenders, rolling_origins, unseen_origins
from tasks.stores.delta import read_table
from tasks.stores.records import evaluations_table


@pytest.fixture
def rivals(tonight_of, store):
    tonight = tonight_of()
    names = [store(tonight, seed=seed) for seed in (1, 2)]
    roles = ("champion", CHALLENGER)
    return [
        open_contender(tonight.warehouse, name, role)
        for name, role in zip(names, roles, strict=True)
    ]


def test_origins_lie_one_after_the_other_before_the_cutoff(tonight_of, walks):
    origins = unseen_origins(tonight_of(), walks, None)

    assert (walks.cutoff_slot - origins).tolist() == [24 * k for k in range(14, 0, -1)]


@pytest.mark.parametrize(("behind", "left"), [(14 * 24, 14), (14 * 24 - 1, 13), (1, 0)])
def test_what_the_champion_has_learned_from_is_no_origin(tonight_of, walks, rivals, behind, left):
    champion, _ = rivals
    champion.forecaster.trained_until = walks.cutoff_slot - behind

    origins = unseen_origins(tonight_of(), walks, champion)

    assert len(origins) == left
    assert all(origins >= champion.forecaster.trained_until)


def test_a_backtest_has_the_origins_that_were_asked_for(tonight_of, walks):
    origins = rolling_origins(tonight_of(), walks, origins=3, every=12)

    assert (walks.cutoff_slot - origins).tolist() == [48, 36, 24]


def test_a_backtest_without_any_origin_is_refused(tonight_of, walks):
    with pytest.raises(RefusedError, match="The longest history is 1440 steps, too short"):
        rolling_origins(tonight_of(horizon=1000), walks, origins=3, every=None)


def test_losses_are_kept_once_per_night_however_often_it_is_run(tonight_of, walks, rivals):
    origins = unseen_origins(tonight_of(), walks, None)
    for run in ("first", "again"):
        tonight = tonight_of(run_id=run)
        contenders = [*in_service(baseline_of(tonight.spec), rivals[0]), *rivals[1:]]
        entries = evaluate_contenders.fn(tonight, walks, contenders, origins)

    kept = read_table(evaluations_table(tonight.warehouse)).to_pandas()
    assert len(kept) == 3 * 3 * 14 * tonight.spec.horizon
    assert set(kept["run_id"]) == {"again"}
    of_champion = kept[kept["role"] == "champion"].sort_values(["unique_id", "origin", "lead"])
    losses = entries[1].losses
    np.testing.assert_array_equal(of_champion["pinball"], losses.leads.pinball.ravel())
    np.testing.assert_array_equal(
        of_champion["scale"], losses.scale.astype(np.float32).repeat(tonight.spec.horizon)
    )
    assert set(of_champion["origin"]) == set(walks.grid.timestamps(origins))


def test_a_score_tells_what_its_losses_come_to(tonight_of, walks):
    tonight = tonight_of()
    origins = unseen_origins(tonight, walks, None)
    (entry,) = evaluate_contenders.fn(tonight, walks, [baseline_of(tonight.spec)], origins)

    score = entry.score
    scaled = entry.losses.absolute_error / entry.losses.scale
    assert score.mase == pytest.approx(scaled.mean())
    assert (score.contender, score.role) == ("seasonal_naive", "baseline")
    assert score.nominal_coverage == pytest.approx(0.8)
