import dataclasses

import numpy as np
import pytest

from models.windows import gather, observed_at

CUTOFF, HORIZON, CONTEXT = 100, 3, 5
LENGTHS = (12, 2, 7)


@pytest.fixture
def panel(make_panel):
    """Three series with gaps, two past and one known covariate."""
    rng = np.random.default_rng(3)
    histories = [rng.normal(size=length) for length in LENGTHS]
    histories[0][4] = np.nan
    bare = make_panel(histories, horizon=HORIZON, cutoff_slot=CUTOFF)
    past = rng.normal(size=(len(bare.y), 2)).astype(np.float32)
    for end in bare.indptr[1:]:
        past[end - HORIZON : end] = np.nan
    return dataclasses.replace(
        bare,
        past=past,
        known=rng.normal(size=(len(bare.y), 1)).astype(np.float32),
        past_names=("temp", "wind"),
        known_names=("holiday",),
    )


def value_at(panel, values, series, slot, *, missing):
    """What the panel holds for one step of one series, the obvious way."""
    number = slot - panel.first_slots[series]
    if 0 <= number < panel.lengths[series] + panel.horizon:
        return values[panel.indptr[series] + number]
    return missing


@pytest.mark.parametrize("origin", range(CUTOFF - 14, CUTOFF + 1))
def test_windows_are_what_a_loop_over_steps_collects(panel, origin):
    series = np.array([0, 1, 2, 0])
    windows = gather(panel, series, np.full(4, origin), context_length=CONTEXT, horizon=HORIZON)

    for row, k in enumerate(series):
        for column in range(CONTEXT + HORIZON):
            slot = origin - CONTEXT + 1 + column
            y = value_at(panel, panel.y, k, slot, missing=np.nan)
            known = value_at(panel, panel.known, k, slot, missing=np.full(1, np.nan))
            np.testing.assert_array_equal(windows.known[row, column], known)
            if column >= CONTEXT:
                np.testing.assert_array_equal(windows.target[row, column - CONTEXT], y)
                continue
            past = value_at(panel, panel.past, k, slot, missing=np.full(2, np.nan))
            np.testing.assert_array_equal(windows.past[row, column], past)
            assert windows.observed[row, column] == ~np.isnan(y)
            assert windows.context[row, column] == np.nan_to_num(y)


@pytest.mark.parametrize("origin", range(CUTOFF - 14, CUTOFF + 1))
def test_auxiliary_targets_are_what_a_loop_over_the_steps_ahead_collects(panel, origin):
    series, sizes = np.arange(3), {"context_length": CONTEXT, "horizon": HORIZON}
    windows = gather(panel, series, np.full(3, origin), **sizes, auxiliary=(1, 0))

    for row in range(3):
        for step in range(HORIZON):
            slot = origin + 1 + step
            past = value_at(panel, panel.past, row, slot, missing=np.full(2, np.nan))
            np.testing.assert_array_equal(windows.auxiliary[row, step], past[::-1])


def test_no_auxiliary_target_is_gathered_that_nobody_asked_for(panel):
    windows = gather(panel, np.array([0]), np.array([90]), context_length=CONTEXT, horizon=HORIZON)

    assert windows.auxiliary.shape == (1, HORIZON, 0)


def test_a_short_history_is_padded_with_unobserved_steps(panel):
    window = gather(
        panel, np.array([1]), np.array([CUTOFF]), context_length=CONTEXT, horizon=HORIZON
    )

    np.testing.assert_array_equal(window.observed[0], [False, False, False, True, True])
    np.testing.assert_array_equal(window.context[0, :3], 0)
    assert np.isnan(window.past[0, :3]).all()


def test_no_window_sees_the_future(panel):
    origins = np.arange(CUTOFF - 8, CUTOFF + 1)
    series = np.zeros(len(origins), int)
    sizes = {"context_length": CONTEXT, "horizon": HORIZON, "auxiliary": (0,)}
    before = gather(panel, series, origins, **sizes)

    for number, origin in enumerate(origins):
        row = int(panel.rows(np.array(0), np.array(origin)))
        y, past, observed = panel.y.copy(), panel.past.copy(), panel.observed.copy()
        y[row + 1 :], past[row + 1 :], observed[row + 1 :] = 1e9, 1e9, True
        changed = dataclasses.replace(panel, y=y, past=past, observed=observed)
        after = gather(changed, series, origins, **sizes)
        for name in ("context", "observed", "past", "known"):
            np.testing.assert_array_equal(
                getattr(after, name)[number], getattr(before, name)[number]
            )


def test_a_window_at_the_cutoff_has_no_target_but_known_covariates(panel):
    window = gather(
        panel, np.array([0]), np.array([CUTOFF]), context_length=CONTEXT, horizon=HORIZON
    )

    assert np.isnan(window.target).all()
    assert np.isfinite(window.known).all()


def test_arrays_are_small_floats_and_flags(panel):
    window = gather(
        panel, np.array([0, 2]), np.array([90, 95]), context_length=CONTEXT, horizon=HORIZON
    )

    assert window.context.dtype == window.target.dtype == np.float32
    assert window.past.dtype == window.known.dtype == np.float32
    assert window.observed.dtype == bool
    assert window.context.shape == window.observed.shape == (2, CONTEXT)
    assert window.past.shape == (2, CONTEXT, 2)
    assert window.known.shape == (2, CONTEXT + HORIZON, 1)
    assert window.target.shape == (2, HORIZON)


def test_what_was_observed_at_a_slot_is_what_the_history_says(panel):
    slots = np.arange(CUTOFF - 20, CUTOFF + HORIZON + 3)
    series = np.arange(len(LENGTHS))

    observed = observed_at(panel, series[:, None], slots)

    for k in series:
        for slot, value in zip(slots, observed[k], strict=True):
            expected = value_at(panel, panel.y, k, slot, missing=np.nan)
            assert np.array_equal(value, expected, equal_nan=True)
