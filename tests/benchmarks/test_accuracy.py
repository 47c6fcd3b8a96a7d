import argparse

import pytest

from benchmarks.accuracy import (
    FUSION,
    NAIVE,
    OURS,
    PEER,
    QUOTED,
    Row,
    best_peer,
    judge,
    peer_names,
)

PEERS = [
    Row("NHITS", PEER, mase=0.9, wql=0.2),
    Row("LSTM", PEER, mase=0.8, wql=0.3),
    Row("AutoARIMA", PEER, note="gave up after 10 CPU-min"),
    Row("Chronos-2, published", QUOTED, mase=0.1, wql=0.1),
    Row("seasonal naive 24", NAIVE, mase=0.1, wql=0.1),
]


def fusion(**scores):
    return Row(FUSION, OURS, train_cpu=120.0, **scores)


def test_each_score_is_held_against_the_peer_that_is_best_at_it():
    figures = judge("departures", [*PEERS, fusion(mase=0.7, wql=0.25)])

    assert [(figure.target, figure.peer_name) for figure in figures[:2]] == [
        (0.8, "LSTM"),
        (0.2, "NHITS"),
    ]
    assert [figure.falls_short for figure in figures] == [False, True, False]


def test_without_a_peer_the_sample_has_no_target():
    figures = judge("departures", [fusion(mase=9.0, wql=9.0)])

    assert not any(figure.falls_short for figure in figures)


@pytest.mark.parametrize(
    ("scores", "short"),
    [({"mase": 0.82, "wql": 0.18}, []), ({"mase": 0.83, "wql": 0.181}, ["MASE", "WQL"])],
    ids=["reached", "missed"],
)
def test_the_targets_of_etth1_do_not_depend_on_peers(scores, short):
    figures = judge("ETTh1", [*PEERS, fusion(**scores)])

    missed = [figure.name.removeprefix("ETTh1: ") for figure in figures if figure.falls_short]
    assert missed == short


def test_only_what_was_measured_here_can_be_the_best_peer():
    assert best_peer(PEERS, "wql").who == "NHITS"
    assert best_peer(PEERS[2:], "wql") is None


def test_an_unknown_peer_is_refused_by_naming_those_there_are():
    with pytest.raises(argparse.ArgumentTypeError, match="among NHITS, .*, got 'Prophet'"):
        peer_names("NHITS,Prophet")


def test_nobody_may_be_asked():
    assert peer_names("") == []
