from dataclasses import replace

import numpy as np
import pytest

from benchmarks.gate.year import (
    GATE,
    Course,
    Desk,
    Published,
    histories,
    lead_over,
    replay,
    rmse,
    trained_on,
)
from benchmarks.gate.year_pool import GATE_ORIGINS, Training, Year, trainings
from data_contracts.spec import DECILES
from models.forecasters.support import Support

NIGHTS, DAY, SERIES = 28, 24, 4
BROKEN = {"short": range(1, 4, 2)}
NORMAL = np.array([-1.28, -0.84, -0.52, -0.25, 0, 0.25, 0.52, 0.84, 1.28])


def forecast(target, *, error, rng):
    """Quantiles around what came, off by so much and right about that."""
    centre = np.where(np.isnan(target), 0, target) + error * rng.normal(size=target.shape)
    return (centre[..., None] + error * NORMAL).astype(np.float32)


@pytest.fixture(scope="module")
def year():
    """Each training is a little better than the one before; those cut short are far worse."""
    rng = np.random.default_rng(0)
    steps = 60 * DAY + (NIGHTS + GATE_ORIGINS) * DAY
    y = 100 + 10 * rng.normal(size=(SERIES, steps))
    panel = _panel(y)
    last = panel.cutoff_slot - DAY
    origins = last - DAY * np.arange(NIGHTS + GATE_ORIGINS - 1, -1, -1)
    places = (origins - panel.first_slots[0])[:, None] + 1 + np.arange(DAY)
    target = y[:, places].astype(np.float32)
    errors = {0: 5.0, 7: 4.5, 14: 4.0, 21: 3.5}
    trained = {}
    for each in trainings(NIGHTS):
        trained[each] = forecast(target, error=errors[each.night], rng=rng)
        trained[each][:, : each.night] = np.nan
    for night in (7, 21):
        trained[Training(night, "short")] = forecast(target, error=30.0, rng=rng)
    return Year(
        name="made up",
        panel=panel,
        origins=origins,
        season_length=DAY,
        support=Support(),
        target=target,
        baseline=forecast(target, error=12.0, rng=rng),
        trained=trained,
    )


def _panel(y):
    from data_contracts.frequency import Grid
    from models.panel import Panel

    num_series, steps = y.shape
    whole = np.hstack([y, np.full((num_series, DAY), np.nan)]).astype(np.float32)
    none = np.zeros((whole.size, 0), np.float32)
    return Panel(
        unique_ids=tuple("abcd"[:num_series]),
        indptr=np.arange(num_series + 1) * whole.shape[1],
        y=whole.ravel(),
        observed=~np.isnan(whole.ravel()),
        past=none,
        known=none,
        static=np.zeros((num_series, 0), dtype=str),
        past_names=(),
        known_names=(),
        static_names=(),
        grid=Grid("h"),
        cutoff_slot=steps + 1000,
        horizon=DAY,
    )


@pytest.fixture(scope="module")
def told(year):
    return replay(year, BROKEN, calibrated=False)


def test_what_goes_wrong_takes_the_place_of_the_sound_training():
    assert trained_on(0, BROKEN) == Training(0)
    assert trained_on(7, BROKEN) == Training(7, "short")
    assert trained_on(8, BROKEN) is None
    assert trained_on(7, {}) == Training(7)


def test_each_policy_does_what_it_is_called_after(told):
    changes = {name: _changes(each.course) for name, each in told.items()}
    sound, short = [0, 14], [7, 21]

    assert changes["never retrained"] == {0: Training(0)}
    assert changes["always promoted"] == {
        **{night: Training(night) for night in sound},
        **{night: Training(night, "short") for night in short},
    }
    assert changes["RMSE <"] == {night: Training(night) for night in sound}
    assert changes[GATE] == {night: Training(night) for night in sound}
    assert len(told[GATE].course.verdicts) == NIGHTS


def test_the_gate_is_better_than_the_others_where_trainings_go_wrong(told):
    assert told[GATE].promotions == 1
    assert lead_over(told[GATE], told["RMSE <"]) == (0, 0, 0)
    for other in ("never retrained", "always promoted"):
        saved, low, high = lead_over(told[GATE], told[other])
        assert 0 < low < saved < high


def test_a_bad_champion_gives_way_to_the_baseline(year):
    worst = {Training(night): year.baseline + 100 for night in range(0, NIGHTS, 7)}

    told = replay(replace(year, trained=worst), {}, calibrated=False)

    assert told[GATE].course.who == [None] * NIGHTS


def test_a_policy_publishes_what_was_forecast_from_the_origin_of_the_night(year, told):
    desk, night = Desk(year, calibrated=False), 16
    place = night + GATE_ORIGINS
    target, quantiles = year.target[:, place], year.trained[Training(14)][:, place]
    error = target[..., None] - quantiles
    levels = np.array(DECILES)
    pinball = 2 * np.maximum(levels * error, (levels - 1) * error).mean(axis=(1, 2))

    np.testing.assert_allclose(told[GATE].pinball[:, night], pinball, rtol=1e-5)
    total = told[GATE].pinball.sum() / told[GATE].absolute_y.sum()
    assert told[GATE].wql() == pytest.approx(total)
    judged = desk.judged(Training(14), night)
    np.testing.assert_array_equal(judged.origins, year.origins[night:place])
    errors = year.target[:, night:place] - year.trained[Training(14)][:, night:place, :, 4]
    assert rmse(judged) == pytest.approx(np.sqrt((errors**2).mean()), rel=1e-5)


def test_calibration_uses_nothing_that_the_night_does_not_know(year):
    later = year.target.copy()
    later[:, 16 + GATE_ORIGINS :] = 1e6
    known, unknown = (Desk(each, calibrated=True) for each in (year, replace(year, target=later)))

    for who in (None, Training(14)):
        for losses in ("published", "judged"):
            one, other = (getattr(desk, losses)(who, 16) for desk in (known, unknown))
            np.testing.assert_array_equal(one.pinball, other.pinball)


def test_resampled_years_are_made_of_blocks_of_nights():
    drawn = histories(30)

    assert drawn.shape[1] == 30
    steps = np.diff(drawn[:, :14], axis=1) % 30
    assert (steps == 1).all()
    assert (np.bincount(drawn.ravel(), minlength=30) > 0).all()


def _changes(course: Course):
    before, found = None, {}
    for night, who in enumerate(course.who):
        if who != before:
            found[night] = who
        before = who
    return found


def test_promotions_count_changes_after_the_first_night(year):
    first, second = Training(0), Training(7)
    desk = Desk(year, calibrated=False)

    published = Published.of(desk, Course([first] * 10 + [second] * 3 + [None] * 2))

    assert published.promotions == 1
