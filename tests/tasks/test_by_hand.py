import pandas as pd
import pytest

from data_contracts.errors import RefusedError, SpecError
from tasks import by_hand
from tasks.by_hand import go_back, put_into_service
from tasks.promote import load_champion
from tasks.stores.delta import read_table
from tasks.stores.records import decisions_table
from tasks.stores.registry import Why, champion_history, promote

WEEK = pd.Timedelta(days=7)


@pytest.fixture
def served(tonight_of, store):
    """Three versions that went into service one after the other."""
    tonight = tonight_of()
    names = [store(tonight, seed=seed) for seed in (1, 2, 3)]
    for previous, name in zip([None, *names], names, strict=False):
        why = Why("run", "Better.", cutoff=tonight.cutoff - WEEK)
        promote(tonight.warehouse, name, expected=previous, why=why)
    return names


def history(tonight):
    return [move.model_version for move in champion_history(tonight.warehouse)]


def decided(tonight):
    return read_table(decisions_table(tonight.warehouse)).to_pylist()


def test_a_version_goes_into_service_and_both_records_say_who_and_why(tonight_of, served):
    tonight = tonight_of()

    move, changed = put_into_service(tonight.spec, served[0], reason="It knows the strike.")

    assert changed
    assert (move.model_version, move.previous, move.run_id) == (served[0], served[2], "by hand")
    assert move.reason == "It knows the strike."
    assert history(tonight)[-1] == served[0]
    (row,) = decided(tonight)
    assert (row["outcome"], row["run_id"]) == ("by_hand", "by hand, move 4")
    assert (row["champion"], row["previous"]) == (served[0], served[2])
    assert load_champion.fn(tonight).champion.version == served[0]


def test_the_baseline_goes_into_service_by_hand(tonight_of, served):
    tonight = tonight_of()

    move, _ = put_into_service(tonight.spec, "baseline")

    assert (move.version, move.reason) == (None, "Put into service by hand.")
    assert load_champion.fn(tonight).champion is None
    assert decided(tonight)[0]["champion"] is None


def test_what_is_in_service_already_is_not_put_there_again(tonight_of, served):
    tonight = tonight_of()

    assert not put_into_service(tonight.spec, served[2]).changed
    empty = tonight_of(name="empty").spec
    assert put_into_service(empty, "baseline") == (None, False)
    assert history(tonight) == served
    assert decided(tonight) == []


def test_rolling_back_again_goes_further_back_until_there_is_nothing(tonight_of, served):
    tonight = tonight_of()

    went = [go_back(tonight.spec).present.model_version for _ in range(2)]

    assert went == [served[1], served[0]]
    with pytest.raises(RefusedError, match=f"Nothing was in service before {served[0]}, so"):
        go_back(tonight.spec)
    with pytest.raises(RefusedError, match="Nothing was in service before baseline"):
        go_back(tonight_of(name="empty").spec)
    assert history(tonight) == [*served, served[1], served[0]]
    assert {row["run_id"] for row in decided(tonight)} == {"by hand, move 4", "by hand, move 5"}


def test_a_demotion_by_hand_can_be_taken_back(tonight_of, served):
    tonight = tonight_of()
    put_into_service(tonight.spec, "baseline")

    move, _ = go_back(tonight.spec, reason="A slip.")

    assert (move.model_version, move.reason) == (served[2], "A slip.")


@pytest.mark.parametrize(
    ("change", "error", "why"),
    [
        pytest.param(lambda name: name[:-1] + "g", SpecError, "did you mean 2013", id="typo"),
        pytest.param(lambda name: "x", SpecError, "the newest are", id="unknown"),
    ],
)
def test_an_unknown_version_is_refused_and_the_nearest_are_named(
    tonight_of, served, change, error, why
):
    tonight = tonight_of()
    with pytest.raises(error, match=why):
        put_into_service(tonight.spec, change(served[0]))
    assert history(tonight) == served


def test_a_version_that_cannot_be_used_is_refused_and_nothing_changes(tonight_of, served):
    tonight = tonight_of()
    (tonight.warehouse.models / served[1] / "config.json").write_text("{}")

    with pytest.raises(RefusedError, match=r"config.json has been altered.*nothing was changed"):
        put_into_service(tonight.spec, served[1])
    with pytest.raises(RefusedError, match="config.json has been altered"):
        go_back(tonight.spec)
    with pytest.raises(RefusedError, match="does not fit the spec: it forecasts 24 steps"):
        put_into_service(tonight_of(horizon=12).spec, served[0])

    assert history(tonight) == served
    assert decided(tonight) == []


def test_a_move_by_hand_is_good_for_later_nights_and_not_for_those_published_before(
    tonight_of, store, served, monkeypatch
):
    tonight = tonight_of()
    published = [tonight.cutoff, tonight.cutoff + WEEK]
    monkeypatch.setattr(by_hand, "cutoffs", lambda warehouse: published)

    put_into_service(tonight.spec, served[0])

    late = load_champion.fn(tonight)
    assert (late.champion.version, late.overtaken) == (served[2], True)
    same = load_champion.fn(tonight_of(cutoff=tonight.cutoff + WEEK))
    assert (same.champion.version, same.overtaken) == (served[0], False)


def test_a_run_that_was_faster_is_not_overridden(tonight_of, store, served, monkeypatch):
    tonight = tonight_of()
    other = store(tonight, seed=9)
    look = by_hand.champion_history

    def overtaken(warehouse):
        moves = look(warehouse)
        promote(warehouse, other, expected=served[2], why=Why("fast", "Better."))
        return moves

    monkeypatch.setattr(by_hand, "champion_history", overtaken)

    with pytest.raises(RefusedError, match=f"Another run was faster: .*meanwhile {other} is in"):
        put_into_service(tonight.spec, served[0])

    assert history(tonight) == [*served, other]
    assert decided(tonight) == []
