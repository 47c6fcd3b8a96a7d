from dataclasses import fields, replace

import numpy as np
import pytest

from data_contracts.errors import RefusedError
from models import scores
from models.forecasters.seasonal_naive import SeasonalNaive
from models.gate import evaluation
from models.gate.evaluation import evaluate, seasonal_errors, summary

LEVELS = (0.1, 0.5, 0.9)


@pytest.fixture
def panel(make_panel):
    """Series with gaps, one constant, one that begins late, one never observed."""
    rng = np.random.default_rng(1)
    histories = [rng.normal(9, 4, length) for length in (90, 60, 70, 80, 14, 40)]
    for y in histories:
        y[rng.random(len(y)) < 0.2] = np.nan
    histories[3][:] = 5
    histories[5][:] = np.nan
    return make_panel(histories, horizon=4)


@pytest.fixture
def origins(panel):
    return panel.cutoff_slot - np.array([13, 9, 8, 4])


@pytest.fixture
def naive():
    return SeasonalNaive((3, 6), horizon=4, quantile_levels=LEVELS)


@pytest.fixture
def losses(naive, panel, origins):
    return evaluate(naive, panel, np.arange(6), origins, season_length=6)


def windows(panel, origins):
    """History and target of each window, by position of series and origin."""
    for row in range(panel.num_series):
        for column, origin in enumerate(origins):
            end = origin + 1 - panel.first_slots[row]
            y = panel.history(row)
            yield (row, column), y[: max(0, end)], y[max(0, end) : end + 4].astype(float)


def test_losses_answer_to_a_loop(losses, naive, panel, origins):
    for (row, column), history, target in windows(panel, origins):
        observed = ~np.isnan(target)
        if np.isnan(history).all():
            observed[:] = False
        assert losses.steps[row, column] == observed.sum()
        if not observed.any():
            continue
        forecast = naive.predict(panel, np.array([row]), origins[[column]])[0].astype(float)
        median = forecast[observed, 1]
        y = target[observed]
        pinball = scores.pinball(y, forecast[observed], levels=LEVELS)
        expected = {
            "absolute_error": np.mean(np.abs(y - median)),
            "pinball": pinball.mean(),
            "absolute_y": np.mean(np.abs(y)),
            "covered": scores.coverage(y, forecast[observed], levels=LEVELS),
            "error": np.mean(median - y),
        }
        for name, value in expected.items():
            assert getattr(losses, name)[row, column] == pytest.approx(value), name


def test_the_losses_of_a_window_are_the_means_of_its_steps(losses):
    with np.errstate(invalid="ignore"):
        for name, of_steps in vars(losses.leads).items():
            seen = ~np.isnan(of_steps)
            mean = np.where(seen, of_steps, 0).sum(axis=2) / seen.sum(axis=2)
            np.testing.assert_allclose(getattr(losses, name), mean, rtol=1e-6)
            assert (seen.sum(axis=2) == losses.steps).all()


def test_the_scale_of_every_origin_is_that_of_its_own_history(losses, panel, origins):
    for place, history, _ in windows(panel, origins):
        scale = scores.seasonal_error(history, season_length=6)
        assert losses.scale[place] == pytest.approx(scale, nan_ok=True)


def test_a_window_without_history_does_not_count(losses, panel, origins):
    late = 4
    assert panel.lengths[late] == 14
    _, any_history = seasonal_errors(panel, np.array([late]), origins - 2, season_length=6)

    assert any_history.tolist() == [[False, True, True, True]]
    assert (losses.steps[5] == 0).all()
    assert np.isnan(losses.pinball[5]).all()


def test_the_summary_answers_to_a_loop(losses, naive, panel, origins):
    of_series, pinball, size, inside, error, steps = [], 0.0, 0.0, 0, 0.0, 0
    for row in range(panel.num_series):
        of_origins = []
        for column in range(len(origins)):
            num = losses.steps[row, column]
            if not num:
                continue
            if losses.scale[row, column] > 0:
                scaled = losses.absolute_error[row, column] / losses.scale[row, column]
                of_origins.append(scaled)
            pinball += num * losses.pinball[row, column]
            size += num * losses.absolute_y[row, column]
            inside += num * losses.covered[row, column]
            error += num * losses.error[row, column]
            steps += num
        if of_origins:
            of_series.append(np.mean(of_origins))

    result = summary(losses)

    expected = (np.mean(of_series), pinball / size, inside / steps, 0.8, error / size, 2)
    assert result == pytest.approx(expected)


def test_the_summary_keeps_the_conventions_of_the_scores(make_panel):
    rng = np.random.default_rng(2)
    panel = make_panel(rng.normal(9, 4, (5, 80)), horizon=4)
    naive = SeasonalNaive((6,), horizon=4, quantile_levels=LEVELS)
    origin = panel.cutoff_slot - 4
    losses = evaluate(naive, panel, np.arange(5), np.array([origin]), season_length=6)
    target = np.stack([panel.history(k)[-4:] for k in range(5)])
    forecast = naive.predict(panel, np.arange(5), np.full(5, origin))

    result = summary(losses)

    assert result.wql == pytest.approx(scores.wql(target, forecast, levels=LEVELS))
    mase = scores.mase(target, forecast[..., 1], scale=losses.scale[:, 0])
    assert result.mase == pytest.approx(mase)
    assert result.bias == pytest.approx(scores.bias(target, forecast[..., 1]))
    assert result.coverage == pytest.approx(scores.coverage(target, forecast, levels=LEVELS))


def test_the_size_of_a_batch_changes_nothing(losses, naive, panel, origins, monkeypatch):
    monkeypatch.setattr(evaluation, "BATCH_SIZE", 5)
    calls = []

    again = evaluate(
        naive,
        panel,
        np.arange(6),
        origins,
        season_length=6,
        progress=lambda done, total: calls.append((done, total)),
    )

    for name in (field.name for field in fields(losses) if field.name != "leads"):
        np.testing.assert_array_equal(getattr(again, name), getattr(losses, name))
    for name, values in vars(losses.leads).items():
        np.testing.assert_array_equal(getattr(again.leads, name), values)
    assert calls == [(5, 24), (10, 24), (15, 24), (20, 24), (24, 24)]


def test_some_series_in_any_order_can_be_evaluated(losses, naive, panel, origins):
    some = evaluate(naive, panel, np.array([2, 0]), origins, season_length=6)

    assert some.unique_ids == (panel.unique_ids[2], panel.unique_ids[0])
    np.testing.assert_array_equal(some.pinball, losses.pinball[[2, 0]])


def test_nothing_is_scored_on_what_it_was_trained_on(naive, panel, origins):
    naive.trained_until = int(origins[0]) + 1

    with pytest.raises(RefusedError, match="seasonal_naive trained up to slot 988"):
        evaluate(naive, panel, np.arange(6), origins, season_length=6)


def test_training_up_to_the_first_origin_is_accepted(naive, panel, origins):
    naive.trained_until = int(origins[0])

    assert evaluate(naive, panel, np.arange(6), origins, season_length=6).steps.any()


def test_a_forecast_that_is_not_finite_shows_in_every_score(losses):
    pinball, absolute_error = losses.pinball.copy(), losses.absolute_error.copy()
    pinball[0, 0] = absolute_error[0, 0] = np.nan

    result = summary(replace(losses, pinball=pinball, absolute_error=absolute_error))

    assert np.isnan(result.wql)
    assert np.isnan(result.mase)


def test_without_origins_every_score_is_nan(naive, panel):
    nothing = evaluate(naive, panel, np.arange(6), np.empty(0, np.int64), season_length=6)

    assert nothing.steps.shape == (6, 0)
    assert np.isnan(summary(nothing)[:3]).all()
    assert summary(nothing).excluded == 6
