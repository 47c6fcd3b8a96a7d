"""Bad nights in a row, from the table to whoever is told, through real blocks of Prefect."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from data_contracts.realised import Scoring
from models.forecasters.seasonal_naive import SeasonalNaive
from tasks.alarm import raise_alarm
from tasks.stores.registry import ModelVersion, Why, champion, promote, store_model

BAD = 60.0  # far from what came, and the baseline is near
NOTHING = {"scored": 0, "rows": 0, "unchanged": 0, "waiting": 0, "code_version": "0", "run_id": "x"}


@pytest.fixture
def serving(nights):
    """Nights of a version that is in service: good ones, and bad ones from some day on."""

    def build(*, bad_from, **fields):
        place = nights(**fields)
        record = ModelVersion(
            model="lstm",
            snapshot="5ca1ab1e",
            spec_digest=place.spec.digest,
            seed=1,
            code_version="0",
            packages={},
            train_cutoff=place.cutoff(-3),
            cutoff=place.cutoff(-1),
            created_at=place.cutoff(-1),
            train_minutes=1.0,
        )
        levels = place.spec.quantile_levels
        model = SeasonalNaive((24,), horizon=6, quantile_levels=levels)
        version = store_model(place.warehouse, model.save, record).model_version
        promote(
            place.warehouse, version, expected=None, why=Why("run", "Better.", place.cutoff(-1))
        )
        for day in range(6):
            q50 = BAD if day >= bad_from else 20.0
            place.publish(day, model_version=version, q50=q50, run_id=f"night {day}")
        return place

    return build


def alarm(place, day=9):
    place.score(day)
    tonight = place.tonight(day)
    told = {"name": "nights", "spec_digest": "d", "as_of": tonight.as_of, "cutoff": tonight.cutoff}
    return raise_alarm.fn(tonight, Scoring(**NOTHING, **told))


def test_two_bad_nights_in_a_row_ask_for_a_training(serving):
    found = alarm(serving(bad_from=4))

    assert (
        "the last 2 nights with known actuals went badly (2024-03-05 00:00 UTC loss " in found.alarm
    )
    assert found.alarm.endswith("The next night trains, unless the last training was too recent.")
    assert (found.notified, found.warnings) == ("", ())


@pytest.mark.parametrize(
    ("bad_from", "day"), [(9, 9), (5, 9), (4, 5)], ids=["good", "one bad", "not over yet"]
)
def test_anything_less_does_not(serving, bad_from, day):
    assert alarm(serving(bad_from=bad_from), day).alarm == ""


def test_nights_of_a_version_that_is_no_longer_in_service_do_not(serving):
    place = serving(bad_from=0)
    promote(
        place.warehouse,
        "baseline",
        expected=champion(place.warehouse).model_version,
        why=Why("by hand", "So.", place.cutoff(6)),
    )

    assert alarm(place).alarm == ""


def test_where_nothing_trains_the_alarm_says_so(serving):
    found = alarm(serving(bad_from=3, training={"when": "never"}))

    assert found.alarm.endswith("Nothing trains, because training.when is never.")


@pytest.fixture
def service():
    """A web service on loopback that keeps what it is told, or breaks."""

    class Service(BaseHTTPRequestHandler):
        heard, status = [], 200

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.heard.append(json.loads(body))
            self.send_response(self.status)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Service.url = f"http://127.0.0.1:{server.server_port}/secret-token"
    yield Service
    server.shutdown()
    server.server_close()


@pytest.fixture
def block(service):
    """A webhook of Prefect that posts to the service."""
    from prefect.blocks.notifications import CustomWebhookNotificationBlock

    CustomWebhookNotificationBlock(
        name="ops",
        url=service.url,
        json_data={"title": "{{subject}}", "text": "{{body}}"},
        allow_private_urls=True,
    ).save("ops", overwrite=True)
    return "custom-webhook/ops"


@pytest.mark.flow
def test_somebody_is_told_once_of_the_same_nights(serving, service, block):
    place = serving(bad_from=4, scoring={"notify": block})

    first, second = alarm(place), alarm(place)

    assert (first.notified, second.notified) == (block, "")
    assert first.alarm == second.alarm
    assert [message["title"] for message in service.heard] == ["nights: bad nights in a row"]
    assert service.heard[0]["text"] == first.alarm
    for day in (6, 7):
        place.publish(day, model_version=first.alarm.split(":")[0], q50=BAD, run_id=f"night {day}")
    assert alarm(place).notified == block, "the nights after these are news"
    assert len(service.heard) == 2


@pytest.mark.flow
def test_where_nobody_can_be_told_the_scoring_goes_on_and_the_next_tries_again(
    serving, service, block
):
    place = serving(bad_from=4, scoring={"notify": block})
    service.status = 500

    failed = alarm(place)
    service.status = 200
    again = alarm(place)

    (warning,) = failed.warnings
    assert "the block custom-webhook/ops failed with HTTPStatusError" in warning
    assert "secret" not in failed.model_dump_json()
    assert failed.alarm == again.alarm != ""
    assert (failed.notified, again.notified) == ("", block)


def test_nights_that_cannot_be_marked_fail_no_scoring(serving):
    place = serving(bad_from=4, scoring={"notify": "slack-webhook/ops"})
    place.warehouse.runs.mkdir()
    place.warehouse.run(place.cutoff(4)).write_text("in the way of its folder")

    found = alarm(place)

    assert found.alarm != "" == found.notified
    assert found.warnings == (
        "Nobody was told of the bad nights, because they cannot be marked as told of: File exists",
    )


@pytest.mark.flow
def test_a_block_that_is_not_there_is_said(serving):
    (warning,) = alarm(serving(bad_from=4, scoring={"notify": "slack-webhook/nobody"})).warnings

    assert "the block slack-webhook/nobody failed with ValueError" in warning
