from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from data_contracts.night import Decision
from tasks.challengers import challengers_tonight, made_before, waiting_challengers
from tasks.contenders import CHALLENGER, open_contender
from tasks.evaluate import unseen_origins
from tasks.service import Service
from tasks.stores.records import Occasion, record_decision
from tasks.stores.registry import Why, promote

DAY = pd.Timedelta(days=1)
NOBODY = Service(champion=None, pointer=None, overtaken=False)


@pytest.fixture
def origins(tonight_of, walks):
    return unseen_origins(tonight_of(), walks, None)


def opened(tonight, *versions):
    return [open_contender(tonight.warehouse, version, CHALLENGER) for version in versions]


def decide(tonight, *judged):
    """Write down whom the gate of a night had a verdict on."""
    decision = Decision(
        outcome="kept", reason="So.", champion=None, previous=None, origins=3, judged=judged
    )
    occasion = Occasion(
        cutoff=tonight.cutoff,
        run_id=tonight.run_id,
        spec_digest="0123",
        code_version="0.1.0",
        decided_at=tonight.issued_at,
    )
    record_decision(tonight.warehouse, decision, occasion=occasion)


def names(contenders):
    return [contender.version for contender in contenders]


@pytest.fixture
def yesterday(tonight_of):
    return tonight_of(cutoff=tonight_of().cutoff - DAY)


def test_everybody_is_judged_once(tonight_of, store):
    tonight = tonight_of()
    one, other = opened(tonight, *(store(tonight, seed=seed) for seed in (1, 2)))
    assert names(challengers_tonight(NOBODY, [one], [other])) == [one.version, other.version]
    assert names(challengers_tonight(NOBODY, [one], [one])) == [one.version]


def test_a_challenger_that_is_in_service_already_takes_part_as_the_champion(
    tonight_of, store, origins
):
    tonight = tonight_of()
    one, other = store(tonight, seed=1), store(tonight, seed=2)
    promote(tonight.warehouse, one, expected=None, why=Why("run", "Best."))
    champion = open_contender(tonight.warehouse, one, "champion")
    before = Service(champion, one, overtaken=False)

    assert names(challengers_tonight(before, opened(tonight, one, other), [])) == [other]
    later = tonight_of(cutoff=tonight.cutoff + DAY)
    assert names(waiting_challengers(later, before, origins + 24)) == [other]


def test_a_challenger_that_could_not_be_judged_yesterday_is_judged_tonight(
    tonight_of, yesterday, store, origins
):
    version = store(yesterday)
    decide(yesterday)
    assert names(waiting_challengers(tonight_of(), NOBODY, origins)) == [version]


def test_a_challenger_whose_night_died_before_the_gate_is_judged_tonight(
    tonight_of, yesterday, store, origins
):
    version = store(yesterday)
    assert names(waiting_challengers(tonight_of(), NOBODY, origins)) == [version]


def test_a_challenger_that_was_judged_has_had_its_chance(tonight_of, yesterday, store, origins):
    decide(yesterday, store(yesterday))
    assert waiting_challengers(tonight_of(), NOBODY, origins) == []


def test_only_the_newest_of_a_network_waits(tonight_of, yesterday, store, origins):
    before_that = tonight_of(cutoff=yesterday.cutoff - DAY)
    store(before_that)
    newest = store(yesterday)
    assert names(waiting_challengers(tonight_of(), NOBODY, origins)) == [newest]


def test_what_has_learned_from_the_origins_or_is_too_old_does_not_wait(
    tonight_of, yesterday, store, origins
):
    store(yesterday)
    assert waiting_challengers(tonight_of(), NOBODY, origins - 48) == []
    young = tonight_of(training={"max_age_days": 0.5})
    assert waiting_challengers(young, NOBODY, origins) == []


def test_a_night_that_a_later_one_has_overtaken_judges_nobody_who_waits(
    tonight_of, yesterday, store, origins
):
    store(yesterday)
    late = Service(None, "20131016", overtaken=True)
    assert waiting_challengers(tonight_of(), late, origins) == []
    assert waiting_challengers(tonight_of(), NOBODY, np.empty(0, np.int64)) == []


def test_what_can_no_longer_be_read_stays_where_it_is(tonight_of, yesterday, store, origins):
    version = store(yesterday)
    (yesterday.warehouse.models / version / "config.json").unlink()
    assert waiting_challengers(tonight_of(), NOBODY, origins) == []


def test_what_an_earlier_run_of_this_night_made_is_judged_and_no_reason_against_training(
    tonight_of, yesterday, store, origins
):
    tonight = tonight_of()
    before, now = store(yesterday), store(tonight)
    waiting = waiting_challengers(tonight, NOBODY, origins)
    assert names(waiting) == [now], "the newest of the network"
    assert made_before(tonight, waiting) == ()
    assert made_before(tonight, opened(tonight, before)) == (before,)


def test_what_a_backfill_trained_waits_for_no_verdict(tonight_of, yesterday, store, origins):
    version = store(yesterday)
    assert names(waiting_challengers(tonight_of(), NOBODY, origins)) == [version]

    decide(replace(yesterday, run_id="backfill-retrain-0e3a"), version)

    assert waiting_challengers(tonight_of(), NOBODY, origins) == []
    assert waiting_challengers(yesterday, NOBODY, origins) == []
