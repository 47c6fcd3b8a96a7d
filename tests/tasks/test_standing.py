from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from data_contracts.night import Decision
from models.forecasters.seasonal_naive import SeasonalNaive
from models.gate.evaluation import evaluate
from tasks.contenders import baseline_of, open_contender
from tasks.evaluate import Entry
from tasks.service import Service
from tasks.standing import (
    DRIFT,
    LOSS_GROWTH,
    RELATIVE_LOSS,
    TRAINED,
    Evidence,
    bounds_of,
    standing_tonight,
)
from tasks.stores.records import Occasion, record_decision
from tasks.train import training_tonight

DAY = pd.Timedelta("1D")
NOBODY = Service(champion=None, pointer=None, overtaken=False)


@pytest.fixture
def tonight(tonight_of):
    return tonight_of(season_lengths=[24], gate={"origins": 7})


@pytest.fixture
def service(tonight, store):
    champion = open_contender(tonight.warehouse, store(tonight), "champion")
    return Service(champion, champion.version, overtaken=False)


@pytest.fixture
def evidence(tonight, walks, service):
    """A champion that loses as much as the baseline does."""
    origins = walks.cutoff_slot - 24 * np.arange(7, 0, -1)
    contenders = [baseline_of(tonight.spec), service.champion]
    return Evidence(
        panel=walks,
        entries=[
            Entry(each, evaluate(each.forecaster, walks, np.arange(3), origins, season_length=24))
            for each in contenders
        ],
    )


@pytest.fixture
def remember(tonight):
    """Records what was decided some days before tonight."""

    def put(days, *, outcome="kept", champion=None, previous=None, **numbers):
        decision = Decision(
            outcome=outcome,
            reason="So.",
            champion=champion,
            previous=previous,
            origins=14,
            numbers={name.replace("__", "."): number for name, number in numbers.items()},
        )
        cutoff = tonight.cutoff - days * DAY
        occasion = Occasion(
            cutoff=cutoff,
            run_id=f"{days}",
            spec_digest=tonight.spec.digest,
            code_version="0.1.0",
            decided_at=cutoff,
        )
        record_decision(tonight.warehouse, decision, occasion=occasion)

    return put


def test_of_a_first_night_nothing_is_known(tonight):
    standing, numbers = standing_tonight(tonight, NOBODY, Evidence(waiting=("tcn",)))

    assert (standing.champion_age, standing.since_training, numbers) == (None, None, {})
    assert standing.loss_growth == standing.drift == (None, None)
    assert standing.waiting == ("tcn",)
    assert not standing.demoted


def test_the_loss_is_held_against_the_evidence_that_promoted_the_champion(
    tonight, service, evidence, remember
):
    version = service.champion.version
    lost = {"baseline__loss": 0.5, "yesterday__loss": 0.4}
    remember(3, outcome="promoted", champion=version, **lost)
    remember(2, champion=version, previous=version, training__loss_growth=0.7)
    remember(1, champion=version, previous=version, training__loss_growth=0.3, training__drift=2.0)

    standing, numbers = standing_tonight(tonight, service, evidence)

    assert numbers[RELATIVE_LOSS] == pytest.approx(1)
    assert numbers[LOSS_GROWTH] == pytest.approx(0.25)
    assert standing.loss_growth == (pytest.approx(0.25), 0.3)
    assert standing.drift == (None, 2.0)  # a baseline in service learned nothing


def test_a_champion_that_a_person_chose_is_held_against_its_first_night(
    tonight, service, evidence, remember
):
    version = service.champion.version
    remember(9, champion="other", previous="other", training__relative_loss=9.0)
    remember(5, champion=version, previous=version, training__relative_loss=0.8)
    remember(1, champion=version, previous=version, training__relative_loss=0.9)

    _, numbers = standing_tonight(tonight, service, evidence)

    assert numbers[LOSS_GROWTH] == pytest.approx(0.25)


def test_a_loss_relative_to_another_baseline_says_nothing(tonight, service, evidence, remember):
    version = service.champion.version
    other = {"training__baseline_is__AutoETS": 1.0}
    same = {"training__baseline_is__seasonal_naive": 1.0}
    remember(2, champion=version, previous=version, training__relative_loss=0.1, **other)
    remember(1, champion=version, previous=version, training__relative_loss=0.5, **same)

    _, numbers = standing_tonight(tonight, service, evidence)

    assert numbers[LOSS_GROWTH] == pytest.approx(numbers[RELATIVE_LOSS] / 0.5 - 1)
    assert numbers["training.baseline_is.seasonal_naive"] == 1


def test_numbers_about_another_champion_do_not_count(tonight, service, evidence, remember):
    remember(1, champion="new", previous="other", training__loss_growth=0.3, training__drift=2.0)

    standing, numbers = standing_tonight(tonight, service, evidence)

    assert LOSS_GROWTH not in numbers
    assert standing.loss_growth == standing.drift == (None, None)


def test_drift_is_that_of_the_days_that_the_gate_looks_at(tonight, service, evidence, walks):
    learned = SeasonalNaive((24,), horizon=24, quantile_levels=tonight.spec.quantile_levels)
    learned.trained_until = walks.cutoff_slot - 7 * 24
    champion = replace(service.champion, forecaster=learned)
    service = replace(service, champion=champion)
    y = walks.y.copy()
    for end in walks.indptr[1:] - 24:
        y[end - 7 * 24 : end] *= 4

    calm, _ = standing_tonight(tonight, service, evidence)
    wild, numbers = standing_tonight(tonight, service, evidence._replace(panel=replace(walks, y=y)))

    assert calm.drift[0] < 1.5 < wild.drift[0]
    assert numbers[DRIFT] == wild.drift[0]


@pytest.mark.parametrize(
    ("night", "demoted"),
    [
        (("baseline", "v1", None), True),
        (("baseline", None, None), False),
        (("kept", "v1", None), False),
        (("baseline", "own", "own"), True),
        (("baseline", "v1", "own"), False),
    ],
    ids=["taken out", "never any", "lost", "still seated", "replaced since"],
)
def test_a_champion_counts_as_demoted_on_the_night_after(
    tonight, service, remember, night, demoted
):
    outcome, previous, serving = night
    own = {"own": service.champion.version}
    remember(1, outcome=outcome, previous=own.get(previous, previous))

    standing, _ = standing_tonight(tonight, service if serving else NOBODY, Evidence())

    assert standing.demoted is demoted


def test_the_last_training_counts_whatever_came_of_it(tonight, tonight_of, remember, store):
    def since():
        return standing_tonight(tonight, NOBODY, Evidence())[0].since_training

    store(tonight)  # made by an earlier run of this night, which may be run again
    remember(0, training__trained=1.0)
    assert since() is None

    store(tonight_of(cutoff=tonight.cutoff - 9 * DAY))
    assert since() == timedelta(days=9)

    remember(5, training__trained=1.0)
    remember(2, training__trained=0.0)
    assert since() == timedelta(days=5)


def test_a_training_is_on_record_so_that_the_next_night_makes_no_other(
    tonight, tonight_of, remember
):
    origins = np.array([10, 34])
    first = training_tonight(tonight, NOBODY, origins, asked=None)
    assert (first.train, first.numbers) == (True, {TRAINED: 1.0})

    remember(0, training__trained=first.numbers[TRAINED])
    following = tonight_of(cutoff=tonight.cutoff + DAY)
    due = training_tonight(following, NOBODY, origins, asked=None)

    assert (due.train, due.numbers) == (False, {TRAINED: 0.0})
    assert "the last training was 1 day ago, and 7 have to lie between two" in due.reason
    assert training_tonight(following, NOBODY, origins, asked="always").train


def test_bounds_are_those_of_the_spec(tonight_of):
    tonight = tonight_of(
        training={"max_age_days": 3, "cooldown_days": 0, "max_loss_growth": 0.2, "max_drift": 4}
    )

    bounds = bounds_of(tonight.spec)

    assert (bounds.max_age, bounds.cooldown) == (timedelta(days=3), timedelta(0))
    assert (bounds.max_loss_growth, bounds.max_drift) == (0.2, 4)


def test_a_champion_whose_published_nights_went_badly_is_trained_again(tonight_of, nights, store):
    place = nights(training={"cooldown_days": 0})
    tonight = place.tonight()
    version = store(tonight, horizon=6)
    for day in range(6):
        place.publish(day, model_version=version, q50=60.0 if day > 3 else 20.0)
    champion = open_contender(place.warehouse, version, "champion")
    service, origins = Service(champion, version, overtaken=False), np.array([10])
    calm = training_tonight(tonight, service, origins, asked=None)

    place.score()
    due = training_tonight(tonight, service, origins, asked=None)
    standing, _ = standing_tonight(tonight, NOBODY, Evidence())
    early = replace(tonight, cutoff=place.cutoff(5))

    assert not calm.train
    assert due.train
    assert due.reason.startswith("Training, because the last 2 nights with known actuals went badl")
    assert standing.bad_nights == "", "another version says nothing"
    assert not training_tonight(early, service, origins, asked=None).train
