from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data_contracts.errors import SpecError
from models.forecasters.baselines import (
    baseline_names,
    build_baseline,
    check_baseline,
    mean_scaled_losses,
)
from models.forecasters.seasonal_naive import SeasonalNaive
from models.forecasters.statistical import Statistical
from models.gate.evaluation import evaluate


@pytest.fixture
def losses(make_panel):
    """Of three series, one of them constant, at four origins."""
    rng = np.random.default_rng(0)
    panel = make_panel([rng.normal(9, 2, 60), rng.normal(5, 1, 50), np.full(60, 3.0)], horizon=4)
    naive = SeasonalNaive((6,), horizon=4, quantile_levels=(0.1, 0.5, 0.9))
    origins = panel.cutoff_slot - np.array([16, 12, 8, 4])
    return evaluate(naive, panel, np.arange(3), origins, season_length=6)


@pytest.mark.parametrize("name", baseline_names())
def test_every_name_builds_a_forecaster_of_that_name(name):
    forecaster = build_baseline(name, (6, 12), horizon=4, quantile_levels=(0.1, 0.5, 0.9))

    assert forecaster.name == name
    assert forecaster.horizon == 4
    assert forecaster.quantile_levels == (0.1, 0.5, 0.9)
    assert isinstance(forecaster, SeasonalNaive if name == "seasonal_naive" else Statistical)


@pytest.mark.parametrize("name", baseline_names())
def test_every_name_has_its_figures_on_the_page_about_baselines(name):
    page = (Path(__file__).parents[3] / "docs" / "baselines.md").read_text(encoding="utf-8")

    assert f"`{name}`" in page


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        pytest.param("autoets", "; did you mean AutoETS?", id="case"),
        pytest.param("AutoETC", "; did you mean AutoETS?", id="typing error"),
        pytest.param("seasonalnaive", "; did you mean SeasonalNaive?", id="between two"),
        pytest.param("oracle of Delphi", "got 'oracle of Delphi'.", id="nothing like it"),
    ],
)
def test_an_unknown_name_is_refused_in_one_sentence(name, hint):
    with pytest.raises(SpecError) as caught:
        check_baseline(name)

    assert str(caught.value).startswith("baseline: expected one or several of seasonal_naive, ")
    assert str(caught.value).endswith(hint)
    assert all(known in str(caught.value) for known in baseline_names())


def test_mean_losses_answer_to_a_loop(losses):
    worse = replace(losses, pinball=losses.pinball * np.array([[1.0], [3.0], [1.0]]))
    worse.pinball[0, 1] = np.nan  # then the window counts for neither

    expected = []
    for contender in (losses, worse):
        of_origins = [
            np.mean(
                [
                    contender.pinball[series, origin] / losses.scale[series, origin]
                    for series in (0, 1)  # the constant one has no scale
                    if (series, origin) != (0, 1)
                ]
            )
            for origin in range(4)
        ]
        expected.append(np.mean(of_origins))

    np.testing.assert_allclose(mean_scaled_losses([losses, worse]), expected)


def test_nothing_that_can_be_compared_has_no_mean(losses):
    unseen = replace(losses, steps=np.zeros_like(losses.steps))

    assert np.isnan(mean_scaled_losses([unseen, unseen])).all()
