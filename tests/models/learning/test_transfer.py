import dataclasses

import numpy as np
import pytest

from data_contracts.frequency import Grid
from models.learning.settings import TrainingSettings
from models.learning.training import train
from models.learning.transfer import warm_settings, why_not
from models.networks import layer_groups

CUTOFF, HORIZON, BEFORE, NOW = 1000, 6, 970, 990
SETTINGS = TrainingSettings(
    network="multihead_lstm",
    context_length=24,
    horizon=HORIZON,
    quantile_levels=(0.1, 0.5, 0.9),
    season_lengths=(6, 12),
    members=1,
    max_epochs=4,
    minutes=1000,
    units=8,
    num_heads=2,
    batch_size=16,
    windows_per_epoch=64,
    scalings=("last_season",),  # each other one compiles another model
)


def _panel(make_panel, carriers):
    rng = np.random.default_rng(0)
    waves = [
        10 + 3 * np.sin(np.arange(300) * 2 * np.pi / 6) + rng.normal(size=300) for _ in carriers
    ]
    panel = make_panel(waves, horizon=HORIZON, cutoff_slot=CUTOFF)
    return dataclasses.replace(panel, static=np.array(carriers)[:, None], static_names=("carrier",))


@pytest.fixture
def panel(make_panel):
    return _panel(make_panel, ["AA", "DL"])


@pytest.fixture(scope="module")
def kept():
    """Forecasters that the tests of this file share, by name."""
    return {}


@pytest.fixture
def start(panel, kept):
    if "start" not in kept:
        kept["start"] = train(panel, SETTINGS, train_until=BEFORE)
    return kept["start"]


def _forecast(forecaster, panel):
    series = np.arange(panel.num_series)
    return forecaster.predict(panel, series, np.full(len(series), CUTOFF))


def _weights(forecaster, number=0):
    return [np.array(value) for value in forecaster.networks[number].get_weights()]


def test_a_warm_start_takes_a_twentieth_of_the_epochs_at_a_lower_rate():
    warm = warm_settings(dataclasses.replace(SETTINGS, max_epochs=40))

    assert warm.max_epochs == 2
    assert 0 < warm.learning_rate < SETTINGS.learning_rate
    assert warm_settings(SETTINGS).max_epochs == 1


@pytest.mark.parametrize(("windows", "drawn"), [(4096, 1365), (2048, 1024), (192, 192)])
def test_a_warm_start_of_what_began_from_pretrained_weights_draws_a_third_of_many_windows(
    windows, drawn
):
    asked = dataclasses.replace(SETTINGS, windows_per_epoch=windows)
    started = dataclasses.replace(asked, pretrained="hourly-2")

    assert warm_settings(started).windows_per_epoch == drawn
    assert warm_settings(asked).windows_per_epoch == windows


def test_a_warm_start_moves_the_weights_of_the_start_and_leaves_the_start_alone(panel, start):
    before = _weights(start)

    warm = train(panel, SETTINGS, train_until=NOW, start=start)
    scratch = train(panel, SETTINGS, train_until=NOW)

    def distance(forecaster):
        pairs = zip(_weights(forecaster), before, strict=True)
        return sum(np.abs(new - old).sum() for new, old in pairs)

    assert 0 < distance(warm) < distance(scratch)
    assert all(map(np.array_equal, _weights(start), before))
    assert warm.trained_until == NOW
    assert (warm.features, warm.sizes) == (start.features, start.sizes)


def test_the_same_start_gives_the_same_bytes_and_another_start_other_ones(panel, start):
    other = train(panel, dataclasses.replace(SETTINGS, seed=8), train_until=BEFORE)

    warm = [
        _forecast(train(panel, SETTINGS, train_until=NOW, start=each), panel).tobytes()
        for each in (start, start, other)
    ]

    assert warm[0] == warm[1] != warm[2]


def test_members_go_on_from_the_member_of_the_same_number(panel):
    settings = dataclasses.replace(SETTINGS, members=2)
    start = train(panel, settings, train_until=BEFORE)
    frozen = dataclasses.replace(settings, freeze=("encoder", "attention"))

    warm = train(panel, frozen, train_until=NOW, start=start)

    for number in range(2):
        old, new = (layer_groups(each.networks[number]) for each in (start, warm))
        for group, layers in old.items():
            pairs = [
                (one, other)
                for before, after in zip(layers, new[group], strict=True)
                for one, other in zip(before.get_weights(), after.get_weights(), strict=True)
            ]
            same = [np.array_equal(one, other) for one, other in pairs]
            assert all(same) if group != "head" else not all(same), group


def test_nothing_is_frozen_from_scratch(panel, start):
    settings = dataclasses.replace(SETTINGS, freeze=("encoder",))

    scratch = train(panel, settings, train_until=BEFORE)

    assert scratch.settings.freeze == ()
    assert all(map(np.array_equal, _weights(scratch), _weights(start)))


def test_a_series_and_a_text_that_the_start_does_not_know_are_served_and_learned_from(
    make_panel, start
):
    grown = _panel(make_panel, ["AA", "DL", "WN"])
    assert start.features.codes(grown.static).ravel().tolist() == [1, 2, 0]
    assert np.isfinite(_forecast(start, grown)).all()
    assert why_not(start, grown, SETTINGS, train_until=NOW) == ""

    warm = train(grown, SETTINGS, train_until=NOW, start=start)

    assert np.isfinite(_forecast(warm, grown)).all()
    table = warm.networks[0].get_layer("encoder_static").tables[0]
    before = start.networks[0].get_layer("encoder_static").tables[0]
    assert not np.array_equal(np.array(table)[0], np.array(before)[0]), "the unknown has learned"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"network": "tcn"}, "it is of the network multihead_lstm"),
        ({"horizon": 5}, "its horizon is 6 instead of 5"),
        ({"quantile_levels": (0.5,)}, "its quantile_levels is (0.1, 0.5, 0.9) instead of (0.5,)"),
        ({"units": 16}, "its units is 8 instead of 16"),
        ({"patch": 3}, "its patch is None instead of 3"),
        ({"members": 2}, "its members is 1 instead of 2"),
        ({"seed": 8, "minutes": 1.0, "max_epochs": 9, "combine": "weights"}, ""),
    ],
    ids=["network", "horizon", "levels", "units", "patch", "members", "what may differ"],
)
def test_a_start_with_other_settings_is_refused_with_the_reason(panel, start, changes, why):
    wanted = dataclasses.replace(SETTINGS, **changes)

    assert why_not(start, panel, wanted, train_until=NOW) == why


def test_a_start_that_has_seen_the_future_is_refused(panel, start):
    assert why_not(start, panel, SETTINGS, train_until=BEFORE) == ""
    assert why_not(start, panel, SETTINGS, train_until=BEFORE - 1) == (
        "it has learned from steps up to 1970-02-10 10:00 UTC, and this training may see none "
        "after 1970-02-10 09:00 UTC"
    )


def test_a_start_with_fewer_members_than_it_should_have_is_refused(panel, start):
    settings = dataclasses.replace(SETTINGS, members=2)
    cut = dataclasses.replace(start, settings=settings)

    assert why_not(cut, panel, settings, train_until=NOW) == (
        "its training ended after 1 of 2 members"
    )


def test_a_start_whose_context_a_short_history_had_cut_is_refused(make_panel):
    settings = dataclasses.replace(SETTINGS, contexts=(2.0,))
    short = make_panel([np.arange(70.0) % 6], horizon=HORIZON, cutoff_slot=CUTOFF)
    start = train(short, settings, train_until=CUTOFF - 30)

    assert why_not(start, short, settings, train_until=CUTOFF) == (
        "its member 0 reads 40 steps instead of 48"
    )


def test_a_start_with_other_covariates_or_without_a_cycle_is_refused(panel, start):
    bare = dataclasses.replace(panel, static=panel.static[:, :0], static_names=())
    weekly = dataclasses.replace(panel, grid=Grid("D"))

    assert why_not(start, bare, SETTINGS, train_until=NOW) == (
        "its static covariates are carrier instead of none"
    )
    assert why_not(start, weekly, SETTINGS, train_until=NOW) == (
        "the history shows the cycle of a week by now, which it does not read"
    )
