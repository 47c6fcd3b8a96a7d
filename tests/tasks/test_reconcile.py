from dataclasses import replace

import numpy as np
import pytest

from models.hierarchy import reconciled as limits
from tasks import reconcile
from tasks.contenders import open_contender
from tasks.evaluate import as_published, evaluate_contenders, past_of, unseen_origins
from tasks.reconcile import obstacle, was_reconciled

MINT = {
    "covariates": {"static": ["airport"]},
    "hierarchy": {"by": ["airport"], "total": True, "method": "mint"},
}


@pytest.fixture
def panel(walks):
    return replace(walks, static=np.array([["JFK"], ["EWR"], ["JFK"]]), static_names=("airport",))


@pytest.fixture
def judged(tonight_of, panel, store):
    def build(**fields):
        tonight = tonight_of(**fields)
        champion = open_contender(tonight.warehouse, store(tonight), "champion")
        origins = unseen_origins(tonight, panel, None)
        return tonight, champion, evaluate_contenders.fn(tonight, panel, [champion], origins)

    return build


def said(publisher, panel):
    origins = np.full(3, panel.cutoff_slot)
    return publisher.forecaster.predict(panel, np.arange(3), origins)


def test_a_champion_publishes_forecasts_that_agree_with_those_of_totals(judged, panel):
    tonight, champion, entries = judged(**MINT)
    plain_spec = tonight.spec.model_copy(update={"hierarchy": type(tonight.spec.hierarchy)()})

    publisher = as_published(tonight, panel, champion, entries)
    plain = as_published(replace(tonight, spec=plain_spec), panel, champion, entries)

    assert was_reconciled(publisher)
    assert not was_reconciled(plain)
    moved, before = said(publisher, panel), said(plain, panel)
    assert (moved != before).any()
    assert np.abs(moved - before).max() < 20  # of values around 100
    assert (np.diff(moved, axis=2) >= 0).all()
    assert publisher.version == champion.version


def test_running_again_gives_the_same_forecasts(judged, panel):
    tonight, champion, entries = judged(**MINT)
    first, second = (said(as_published(tonight, panel, champion, entries), panel) for _ in "ab")
    np.testing.assert_array_equal(first, second)


def test_too_few_origins_are_an_obstacle(judged, panel):
    tonight, champion, entries = judged(**MINT)
    past = past_of(tonight, panel, champion, entries)
    few = replace(past, scores=past.scores[:, : limits.FEWEST_ORIGINS - 1])

    assert obstacle(tonight.spec, panel, champion, past) == ""
    assert obstacle(tonight.spec, panel, champion, few).startswith("4 past origins are too few")


def test_too_many_series_are_an_obstacle(judged, panel, monkeypatch):
    tonight, champion, entries = judged(**MINT)
    past = past_of(tonight, panel, champion, entries)
    monkeypatch.setattr(reconcile, "MOST_NODES", 5)
    assert obstacle(tonight.spec, panel, champion, past) == (
        "6 series and totals are too many for mint, 5 are not"
    )
