import dataclasses

import numpy as np
import pytest

from data_contracts.errors import SpecError
from models.calendar_features import calendar_features
from models.decomposition.decompose import decompose
from models.decomposition.settings import Decomposition
from models.holt import HoltConstants, holt_states
from models.learning.window_inputs import Features, WindowReader, moments

HORIZON, CONTEXT = 3, 6


@pytest.fixture
def panel(make_panel):
    """Two series with two covariates of each kind."""
    rng = np.random.default_rng(0)
    bare = make_panel([rng.normal(size=400), rng.normal(size=5)], horizon=HORIZON)
    rows = len(bare.y)
    return dataclasses.replace(
        bare,
        past=rng.normal(size=(rows, 2)).astype(np.float32),
        known=rng.normal(size=(rows, 2)).astype(np.float32),
        static=np.array([["JFK", "AA"], ["EWR", "UA"]]),
        past_names=("temp", "wind"),
        known_names=("holiday", "strike"),
        static_names=("airport", "carrier"),
    )


def _features(panel, learned=True):
    return Features.of(panel, np.full(panel.num_series, learned), until=1000)


def _read(panel, features, series=(0, 1, 1), origins=(900, 1000, 997)):
    reader = WindowReader(panel, features, context_length=CONTEXT, horizon=HORIZON)
    return reader.read(np.array(series), np.array(origins))


def test_calendar_comes_before_the_known_covariates(panel):
    arrays, windows = _read(panel, _features(panel))

    slots = np.arange(900 - CONTEXT + 1, 900 + HORIZON + 1)
    waves = calendar_features(panel.grid, slots, ("day", "week"))
    np.testing.assert_array_equal(arrays["known"][0, :, :-2], waves)
    np.testing.assert_array_equal(arrays["known"][..., -2:], windows.known)
    np.testing.assert_array_equal(arrays["static"], [[2, 1], [1, 2], [1, 2]])


def test_components_of_a_context_come_from_it_alone(panel):
    how = Decomposition("vmd", modes=2)
    features = dataclasses.replace(_features(panel), decomposition=how, season_length=3)
    reader = WindowReader(panel, features, context_length=48, horizon=HORIZON)
    series, origins = np.array([0, 1]), np.array([900, 1000])

    arrays, windows = reader.read(series, origins)

    assert arrays["components"].shape == (2, 48, 2)
    alone = decompose(windows.context, windows.observed, how, season_length=3)
    assert arrays["components"].tobytes() == alone.tobytes()
    sums = arrays["components"].sum(axis=-1)
    np.testing.assert_allclose(sums, windows.context, atol=1e-5)


def test_level_and_trend_are_those_of_the_series_at_the_steps_of_the_context(panel):
    constants = HoltConstants(level=0.3, trend=0.1)
    arrays, _ = _read(panel, dataclasses.replace(_features(panel), holt=constants))

    states = holt_states(panel, constants)

    last = panel.rows(np.array([0, 1, 1]), np.array([900, 1000, 997]))
    np.testing.assert_array_equal(arrays["holt"][:, -1], states[last])
    assert np.isnan(arrays["holt"][1, 0]).all()  # before the first of its five steps


def test_what_was_written_down_of_features_is_read_again(panel):
    features = dataclasses.replace(
        _features(panel), decomposition=Decomposition("stl", 3), holt=HoltConstants(0.1, 0.01)
    )

    assert Features.read(dataclasses.asdict(features)) == features


def test_covariates_are_found_by_name_wherever_they_lie_in_another_panel(panel):
    features = _features(panel)
    turned = dataclasses.replace(
        panel,
        past=panel.past[:, ::-1],
        past_names=panel.past_names[::-1],
        known=np.concatenate([panel.known[:, :1] * 0, panel.known], axis=1),
        known_names=("new", *panel.known_names),
        static=panel.static[:, ::-1],
        static_names=panel.static_names[::-1],
    )

    expected, _ = _read(panel, features)
    found, _ = _read(turned, features)

    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)


def test_auxiliary_targets_are_found_by_name_and_are_no_inputs(panel):
    features = _features(panel)
    sizes = {"context_length": CONTEXT, "horizon": HORIZON}
    windows = np.array([0, 1]), np.array([900, 997])

    plain, _ = WindowReader(panel, features, **sizes).read(*windows)
    arrays, read = WindowReader(panel, features, **sizes, auxiliary=("wind",)).read(*windows)

    assert {name: array.shape for name, array in arrays.items()} == {
        name: array.shape for name, array in plain.items()
    }
    _, later = WindowReader(panel, features, **sizes).read(windows[0], windows[1] + HORIZON)
    np.testing.assert_array_equal(read.auxiliary[..., 0], later.past[:, -HORIZON:, 1])


@pytest.mark.parametrize("role", ["past", "known", "static"])
def test_a_covariate_that_the_panel_lacks_is_named(panel, role):
    features = _features(panel)
    names = getattr(panel, f"{role}_names")
    poorer = dataclasses.replace(
        panel, **{role: getattr(panel, role)[:, 1:], f"{role}_names": names[1:]}
    )

    with pytest.raises(SpecError, match=rf"{role}: .*'{names[0]}', the panel has {names[1]}"):
        _read(poorer, features)


def test_a_static_value_that_training_did_not_see_is_unknown(panel):
    features = _features(panel)
    other = dataclasses.replace(panel, static=np.array([["JFK", "AA"], ["LGA", "UA"]]))

    arrays, _ = _read(other, features)

    np.testing.assert_array_equal(arrays["static"], [[2, 1], [0, 2], [0, 2]])


def test_a_text_that_no_window_shows_to_training_is_unknown_too(panel):
    arrays, _ = _read(panel, _features(panel, [True, False]))

    np.testing.assert_array_equal(arrays["static"], [[1, 1], [0, 0], [0, 0]])


def test_a_cycle_that_shows_only_after_the_end_of_training_is_not_read(panel):
    learned = np.ones(panel.num_series, bool)

    assert Features.of(panel, learned, until=1000).cycles == ("day", "week")
    assert Features.of(panel, learned, until=900).cycles == ("day",)


def test_inputs_without_columns_are_left_out(make_panel):
    panel = make_panel([np.arange(30.0)], horizon=HORIZON)

    arrays, _ = _read(panel, _features(panel), series=[0], origins=[1000])

    # Thirty hours show a day once and no week twice: no calendar either.
    assert sorted(arrays) == ["context", "observed"]


def test_moments_count_what_is_there_in_the_rows_that_count(panel):
    values = np.array([[1, np.nan, 5], [3, np.nan, 5], [np.nan, 8, 5], [99, 99, 99]], np.float32)

    means, scales = moments(values, np.array([[0, 2], [2, 3]]))

    assert means == (2, 8, 5)
    assert scales == (1, 1, 1)
