import re
from dataclasses import replace

import pandas as pd
import pytest

from data_contracts.errors import SpecError
from data_contracts.frequency import Grid
from models.learning.pretrained import pretrained_settings
from models.learning.training import train
from tasks.contenders import open_contender
from tasks.starts import Start, as_it_starts, choose_starts
from tasks.stores.registry import ModelVersion, Why, promote, store_model
from tasks.stores.snapshots import save_panel
from tasks.train import starts_tonight, told_of, train_challenger, training_settings

pytestmark = pytest.mark.train

DAY = pd.Timedelta(days=1)
QUICK = {"context_length": 48, "members": 1, "max_epochs": 1}
BEHIND = 14 * 24  # steps from the last one that training sees to the cutoff


@pytest.fixture
def asking(tonight_of):
    """Builds the night of a cutoff whose spec asks for a start."""

    def build(start_from, freeze=(), **fields):
        return tonight_of(
            season_lengths=[24],
            candidates=["attention_lstm"],
            training=QUICK | {"start_from": start_from, "freeze": list(freeze)},
            **fields,
        )

    return build


@pytest.fixture
def served(asking, walks):
    """The version of a network that went into service a day before."""
    tonight = asking("none")
    before = asking("none", cutoff=tonight.cutoff - DAY)
    until = walks.cutoff_slot - BEHIND - 24
    settings = training_settings(before, "attention_lstm", longest=1000)
    version = ModelVersion(
        model="attention_lstm",
        snapshot="5ca1ab1e",
        spec_digest=before.spec.digest,
        seed=7,
        code_version="0.1.0",
        packages={},
        train_cutoff=before.grid.timestamp(until),
        cutoff=before.cutoff,
        created_at=before.issued_at,
        train_minutes=1.0,
    )
    trained = train(walks, settings, train_until=until)
    name = store_model(before.warehouse, trained.save, version).model_version
    promote(before.warehouse, name, expected=None, why=Why(run_id="before", reason="Better."))
    return name


def test_without_a_start_everything_begins_from_scratch(asking, walks):
    (start,) = starts_tonight(asking("none"), walks, train_until=walks.cutoff_slot).values()

    assert (start.forecaster, start.version) == (None, None)
    assert start.reason == "It starts from scratch, as training.start_from says."


def test_a_training_begins_from_the_weights_of_the_package_where_they_fit(tonight_of, walks):
    training = QUICK | {"start_from": "pretrained"}
    tonight = tonight_of(season_lengths=[24, 168], candidates=["attention_lstm"], training=training)

    (start,) = starts_tonight(tonight, walks, train_until=walks.cutoff_slot).values()

    assert (start.forecaster, start.version, start.pretrained) == (None, "hourly-2", True)
    assert start.reason == "attention_lstm starts from hourly-2."


def test_a_spec_that_says_nothing_starts_from_the_weights_wherever_they_fit(tonight_of, walks):
    fields = {"season_lengths": [24, 168], "candidates": ["attention_lstm", "tcn"]}
    tonight = tonight_of(**fields, training=QUICK)

    starts = starts_tonight(tonight, walks, train_until=walks.cutoff_slot)

    assert {network: start.pretrained for network, start in starts.items()} == {
        "attention_lstm": True,
        "tcn": False,
    }
    assert told_of(tonight, starts) == (
        "attention_lstm starts from hourly-2.",
        "tcn starts from scratch and not from hourly-2, because it has no weights for tcn.",
    )
    assert told_of(tonight_of(**fields, training=QUICK | {"start_from": "none"}), starts) == ()


def test_a_training_that_is_said_to_start_from_the_weights_does(tonight_of, walks):
    tonight = tonight_of(season_lengths=[24, 168], candidates=["attention_lstm"], training=QUICK)
    until = walks.cutoff_slot - BEHIND
    (start,) = starts_tonight(tonight, walks, train_until=until).values()
    snapshot = save_panel(walks, tonight.warehouse.snapshots)

    made = train_challenger.fn(tonight, "attention_lstm", snapshot, train_until=until, start=start)

    scratch = training_settings(tonight, "attention_lstm", longest=1000)
    settings = made.forecaster.settings
    assert settings == pretrained_settings(scratch, walks, train_until=until)
    assert (settings.units, settings.pretrained, made.record.start) == (128, "hourly-2", "hourly-2")


def test_groups_that_cannot_be_frozen_from_scratch_are_told(asking, walks):
    tonight = asking("pretrained", freeze=["encoder"])

    (start,) = starts_tonight(tonight, walks, train_until=walks.cutoff_slot).values()

    assert start.reason.endswith("in patches of 24; nothing is frozen.")


def test_without_a_champion_training_begins_from_the_weights_of_the_package(tonight_of, walks):
    training = QUICK | {"start_from": "champion"}
    tonight = tonight_of(season_lengths=[24, 168], candidates=["attention_lstm"], training=training)

    (start,) = starts_tonight(tonight, walks, train_until=walks.cutoff_slot).values()

    assert (start.pretrained, start.version) == (True, "hourly-2")
    assert start.reason == (
        "attention_lstm starts from hourly-2, because no model was in service before this night."
    )


def test_what_starts_from_no_model_starts_from_the_weights_of_the_package(tonight_of, walks):
    tonight = tonight_of(season_lengths=[24, 168], candidates=["attention_lstm"], training=QUICK)
    scratch = training_settings(tonight, "attention_lstm", longest=1000)
    until = walks.cutoff_slot

    begun = as_it_starts(tonight.spec, scratch, walks, train_until=until)

    assert begun == pretrained_settings(scratch, walks, train_until=until)
    none = tonight_of(season_lengths=[24, 168], training=QUICK | {"start_from": "none"}).spec
    assert as_it_starts(none, scratch, walks, train_until=until) == scratch
    daily = replace(scratch, season_lengths=(7,))
    assert as_it_starts(tonight.spec, daily, walks, train_until=until) == daily


def test_weights_of_the_package_that_do_not_fit_give_way_and_it_is_said_why(asking, walks):
    (start,) = starts_tonight(asking("pretrained"), walks, train_until=walks.cutoff_slot).values()

    assert (start.pretrained, start.version) == (False, None)
    assert start.reason == (
        "attention_lstm starts from scratch and not from hourly-2, because it knows seasons of 24 "
        "and 168 steps alone, in patches of 24."
    )


def test_steps_that_there_are_no_weights_for_are_named_by_those_that_there_are(asking, walks):
    pairs = replace(walks, grid=Grid("2D"))

    (start,) = starts_tonight(asking("pretrained"), pairs, train_until=pairs.cutoff_slot).values()

    assert start.reason == (
        "attention_lstm starts from scratch and not from weights of the package, because there are "
        "weights for steps of whole parts of a day down to 5 minutes, days, business days, weeks, "
        "months and quarters alone."
    )


def test_before_the_first_champion_training_begins_from_scratch_and_says_so(asking, walks):
    (start,) = starts_tonight(asking("champion"), walks, train_until=walks.cutoff_slot).values()

    assert start.forecaster is None
    assert start.reason == (
        "attention_lstm starts from scratch, because no model was in service before this night."
    )


def test_a_version_that_starts_elsewhere_has_another_name_and_says_where_it_started(
    asking, walks, served
):
    tonight = asking("champion")
    until = walks.cutoff_slot - BEHIND
    (start,) = starts_tonight(tonight, walks, train_until=until).values()
    assert (start.version, start.reason) == (served, f"attention_lstm starts from {served}.")
    snapshot = save_panel(walks, tonight.warehouse.snapshots)

    warm, scratch = (
        train_challenger.fn(tonight, "attention_lstm", snapshot, train_until=until, start=each)
        for each in (start, Start())
    )

    assert warm.version != scratch.version
    assert (warm.record.start, warm.record.start_reason) == (served, start.reason)
    assert (scratch.record.start, scratch.record.start_reason) == (None, Start().reason)
    promote(
        tonight.warehouse, warm.version, expected=served, why=Why(run_id="run", reason="Better.")
    )
    (again,) = starts_tonight(tonight, walks, train_until=until).values()
    assert again.version == served, "a night that is run again starts where it started"
    (tomorrow,) = starts_tonight(
        asking("champion", cutoff=tonight.cutoff + DAY), walks, train_until=until
    ).values()
    assert tomorrow.version == warm.version


def test_only_the_network_of_the_champion_starts_from_it(asking, walks, served):
    tonight = asking("champion")
    settings = {
        network: training_settings(tonight, network, longest=1000)
        for network in ("attention_lstm", "multihead_lstm")
    }

    starts = choose_starts(tonight, settings, walks, train_until=walks.cutoff_slot - BEHIND)

    assert starts["attention_lstm"].version == served
    assert starts["multihead_lstm"].forecaster is None
    assert starts["multihead_lstm"].reason == (
        f"multihead_lstm starts from scratch and not from {served}, because it is of the network "
        "attention_lstm."
    )


@pytest.mark.parametrize(
    ("later", "fields", "why"),
    [
        (-25, {}, "it has learned from steps up to 2013-09-30 03:00 UTC, and this training may"),
        (0, {"horizon": 12}, "it forecasts 24 steps, and the spec asks for 12"),
    ],
    ids=["the future", "other horizon"],
)
def test_a_version_that_does_not_fit_is_an_error_and_a_champion_is_left(
    asking, walks, served, later, fields, why
):
    until = walks.cutoff_slot - BEHIND + later

    (start,) = starts_tonight(asking("champion", **fields), walks, train_until=until).values()
    with pytest.raises(SpecError) as refused:
        starts_tonight(asking(served, **fields), walks, train_until=until)

    assert start.forecaster is None
    assert f"starts from scratch and not from {served}, because {why}" in start.reason
    assert str(refused.value).startswith(
        f"training.start_from: attention_lstm cannot start from {served}, because {why}"
    )
    assert str(refused.value).endswith("name a version that fits, or write champion or none.")


def test_a_model_without_weights_or_with_damaged_ones_is_no_start(asking, walks, served, store):
    tonight = asking("champion")
    file = tonight.warehouse.models / served / "member-0.keras"
    file.write_bytes(b"torn")
    until = walks.cutoff_slot - BEHIND

    (damaged,) = starts_tonight(tonight, walks, train_until=until).values()
    assert re.search(r"cannot be read \(.* member-0.keras has been altered", damaged.reason)
    rule = store(asking("none", cutoff=tonight.cutoff - DAY))
    assert open_contender(tonight.warehouse, rule, "champion").name == "seasonal_naive"
    with pytest.raises(SpecError, match="because it has no weights; name a version that fits"):
        starts_tonight(asking(rule), walks, train_until=until)
