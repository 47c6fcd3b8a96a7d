from dataclasses import replace

import numpy as np
import pytest

from models.forecasters.calibration import Calibrated
from models.gate.evaluation import forecast_origins
from tasks.calibrate import _supports, adjust, calibrated, origins_to_learn_from
from tasks.contenders import CHALLENGER, baseline_of, open_contender
from tasks.evaluate import as_published, evaluate_contenders, unseen_origins

NONE = {"calibration": {"method": "none"}}


@pytest.fixture
def champion(tonight_of, store):
    tonight = tonight_of()
    return open_contender(tonight.warehouse, store(tonight), "champion")


def raw(tonight, panel, contender, origins):
    series = np.arange(panel.num_series)
    return forecast_origins(contender.forecaster, panel, series, origins, season_length=24)


def test_a_model_learns_from_origins_before_those_of_the_gate_too(tonight_of, walks, champion):
    tonight = tonight_of(calibration={"origins": 17})
    origins = unseen_origins(tonight, walks, None)

    slots = origins_to_learn_from(tonight.spec, walks, champion, origins)

    assert slots.tolist() == [*(origins[0] - 24 * np.array([3, 2, 1])), *origins]


@pytest.mark.parametrize(
    "spec", [{"calibration": {"origins": 14}}, NONE], ids=["no more are asked for", "none"]
)
def test_the_origins_of_the_gate_are_enough_where_no_more_are_asked_for(
    tonight_of, walks, champion, spec
):
    tonight = tonight_of(**spec)
    origins = unseen_origins(tonight, walks, None)
    assert origins_to_learn_from(tonight.spec, walks, champion, origins) is origins


def test_the_baseline_learns_from_the_origins_of_the_gate_alone(tonight_of, walks):
    tonight = tonight_of()
    origins = unseen_origins(tonight, walks, None)
    slots = origins_to_learn_from(tonight.spec, walks, baseline_of(tonight.spec), origins)
    assert slots is origins


def test_what_is_judged_at_an_origin_knows_nothing_after_it(tonight_of, walks, champion):
    tonight = tonight_of()
    origins = unseen_origins(tonight, walks, None)
    forecasts = raw(tonight, walks, champion, origins)
    later = forecasts.target.copy()
    later[:, 7:] += 1000

    before, _ = adjust(tonight.spec, walks, forecasts)
    changed = type(forecasts)(**vars(forecasts) | {"target": later})
    after, _ = adjust(tonight.spec, walks, changed)

    np.testing.assert_array_equal(before.quantiles[:, :8], after.quantiles[:, :8])
    assert not np.array_equal(before.quantiles[:, 8:], after.quantiles[:, 8:])


def test_without_calibration_everything_is_as_the_forecaster_says(tonight_of, walks, champion):
    tonight = tonight_of(**NONE)
    origins = unseen_origins(tonight, walks, None)
    forecasts = raw(tonight, walks, champion, origins)
    assert adjust(tonight.spec, walks, forecasts) == (forecasts, None)
    assert calibrated(tonight, walks, champion, origins) is champion


def test_who_was_judged_publishes_with_what_its_errors_taught(tonight_of, walks, champion):
    tonight = tonight_of()
    origins = unseen_origins(tonight, walks, None)
    (entry,) = evaluate_contenders.fn(tonight, walks, [champion], origins)

    publisher = as_published(tonight, walks, champion, [entry])

    assert isinstance(publisher.forecaster, Calibrated)
    assert publisher.forecaster.calibration is entry.adjustment.calibration
    assert (publisher.version, publisher.role) == (champion.version, "champion")
    assert entry.raw_coverage.shape == (24,)


def test_who_was_not_judged_is_looked_at_before_it_publishes(tonight_of, walks, store, champion):
    tonight = tonight_of()
    origins = unseen_origins(tonight, walks, None)
    (entry,) = evaluate_contenders.fn(tonight, walks, [champion], origins)
    other = open_contender(tonight.warehouse, store(tonight, seed=8), CHALLENGER)

    publisher = as_published(tonight, walks, other, [entry])

    np.testing.assert_array_equal(
        publisher.forecaster.calibration.of_lead, entry.adjustment.calibration.of_lead
    )


def test_series_are_adjusted_by_their_names_wherever_they_are_in_the_panel(
    tonight_of, walks, champion
):
    tonight = tonight_of()
    origins = unseen_origins(tonight, walks, None)
    _, adjustment = adjust(tonight.spec, walks, raw(tonight, walks, champion, origins))
    turned = type(adjustment)(adjustment.calibration, ("c", "b", "a"))
    at = np.array([0, 2]), np.full(2, walks.cutoff_slot)

    straight = adjustment.of(champion).forecaster.predict(walks, *at)
    swapped = turned.of(champion).forecaster.predict(walks, *at)
    new = type(adjustment)(adjustment.calibration, ("x", "y", "z"))

    assert not np.array_equal(straight, swapped)
    assert np.isfinite(new.of(champion).forecaster.predict(walks, *at)).all()


def test_values_that_are_news_count_from_the_origin_at_which_they_were_known(
    tonight_of, walks, champion
):
    tonight = tonight_of()
    origins = unseen_origins(tonight, walks, None)
    counts = np.rint(np.abs(walks.y))
    begun = walks.rows(0, int(origins[7]))
    counts[begun + 1] = -3.5  # the first value below zero, and the first fraction
    panel = replace(walks, y=counts)

    _, adjustment = adjust(tonight.spec, panel, raw(tonight, panel, champion, origins))
    earlier, later = _supports(panel, origins, adjustment.calibration.support)

    assert (earlier[0].non_negative, earlier[0].integral, earlier[1]) == (True, True, slice(0, 8))
    assert (later[0].non_negative, later[0].integral, later[1]) == (False, False, slice(8, 14))
    assert adjustment.calibration.support == later[0]
