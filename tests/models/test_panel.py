import dataclasses

import numpy as np
import pytest


@pytest.fixture
def panel(make_panel):
    return make_panel([[1, 2, 3], [4], [5, np.nan, 6, 7]], horizon=2, cutoff_slot=100)


def test_lengths_count_the_steps_up_to_the_cutoff(panel):
    assert panel.num_series == 3
    np.testing.assert_array_equal(panel.lengths, [3, 1, 4])
    np.testing.assert_array_equal(panel.first_slots, [98, 100, 97])


@pytest.mark.parametrize(("slot", "lengths"), [(100, [3, 1, 4]), (98, [1, 0, 2]), (90, [0, 0, 0])])
def test_lengths_until_a_slot_count_the_steps_up_to_it(panel, slot, lengths):
    np.testing.assert_array_equal(panel.lengths_until(slot), lengths)


def test_a_history_ends_at_the_cutoff(panel):
    np.testing.assert_array_equal(panel.history(0), [1, 2, 3])
    np.testing.assert_array_equal(panel.history(2), [5, np.nan, 6, 7])


def test_every_slot_of_a_series_has_its_row(panel):
    for series in range(panel.num_series):
        for number in range(panel.lengths[series] + panel.horizon):
            slot = panel.first_slots[series] + number
            row = panel.rows(np.array(series), np.array(slot))
            assert row == panel.indptr[series] + number


def test_slots_that_a_series_does_not_have_lie_outside_its_rows(panel):
    for series in range(panel.num_series):
        slots = np.array([panel.first_slots[series] - 1, panel.cutoff_slot + panel.horizon + 1])
        before, after = panel.rows(np.array(series), slots)
        assert before < panel.indptr[series]
        assert after >= panel.indptr[series + 1]


def test_nothing_is_observed_after_the_cutoff(panel):
    for series in range(panel.num_series):
        after = slice(panel.indptr[series + 1] - panel.horizon, panel.indptr[series + 1])
        assert not panel.observed[after].any()
        assert np.isnan(panel.y[after]).all()


def test_a_panel_cannot_be_given_other_fields(panel):
    with pytest.raises(dataclasses.FrozenInstanceError):
        panel.horizon = 3


def test_series_that_were_taken_out_can_be_put_back(panel):
    some, others = panel.select(np.array([0, 2])), panel.select(np.array([1]))

    joined = some.joined(others)

    for field in dataclasses.fields(panel):
        np.testing.assert_array_equal(getattr(joined, field.name), getattr(panel, field.name))
