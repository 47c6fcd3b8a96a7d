import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pandas as pd
import pytest

from data_contracts.verdicts import Finding, Severity, Verdict
from models.forecasters.seasonal_naive import SeasonalNaive
from models.gate.evaluation import evaluate
from models.gate.origins import evaluation_origins
from tasks import service as service_module
from tasks.contenders import CHALLENGER, baseline_of, open_contender
from tasks.contenders import in_service as seated
from tasks.evaluate import Entry
from tasks.promote import fall_back, load_champion, promote
from tasks.service import Service
from tasks.stores import registry
from tasks.stores.delta import read_table
from tasks.stores.records import decisions_table
from tasks.train import training_tonight

WEEK = pd.Timedelta(days=7)
NOBODY = Service(champion=None, pointer=None, overtaken=False)


def broken(expectation, sentence):
    finding = Finding(
        contract="forecasts",
        expectation=expectation,
        severity=Severity.CRITICAL,
        sentence=sentence,
    )
    return Verdict(contract="forecasts", checked=(), findings=(finding,))


FAR_OUT = broken("near_history", "It is far out.")
TOO_MANY_ASIDE = broken("few_substituted", "Too many are aside.")


def damage(tonight, version):
    (tonight.warehouse.models / version / "config.json").write_text("{}")


def in_service(tonight, version, *, expected=None):
    """Put a version into service on the night before the one that is its own."""
    named = version != "baseline"
    made = registry.find_version(tonight.warehouse, version).cutoff if named else tonight.cutoff
    why = registry.Why(run_id="before", reason="Best.", cutoff=made - pd.Timedelta(days=1))
    registry.promote(tonight.warehouse, version, expected=expected, why=why)


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
        for each in [*seated(baseline_of(spec), before.champion), *challengers]
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


def test_a_night_that_is_run_again_decides_the_same(tonight_of, walks, store):
    tonight, again = tonight_of(), tonight_of(run_id="again")
    version = store(tonight)
    _, first = promote.fn(tonight, NOBODY, judged(tonight, walks, NOBODY, [version]))
    before = load_champion.fn(again)
    assert (before.champion, before.pointer, before.moved_tonight) == (None, version, True)

    chosen, decision = promote.fn(again, before, judged(again, walks, before, [version]))

    assert (chosen.version, decision) == (version, first)
    assert len(registry.champion_history(again.warehouse)) == 1
    assert {row["run_id"] for row in decided(again)} == {"run", "again"}


def test_a_night_that_is_run_again_without_its_challenger_takes_the_promotion_back(
    tonight_of, walks, store
):
    tonight, again = tonight_of(), tonight_of(run_id="again")
    old, new = store(tonight, seed=8), store(tonight)
    in_service(tonight, old)
    registry.promote(
        tonight.warehouse,
        new,
        expected=old,
        why=registry.Why("run", "Best.", cutoff=tonight.cutoff),
    )
    before = load_champion.fn(again)
    assert (before.champion.version, before.pointer) == (old, new)

    chosen, decision = promote.fn(again, before, judged(again, walks, before))

    assert (chosen.version, decision.outcome, pointer(again)) == (old, "kept", old)


def test_a_night_that_a_later_one_has_overtaken_is_published_by_whom_it_promoted(tonight_of, store):
    tonight, later = tonight_of(), tonight_of(cutoff=tonight_of().cutoff + WEEK)
    old, new, newer = store(tonight, seed=8), store(tonight), store(later)
    in_service(tonight, old)
    for version, before, of in ((new, old, tonight), (newer, new, later)):
        why = registry.Why("run", "Best.", cutoff=of.cutoff)
        registry.promote(tonight.warehouse, version, expected=before, why=why)

    again = load_champion.fn(tonight)

    assert (again.champion.version, again.overtaken, again.moved_tonight) == (new, True, False)


def test_what_a_person_put_into_service_counts_when_its_night_is_run_again(tonight_of, store):
    tonight = tonight_of()
    version = store(tonight)
    why = registry.Why("by hand", "I know better.", cutoff=tonight.cutoff)
    registry.promote(tonight.warehouse, version, expected=None, why=why)

    before = load_champion.fn(tonight)

    assert (before.champion.version, before.moved_tonight) == (version, False)


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


def test_a_damaged_champion_without_another_gives_way_to_the_baseline_and_can_be_followed(
    tonight_of, walks, store
):
    tonight = tonight_of()
    in_service(tonight, version := store(tonight))
    damage(tonight, version)

    service = load_champion.fn(tonight)

    assert (service.champion, service.pointer, service.overtaken) == (None, "baseline", False)
    assert service.rolled_back
    assert "config.json has been altered" in service.trouble
    assert service.trouble.endswith("The baseline is in service until a new model is.")
    (row,) = decided(tonight)
    assert (row["outcome"], row["champion"], row["previous"]) == ("rolled_back", None, version)
    follower = store(tonight, seed=8)
    _, decision = promote.fn(tonight, service, judged(tonight, walks, service, [follower]))
    assert (decision.outcome, pointer(tonight)) == ("promoted", follower)
    assert decision.reason.startswith(service.trouble), "the last record of the run tells both"
    assert len(decided(tonight)) == 1


HARM = {
    "altered": lambda folder: (folder / "config.json").write_text("{}"),
    "gone": lambda folder: shutil.rmtree(folder),
    "unreadable": lambda folder: (folder / "manifest.json").write_bytes(b"\xff"),
}


@pytest.mark.parametrize("harm", HARM.values(), ids=HARM)
def test_a_champion_that_cannot_be_read_is_rolled_back_and_that_is_recorded(
    tonight_of, store, harm
):
    tonight = tonight_of()
    one, two, three = (store(tonight, seed=seed) for seed in (1, 2, 3))
    in_service(tonight, one)
    in_service(tonight, two, expected=one)
    in_service(tonight, three, expected=two)
    harm(tonight.warehouse.models / three)
    damage(tonight, two)

    service = load_champion.fn(tonight)

    assert (service.champion.version, service.pointer) == (one, one)
    move = registry.champion(tonight.warehouse)
    assert (move.model_version, move.previous, move.restores) == (one, three, 1)
    assert move.reason == service.trouble
    assert move.reason.endswith(f"{one} is in service again.")
    (row,) = decided(tonight)
    assert (row["outcome"], row["champion"], row["previous"]) == ("rolled_back", one, three)
    assert row["reason"] == move.reason
    again = load_champion.fn(tonight)
    assert (again.champion.version, again.trouble) == (one, "")


def test_a_champion_that_was_worse_than_the_baseline_does_not_come_back(tonight_of, store):
    tonight = tonight_of()
    one, two = (store(tonight, seed=seed) for seed in (1, 2))
    in_service(tonight, one)
    in_service(tonight, "baseline", expected=one)
    in_service(tonight, two, expected="baseline")
    damage(tonight, two)

    service = load_champion.fn(tonight)

    assert (service.champion, pointer(tonight)) == (None, "baseline")
    assert registry.champion(tonight.warehouse).restores == 2


def test_a_champion_that_forecasts_something_else_by_now_fails_its_probe(
    tonight_of, walks, probed, monkeypatch
):
    tonight = tonight_of()
    old, new = probed(tonight, walks, seed=1), probed(tonight, walks, seed=2)
    in_service(tonight, old)
    in_service(tonight, new, expected=old)
    assert load_champion.fn(tonight).champion.version == new
    answers = iter([3.0, 1.0])  # the second who is asked is as it was
    ask = SeasonalNaive.predict
    monkeypatch.setattr(SeasonalNaive, "predict", lambda *asked: ask(*asked) + next(answers) - 1)

    service = load_champion.fn(tonight)

    assert (service.champion.version, pointer(tonight)) == (old, old)
    assert f"Model {new} fails its probe: its forecast of" in service.trouble


def test_a_rehearsal_and_a_run_for_an_earlier_night_roll_nothing_back(tonight_of, store):
    earlier, tonight = tonight_of(), tonight_of(cutoff=tonight_of().cutoff + WEEK)
    one, two, three = store(earlier, seed=1), store(earlier, seed=2), store(tonight)
    in_service(tonight, one)
    in_service(tonight, two, expected=one)
    damage(tonight, two)

    rehearsed = load_champion.fn(tonight, may_move=False)
    in_service(tonight, three, expected=two)
    late = load_champion.fn(earlier)

    for service in (rehearsed, late):
        assert (service.champion.version, service.rolled_back) == (one, False)
        assert service.trouble.endswith(f"{one} stands in.")
    assert (rehearsed.overtaken, late.overtaken) == (False, True)
    assert pointer(tonight) == three
    assert decided(tonight) == []


def test_where_another_run_moves_the_pointer_during_a_roll_back_its_choice_stands(
    tonight_of, store, monkeypatch
):
    tonight = tonight_of()
    one, two, three = (store(tonight, seed=seed) for seed in (1, 2, 3))
    in_service(tonight, one)
    in_service(tonight, two, expected=one)
    damage(tonight, two)
    move = service_module.promote

    def overtaken(*arguments, **options):
        monkeypatch.setattr(service_module, "promote", move)
        in_service(tonight, three, expected=two)
        return move(*arguments, **options)

    monkeypatch.setattr(service_module, "promote", overtaken)

    service = load_champion.fn(tonight)

    assert (service.champion.version, service.trouble, pointer(tonight)) == (three, "", three)


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


def test_of_two_promotions_at_one_moment_the_second_publishes_with_the_first(
    tonight_of, walks, store
):
    tonight = tonight_of()
    version, other = store(tonight), store(tonight, seed=8)
    entries = judged(tonight, walks, NOBODY, [version])
    in_service(tonight, other)

    chosen, decision = promote.fn(tonight, NOBODY, entries)

    assert pointer(tonight) == other
    assert (chosen.version, decision.outcome, decision.champion) == (other, "kept", other)
    assert decision.reason == (
        f"{other} was put into service by another run meanwhile; {version} is judged again "
        "tomorrow."
    )
    (row,) = decided(tonight)
    assert (row["outcome"], row["reason"]) == ("kept", decision.reason)


def test_two_nights_that_promote_at_once_both_decide_and_both_can_publish(tonight_of, walks, store):
    nights = [tonight_of(run_id=run_id) for run_id in ("left", "right")]
    versions = [store(night, seed=seed) for seed, night in enumerate(nights)]
    entries = [
        judged(night, walks, NOBODY, [version])
        for night, version in zip(nights, versions, strict=True)
    ]
    together = Barrier(2)

    def decide(night, entered):
        together.wait()
        return promote.fn(night, NOBODY, entered)

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(decide, nights, entries))

    winner = pointer(nights[0])
    assert winner in versions
    assert {chosen.version for chosen, _ in answers} == {winner}
    assert sorted(decision.outcome for _, decision in answers) == ["kept", "promoted"]
    assert {row["run_id"]: row["champion"] for row in decided(nights[0])} == {
        "left": winner,
        "right": winner,
    }
    assert len(registry.champion_history(nights[0].warehouse)) == 1


def test_a_run_that_a_later_night_overtook_while_it_judged_goes_on_with_what_it_may_see(
    tonight_of, walks, store
):
    tonight, later = tonight_of(), tonight_of(cutoff=tonight_of().cutoff + WEEK)
    version, other = store(tonight), store(later)
    entries = judged(tonight, walks, NOBODY, [version])
    in_service(tonight, other)

    chosen, decision = promote.fn(tonight, NOBODY, entries)

    assert (chosen.role, decision.outcome, decision.champion) == ("baseline", "baseline", None)
    assert decision.reason.startswith(f"{other} was put into service by another run meanwhile")
    assert pointer(tonight) == other


def test_a_champion_worse_than_the_baseline_leaves_service_and_the_next_night_trains(
    tonight_of, walks, store
):
    tonight = tonight_of()
    in_service(tonight, version := store(tonight, factor=40))
    before = load_champion.fn(tonight)

    chosen, decision = promote.fn(tonight, before, judged(tonight, walks, before))

    assert (chosen.role, decision.outcome, decision.champion) == ("baseline", "baseline", None)
    assert decision.previous == version
    move = registry.champion(tonight.warehouse)
    assert (move.model_version, move.previous, move.version) == ("baseline", version, None)
    assert move.reason == decision.reason
    tomorrow = load_champion.fn(tonight_of(cutoff=tonight.cutoff + WEEK))
    assert (tomorrow.champion, tomorrow.pointer, tomorrow.trouble) == (None, "baseline", "")
    due = training_tonight(tonight, tomorrow, np.array([1]), asked=None)
    assert due.train


def test_a_run_for_an_earlier_night_demotes_nobody(tonight_of, walks, store):
    tonight, later = tonight_of(), tonight_of(cutoff=tonight_of().cutoff + WEEK)
    in_service(tonight, bad := store(tonight, factor=40))
    in_service(tonight, good := store(later), expected=bad)
    before = load_champion.fn(tonight)

    chosen, decision = promote.fn(tonight, before, judged(tonight, walks, before))

    assert (before.champion.version, chosen.role, decision.outcome) == (bad, "baseline", "baseline")
    assert pointer(tonight) == good


def test_where_the_batch_of_the_first_model_is_bad_the_baseline_steps_in_and_the_evidence_stays(
    tonight_of, walks, store
):
    tonight = tonight_of()
    version = store(tonight)
    _, decision = promote.fn(tonight, NOBODY, judged(tonight, walks, NOBODY, [version]))

    chosen, instead = fall_back.fn(tonight, decision, FAR_OUT)

    assert (chosen.role, instead.outcome, instead.champion) == ("baseline", "fallback", None)
    assert instead.reason.endswith(
        f"The batch of {version} broke its contract. It is far out. The baseline is in service "
        "until a new model is."
    )
    assert pointer(tonight) == "baseline", "there is none to go back to"
    (row,) = decided(tonight)
    assert (row["outcome"], row["reason"]) == ("fallback", instead.reason)
    assert json.loads(row["numbers"]) == decision.numbers


@pytest.fixture
def replaced(tonight_of, walks, store):
    """The version that was in service, and the decision that promoted another one tonight."""
    tonight = tonight_of()
    old, new = store(tonight, seed=8), store(tonight)
    in_service(tonight, old)
    before = Service(champion=None, pointer=old, overtaken=False, trouble="It is damaged.")
    _, decision = promote.fn(tonight, before, judged(tonight, walks, before, [new]))
    assert (decision.outcome, pointer(tonight)) == ("promoted", new)
    return old, decision


def test_from_a_model_whose_batch_is_bad_the_pointer_goes_back_to_the_one_before(
    tonight_of, replaced
):
    tonight, (old, decision) = tonight_of(), replaced

    chosen, instead = fall_back.fn(tonight, decision, FAR_OUT)

    assert (chosen.version, chosen.role) == (old, "champion")
    assert (instead.outcome, instead.champion, pointer(tonight)) == ("rolled_back", old, old)
    assert instead.reason.endswith(f"It is far out. {old} is in service again.")
    move = registry.champion(tonight.warehouse)
    assert (move.previous, move.sequence, move.restores) == (decision.champion, 3, 1)


def test_where_the_batch_of_the_one_before_is_bad_too_the_baseline_publishes(tonight_of, replaced):
    tonight, (old, decision) = tonight_of(), replaced
    _, first = fall_back.fn(tonight, decision, FAR_OUT)

    chosen, instead = fall_back.fn(tonight, first, FAR_OUT)

    assert (chosen.role, instead.outcome, instead.champion) == ("baseline", "fallback", None)
    assert pointer(tonight) == "baseline"
    assert f"The batch of {decision.champion} broke its contract" in instead.reason
    assert f"The batch of {old} broke its contract" in instead.reason
    (row,) = decided(tonight)
    assert row["reason"] == instead.reason


def test_where_every_model_would_break_the_contract_the_champion_stays(tonight_of, replaced):
    tonight, (_, decision) = tonight_of(), replaced

    chosen, instead = fall_back.fn(tonight, decision, TOO_MANY_ASIDE)

    assert (chosen.role, instead.outcome) == ("baseline", "fallback")
    assert instead.champion == pointer(tonight) == decision.champion


def test_where_the_baseline_of_the_spec_breaks_the_contract_the_seasonal_naive_publishes(
    tonight_of, walks
):
    tonight = tonight_of(baseline="Naive")
    published, decision = promote.fn(tonight, NOBODY, judged(tonight, walks, NOBODY))
    assert (published.name, decision.outcome) == ("Naive", "baseline")

    chosen, instead = fall_back.fn(tonight, decision, FAR_OUT)

    assert (chosen.name, instead.outcome) == ("seasonal_naive", "fallback")
    assert instead.reason == "The batch of the baseline broke its contract. It is far out."


def test_the_pointer_stays_where_another_run_has_moved_it_meanwhile(tonight_of, replaced, store):
    tonight, (_, decision) = tonight_of(), replaced
    in_service(tonight, third := store(tonight, seed=9), expected=decision.champion)

    chosen, instead = fall_back.fn(tonight, decision, FAR_OUT)

    assert chosen.version == instead.champion == pointer(tonight) == third
    assert instead.reason.endswith(f"It is far out. {third} is in service by now.")
    assert len(registry.champion_history(tonight.warehouse)) == 3


def test_a_run_for_an_earlier_night_publishes_with_the_one_before_and_moves_nothing(
    tonight_of, walks, store
):
    tonight, later = tonight_of(), tonight_of(cutoff=tonight_of().cutoff + WEEK)
    one, two, three = store(tonight, seed=1), store(tonight, seed=2), store(later)
    in_service(tonight, one)
    in_service(tonight, two, expected=one)
    in_service(tonight, three, expected=two)
    before = load_champion.fn(tonight)
    _, decision = promote.fn(tonight, before, judged(tonight, walks, before))
    assert decision.champion == two

    chosen, instead = fall_back.fn(tonight, decision, FAR_OUT)
    last, again = fall_back.fn(tonight, instead, FAR_OUT)

    assert (chosen.version, instead.outcome) == (one, "rolled_back")
    assert (last.role, again.outcome) == ("baseline", "fallback")
    assert pointer(tonight) == three


@pytest.mark.parametrize(("days", "taken"), [(0, True), (-1, False)], ids=["seen", "unseen"])
def test_a_champion_takes_part_only_where_it_has_learned_nothing(tonight_of, store, days, taken):
    tonight = tonight_of()
    in_service(tonight, store(tonight))
    service = load_champion.fn(tonight)
    service.champion.forecaster.trained_until = 1000

    champion = service.champion_before(1000 + 24 * days)

    assert champion is (service.champion if taken else None)
