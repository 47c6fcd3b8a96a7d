import threading
import time

import pandas as pd
import pytest
from prefect import flow
from prefect.client.orchestration import get_client

from tasks.turn import PLACES, place_of, turn


@pytest.fixture
def tonight(tonight_of):
    return tonight_of()


def test_neighbouring_nights_have_places_of_their_own_and_there_are_never_more():
    days = pd.date_range("2013-01-01", periods=365, tz="UTC")

    places = [place_of("nyc", day) for day in days]

    assert len(set(places)) == PLACES
    assert all(len(set(places[k : k + PLACES])) == PLACES for k in range(300))


def test_outside_of_a_run_nobody_waits(tonight):
    with turn(tonight):
        pass


@pytest.mark.flow
def test_whoever_publishes_the_same_night_waits_until_the_place_is_free(tonight):
    order = []

    @flow
    def publishing(name, seconds):
        with turn(tonight):
            order.append(f"{name} begins")
            time.sleep(seconds)
            order.append(f"{name} ends")

    first = threading.Thread(target=publishing, args=("first", 2))
    first.start()
    while not order:
        time.sleep(0.05)
    publishing("second", 0)
    first.join()

    assert order == ["first begins", "first ends", "second begins", "second ends"]
    with get_client(sync_client=True) as client:
        place = place_of(tonight.spec.name, tonight.cutoff)
        limit = client.read_global_concurrency_limit_by_name(place)
    assert (limit.limit, limit.active_slots) == (1, 0)


@pytest.mark.flow
def test_a_server_that_has_no_place_to_give_stops_nobody(tonight, monkeypatch):
    def down(*_, **__):
        raise ConnectionError("no server")

    monkeypatch.setattr("prefect.concurrency.sync.concurrency", down)
    published = []

    @flow
    def publishing():
        with turn(tonight):
            published.append(True)

    publishing()

    assert published == [True]


@pytest.mark.flow
def test_what_fails_while_publishing_fails_as_itself_and_frees_the_place(tonight):
    @flow
    def publishing(error):
        with turn(tonight):
            if error:
                raise error

    with pytest.raises(OSError, match="full"):
        publishing(OSError("full"))

    publishing(None)  # would wait for minutes
