import json

import numpy as np
import pandas as pd
import pytest

from data_contracts.errors import ConflictError
from data_contracts.verdicts import Finding, Severity, Verdict
from models.evaluation import evaluate
from models.origins import evaluation_origins
from tasks.contenders import CHALLENGER, open_contender
from tasks.contenders import in_service as seated
from tasks.evaluate import Entry
from tasks.promote import Service, fall_back, load_champion, promote
from tasks.stores import registry
from tasks.stores.delta import read_table
from tasks.stores.records import decisions_table

WEEK = pd.Timedelta(days=7)
NOBODY = Service(champion=None, pointer=None, overtaken=False)
FAR_OUT = Verdict(
    contract="forecasts",
    checked=(),
    findings=(
        Finding(
            contract="forecasts",
            expectation="near_history",
            severity=Severity.CRITICAL,
            sentence="It is far out.",
        ),
    ),
)


def in_service(tonight, version, *, expected=None):
    registry.promote(tonight.warehouse, version, expected=expected, run_id="before", reason="Best.")


def pointer(tonight):
    moves = registry.champion_history(tonight.warehouse)
    return moves[-1].model_version if moves else None


def decided(tonight):
    return read_table(decisions_table(tonight.warehouse)).to_pylist()


def judged(tonight, panel, before, versions=()):
    """The losses of everybody who takes part, from real forecasts."""
    spec = tonight.spec
    challengers = [open_contender(tonight.warehouse, name, CHALLENGER) for name in versions]
    origins = evaluation_origins(panel, origins=14, every=24, horizon=spec.horizon)
    series = np.arange(panel.num_series)
    return [
        Entry(each, evaluate(each.forecaster, panel, series, origins, season_length=24))
        for each in [*seated(spec, before.champion), *challengers]
    ]


def test_before_the_first_promotion_nobody_is_in_service(tonight_of):
    assert vars(load_champion.fn(tonight_of())) == vars(NOBODY)


def test_a_better_challenger_goes_into_service_and_the_decision_is_kept(tonight_of, walks, store):
    tonight = tonight_of()
    version = store(tonight)

    chosen, decision = promote.fn(tonight, NOBODY, judged(tonight, walks, NOBODY, [version]))

    assert (chosen.version, decision.outcome, decision.champion) == (version, "promoted", version)
    assert pointer(tonight) == version
    (row,) = decided(tonight)
    assert row["reason"] == decision.reason
    assert json.loads(row["numbers"]) == decision.numbers
    assert decision.numbers["seasonal_naive.gain_over_baseline"] > 0


def test_a_night_that_is_run_again_keeps_what_it_promoted(tonight_of, walks, store):
    tonight, again = tonight_of(), tonight_of(run_id="again")
    version = store(tonight)
    promote.fn(tonight, NOBODY, judged(tonight, walks, NOBODY, [version]))
    before = load_champion.fn(again)

    chosen, decision = promote.fn(again, before, judged(again, walks, before, [version]))

    assert (chosen.version, decision.outcome, decision.previous) == (version, "kept", version)
    assert len(registry.champion_history(again.warehouse)) == 1
    assert {row["run_id"] for row in decided(again)} == {"run", "again"}


def test_without_anything_better_the_baseline_publishes(tonight_of, walks):
    tonight = tonight_of()

    chosen, decision = promote.fn(tonight, NOBODY, judged(tonight, walks, NOBODY))

    assert (chosen.role, decision.outcome, decision.champion) == ("baseline", "baseline", None)
    assert pointer(tonight) is None


def test_an_earlier_night_sees_the_champion_of_its_date_and_knows_that_it_is_late(
    tonight_of, store
):
    earlier, tonight = tonight_of(), tonight_of(cutoff=tonight_of().cutoff + WEEK)
    old, new = store(earlier), store(tonight)
    in_service(tonight, old)
    in_service(tonight, new, expected=old)

    service = load_champion.fn(earlier)

    assert service.champion.version == old
    assert (service.pointer, service.overtaken) == (new, True)
    assert load_champion.fn(tonight).champion.version == new
    assert not load_champion.fn(tonight).overtaken


def test_a_night_before_the_first_model_sees_none(tonight_of, store):
    tonight = tonight_of()
    in_service(tonight, version := store(tonight))

    service = load_champion.fn(tonight_of(cutoff=tonight.cutoff - WEEK))

    assert (service.champion, service.pointer, service.overtaken) == (None, version, True)


def test_a_damaged_champion_is_left_out_and_can_be_followed(tonight_of, walks, store):
    tonight = tonight_of()
    in_service(tonight, version := store(tonight))
    (tonight.warehouse.models / version / "config.json").write_text("{}")

    service = load_champion.fn(tonight)

    assert (service.champion, service.pointer, service.overtaken) == (None, version, False)
    assert "config.json has been altered" in service.trouble
    follower = store(tonight, seed=8)
    _, decision = promote.fn(tonight, service, judged(tonight, walks, service, [follower]))
    assert (decision.outcome, pointer(tonight)) == ("promoted", follower)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        pytest.param({"horizon": 12}, "it forecasts 12 steps, and the spec asks", id="horizon"),
        pytest.param({"quantile_levels": (0.5,)}, "other quantile levels", id="levels"),
    ],
)
def test_a_champion_that_no_longer_fits_the_spec_is_left_out(tonight_of, store, changes, why):
    tonight = tonight_of()
    in_service(tonight, version := store(tonight, **changes))

    service = load_champion.fn(tonight)

    assert (service.champion, service.pointer) == (None, version)
    assert service.trouble.startswith(f"The champion {version} is left out, because it ")
    assert why in service.trouble


def test_a_challenger_that_was_not_compared_with_the_champion_is_not_promoted(
    tonight_of, walks, store
):
    tonight = tonight_of()
    version, other = store(tonight), store(tonight, seed=8)
    entries = judged(tonight, walks, NOBODY, [version])
    in_service(tonight, other)

    with pytest.raises(ConflictError, match=f"meanwhile {other} is in service"):
        promote.fn(tonight, NOBODY, entries)

    assert pointer(tonight) == other
    assert decided(tonight) == []


def test_where_a_batch_is_bad_the_baseline_steps_in_and_the_evidence_stays(
    tonight_of, walks, store
):
    tonight = tonight_of()
    version = store(tonight)
    _, decision = promote.fn(tonight, NOBODY, judged(tonight, walks, NOBODY, [version]))

    chosen, instead = fall_back.fn(tonight, NOBODY, decision, FAR_OUT)

    assert (chosen.role, instead.outcome) == ("baseline", "fallback")
    assert instead.reason == f"The batch of {version} broke its contract. It is far out."
    assert instead.champion == pointer(tonight) == version, "there is none to go back to"
    (row,) = decided(tonight)
    assert (row["outcome"], row["reason"]) == ("fallback", instead.reason)
    assert json.loads(row["numbers"]) == decision.numbers


@pytest.fixture
def replaced(tonight_of, walks, store):
    """A champion, and the version that was promoted in its place tonight."""
    tonight = tonight_of()
    old, new = store(tonight, seed=8), store(tonight)
    in_service(tonight, old)
    before = Service(champion=None, pointer=old, overtaken=False, trouble="It is damaged.")
    _, decision = promote.fn(tonight, before, judged(tonight, walks, before, [new]))
    assert (decision.outcome, pointer(tonight)) == ("promoted", new)
    return before, decision


def test_the_pointer_goes_back_from_a_promoted_model_whose_batch_is_bad(tonight_of, replaced):
    tonight, (before, decision) = tonight_of(), replaced

    _, instead = fall_back.fn(tonight, before, decision, FAR_OUT)

    assert instead.champion == pointer(tonight) == before.pointer
    assert instead.reason.endswith(f"It is far out. {before.pointer} is in service in its place.")
    move = registry.champion(tonight.warehouse)
    assert (move.previous, move.sequence) == (decision.champion, 3)
    assert move.reason == f"The batch of {decision.champion} broke its contract. It is far out."


def test_the_pointer_stays_where_another_run_has_moved_it_meanwhile(tonight_of, replaced, store):
    tonight, (before, decision) = tonight_of(), replaced
    in_service(tonight, third := store(tonight, seed=9), expected=decision.champion)

    _, instead = fall_back.fn(tonight, before, decision, FAR_OUT)

    assert instead.champion == pointer(tonight) == third
    assert instead.reason.endswith(f"{third} is in service in its place.")
    assert len(registry.champion_history(tonight.warehouse)) == 3


def test_a_champion_that_was_kept_stays_in_service_though_its_batch_is_bad(
    tonight_of, walks, store
):
    tonight = tonight_of()
    in_service(tonight, version := store(tonight))
    before = load_champion.fn(tonight)
    _, decision = promote.fn(tonight, before, judged(tonight, walks, before))

    _, instead = fall_back.fn(tonight, before, decision, FAR_OUT)

    assert (decision.outcome, instead.outcome) == ("kept", "fallback")
    assert instead.champion == pointer(tonight) == version


@pytest.mark.parametrize(("days", "taken"), [(0, True), (-1, False)], ids=["seen", "unseen"])
def test_a_champion_takes_part_only_where_it_has_learned_nothing(tonight_of, store, days, taken):
    tonight = tonight_of()
    in_service(tonight, store(tonight))
    service = load_champion.fn(tonight)
    service.champion.forecaster.trained_until = 1000

    champion = service.champion_before(1000 + 24 * days)

    assert champion is (service.champion if taken else None)
