from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from data_contracts.errors import OvertakenError
from data_contracts.verdicts import Finding, Severity, Verdict
from tasks.backfill import (
    choose,
    load_model,
    look_at,
    origins_to_judge,
    refuse_done,
    retraining,
    stand_in,
)
from tasks.baselines import choose_baseline
from tasks.contenders import CHALLENGER, open_contender
from tasks.evaluate import judge
from tasks.promote import fall_back, promote
from tasks.promote import load_champion as load_champion_of_a_night
from tasks.service import roll_back
from tasks.stores import registry
from tasks.stores.records import decisions_before, set_apart

WEEK = pd.Timedelta(days=7)
MODELS = ("then", "now", "retrain")


def silent(done, total, note=""):
    pass


@pytest.fixture
def date_of(tonight_of):
    """Builds a date of a backfill."""

    def build(model, **changes):
        night = tonight_of(run_id=f"backfill-{model}-0e3a")
        return replace(night, backfill=model, **changes)

    return build


@pytest.fixture
def served(tonight_of, store):
    """The versions in service: since a week before the cutoff, and since three weeks after it."""
    night = tonight_of()
    later = tonight_of(cutoff=night.cutoff + 3 * WEEK)
    old, new = store(night), store(later, seed=8)
    for version, before, since in ((old, None, -WEEK), (new, old, 3 * WEEK)):
        why = registry.Why("a night", "Best.", cutoff=night.cutoff + since)
        registry.promote(night.warehouse, version, expected=before, why=why)
    return old, new


def moves(tonight):
    return registry.champion_history(tonight.warehouse)


def broken(sentence="It is far out."):
    finding = Finding(
        contract="forecasts",
        expectation="near_history",
        severity=Severity.CRITICAL,
        sentence=sentence,
    )
    return Verdict(contract="forecasts", checked=(), findings=(finding,))


def chosen(tonight, walks, *, challengers=()):
    """Who publishes a date, and the decision, as the flow comes to it."""
    before = load_model.fn(tonight)
    origins = origins_to_judge(tonight, walks, before)
    baseline = choose_baseline(tonight, walks, origins, step=silent)
    entries = look_at.fn(tonight, walks, baseline.contender, before, origins)
    entries += judge(tonight, walks, list(challengers), origins, step=silent)
    return choose.fn(tonight, before, baseline, entries, segments={})


@pytest.mark.parametrize(("model", "which"), [("then", 0), ("now", 1)], ids=str)
def test_the_champion_of_then_or_of_now_publishes(date_of, served, walks, model, which):
    publisher, decision = chosen(date_of(model), walks)

    assert publisher.version == served[which]
    assert decision.outcome == "backfilled"
    assert decision.reason.startswith(f"{served[which]} publishes, because it ")


def test_a_model_that_may_know_what_came_is_said_to_be_no_evidence(date_of, served, walks):
    said = {model: chosen(date_of(model), walks)[1].reason for model in ("then", "now")}

    assert "how good it is here is no evidence" in said["now"]
    assert "evidence" not in said["then"]


@pytest.mark.parametrize("model", ["then", "now"])
def test_the_baseline_publishes_where_nobody_was_in_service(date_of, walks, model):
    publisher, decision = chosen(date_of(model), walks)

    assert publisher.role == "baseline"
    assert decision.champion is None
    assert decision.reason.startswith("seasonal_naive publishes, because no model ")


def test_a_newcomer_that_the_gate_lets_pass_publishes_and_is_not_put_into_service(
    date_of, store, walks
):
    tonight = date_of("retrain")
    newcomer = open_contender(tonight.warehouse, store(tonight), CHALLENGER)

    publisher, decision = chosen(tonight, walks, challengers=[newcomer])

    assert publisher.version == newcomer.version
    assert decision.outcome == "backfilled"
    assert decision.reason.endswith("It was not put into service.")
    assert decision.numbers, "what the gate decided from is on record"
    assert decision.champion is None
    assert moves(tonight) == []


@pytest.mark.parametrize("model", MODELS)
def test_a_champion_that_cannot_be_used_is_replaced_for_the_run_alone(
    date_of, served, walks, model
):
    tonight, before = date_of(model), moves(date_of(model))
    for version in served:
        (tonight.warehouse.models / version / "config.json").write_text("{}")

    publisher, decision = chosen(tonight, walks)

    assert publisher.role == "baseline"
    assert "cannot be used" in decision.reason or model == "retrain"
    assert moves(tonight) == before


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("later", [True, False], ids=["a later move", "no later move"])
def test_nothing_that_moves_the_pointer_in_a_night_moves_it_in_a_backfill(
    date_of, tonight_of, store, walks, model, later
):
    """Even the steps of the night itself, which a backfill does not take."""
    tonight = date_of(model)
    old, new = store(tonight, seed=9), store(tonight)
    why = registry.Why("a night", "Best.", cutoff=tonight.cutoff - WEEK)
    registry.promote(tonight.warehouse, old, expected=None, why=why)
    if later:
        night = tonight_of(cutoff=tonight.cutoff + WEEK)
        why = registry.Why("a night", "Best.", cutoff=night.cutoff)
        registry.promote(night.warehouse, store(night, seed=10), expected=old, why=why)
    before, seated = moves(tonight), load_champion_of_a_night.fn(tonight)
    origins = origins_to_judge(tonight, walks, seated)
    baseline = choose_baseline(tonight, walks, origins, step=silent)
    newcomer = open_contender(tonight.warehouse, new, CHALLENGER)
    entries = judge(tonight, walks, [baseline.contender, newcomer], origins, step=silent)

    _, decision = promote.fn(tonight, seated, entries)
    fall_back.fn(tonight, decision.model_copy(update={"champion": old}), broken())
    roll_back(tonight, old, "It is broken.")

    assert moves(tonight) == before


def test_the_seasonal_naive_stands_in_for_a_broken_batch(date_of, served, walks):
    tonight, before = date_of("now"), moves(date_of("now"))
    publisher, decision = chosen(tonight, walks)

    instead, told = stand_in.fn(tonight, decision, publisher, broken())

    assert instead.version == "seasonal_naive"
    assert told.outcome == "fallback"
    assert "It is far out." in told.reason
    assert moves(tonight) == before


def test_decisions_of_a_backfill_are_no_evidence_for_the_nights(date_of, served, walks):
    tonight = date_of("then")
    chosen(tonight, walks)

    assert decisions_before(tonight.warehouse, tonight.cutoff + WEEK, nights=9) == []


def test_a_version_that_a_backfill_trains_is_set_apart_before_it_exists(
    date_of, store, walks, tmp_path
):
    from tasks.starts import Start
    from tasks.stores.snapshots import save_panel
    from tasks.train import keep_apart

    tonight = date_of("retrain")
    folder = save_panel(walks, tmp_path / "snapshots")

    keep_apart(tonight, folder, {"attention_lstm": Start()}, walks.cutoff_slot - 48)

    (apart,) = set_apart(tonight.warehouse)
    assert "-attention_lstm-" in apart


@pytest.mark.parametrize("number", [0, 3])
def test_a_date_is_trained_unless_nothing_could_judge_the_model(number):
    assert retraining(np.arange(number)).train == (number > 0)


@pytest.mark.parametrize(
    ("by", "yields", "refused"),
    [
        pytest.param("a night", True, True, id="skipped"),
        pytest.param("a night", False, False, id="replaced"),
        pytest.param("backfill-now-0e3a", False, True, id="its own"),
    ],
)
def test_a_date_with_a_batch_is_left_alone_unless_it_is_to_be_replaced(
    date_of, publish_small, by, yields, refused
):
    tonight = date_of("now", yields=yields)
    publish_small(tonight.warehouse, tonight.cutoff, run_id=by)

    if refused:
        with pytest.raises(OvertakenError):
            refuse_done(tonight)
    else:
        refuse_done(tonight)
