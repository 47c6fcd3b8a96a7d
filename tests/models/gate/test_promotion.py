from dataclasses import replace

import numpy as np
import pytest

from models.gate.evaluation import Losses
from models.gate.promotion import Rules, decide

LEVELS = (0.1, 0.5, 0.9)
RULES = Rules(levels=LEVELS, resamples=500)


def losses_of(pinball, *, scale=1.0, covered=0.8, error=0.0, horizon=24, every=24):
    """Losses with a given scaled pinball, shape (S, O), of windows that were fully observed."""
    pinball = np.asarray(pinball, float)
    shape = pinball.shape
    return Losses(
        unique_ids=tuple(f"series-{k}" for k in range(shape[0])),
        origins=100 + every * np.arange(shape[1]),
        horizon=horizon,
        quantile_levels=LEVELS,
        steps=np.full(shape, horizon),
        absolute_error=pinball * scale,
        scale=np.full(shape, float(scale)),
        pinball=pinball * scale,
        absolute_y=np.full(shape, 10.0),
        covered=np.full(shape, float(covered)),
        error=np.full(shape, error),
    )


def night(rng, *, num_series=10, num_origins=14, gain=0.0):
    """Loss of a reference and of one that is better by `gain` but for noise of its own."""
    shared = np.exp(0.3 * rng.normal(size=num_origins))
    own = np.exp(0.2 * rng.normal(size=(2, num_series, num_origins)))
    return shared * own[0], (1 - gain) * shared * own[1]


@pytest.fixture
def reference():
    return night(np.random.default_rng(1))[0]


def better(reference, gain, **kwargs):
    """A twin that is better by the same share everywhere."""
    return losses_of((1 - gain) * reference, **kwargs)


def spoilt(losses, value):
    """The same losses with one odd window."""
    pinball = losses.pinball.copy()
    pinball[0, 3] = value
    return replace(losses, pinball=pinball)


def worse_for_one_series(reference):
    """Half the loss for all series but the first, which loses half as much again as the worst."""
    pinball = 0.5 * reference
    pinball[0] = 1.3 * reference.mean(axis=1).max() * np.linspace(0.9, 1.1, reference.shape[1])
    return losses_of(pinball)


CASES = [
    pytest.param(
        lambda r: {"new": better(r, 0.2)},
        lambda r: better(r, 0.1),
        ("promoted", "new"),
        "new gains 11.1 % over the champion (at least 11.1 %) and gains 20.0 % over the baseline",
        id="better than both",
    ),
    pytest.param(
        lambda r: {"new": better(r, 0.2)},
        lambda r: None,
        ("promoted", "new"),
        "new gains 20.0 % over the baseline (at least 20.0 %) (on 14 unseen origins).",
        id="better than the baseline, no champion",
    ),
    pytest.param(
        lambda r: {"good": better(r, 0.2), "best": better(r, 0.3)},
        lambda r: better(r, 0.1),
        ("promoted", "best"),
        "best gains 22.2 %",
        id="two that pass",
    ),
    pytest.param(
        lambda r: {"new": better(r, 0.1)},
        lambda r: better(r, 0.2),
        ("kept", "champion"),
        "new loses 12.5 % against the champion (at least 12.5 %) and gains 10.0 %",
        id="worse than the champion",
    ),
    pytest.param(
        lambda r: {"new": better(r, 0.2)},
        lambda r: better(r, 0.2),
        ("kept", "champion"),
        "which is no proof",
        id="the champion once more",
    ),
    pytest.param(
        lambda r: {},
        lambda r: better(r, 0.2),
        ("kept", "champion"),
        "there is no challenger",
        id="no challenger",
    ),
    pytest.param(
        lambda r: {},
        lambda r: None,
        ("baseline", "baseline"),
        "there is no champion; there is no challenger",
        id="nobody but the baseline",
    ),
    pytest.param(
        lambda r: {"new": better(r, -0.1)},
        lambda r: None,
        ("baseline", "baseline"),
        "new loses 10.0 % against the baseline",
        id="worse than the baseline, no champion",
    ),
    pytest.param(
        lambda r: {"new": better(r, -0.1)},
        lambda r: better(r, -0.2),
        ("baseline", "baseline"),
        "the champion loses 20.0 % against the baseline (at least 20.0 %)",
        id="champion and challenger worse than the baseline",
    ),
    pytest.param(
        lambda r: {"new": better(r, 0.1)},
        lambda r: better(r, -0.2),
        ("promoted", "new"),
        "new gains 10.0 % over the baseline",
        id="champion worse than the baseline, challenger better",
    ),
    pytest.param(
        lambda r: {"new": better(r, 0.2, covered=0.5)},
        lambda r: better(r, 0.1),
        ("blocked", "champion"),
        "covers 50.0 % of the actuals, less than 64.0 %",
        id="intervals too narrow",
    ),
    pytest.param(
        lambda r: {"new": worse_for_one_series(r)},
        lambda r: losses_of(r),
        ("blocked", "champion"),
        "the loss of its worst tenth of series is",
        id="worst tenth of the series much worse",
    ),
    pytest.param(
        lambda r: {"new": better(r, 0.2, covered=0.99)},
        lambda r: better(r, 0.1),
        ("blocked", "champion"),
        "covers 99.0 % of the actuals, more than 95.0 %",
        id="intervals too wide",
    ),
    pytest.param(
        lambda r: {"new": better(r, 0.2, covered=0.99)},
        lambda r: better(r, 0.1, covered=0.995),
        ("promoted", "new"),
        "new gains 11.1 % over the champion",
        id="intervals too wide, those of the champion wider",
    ),
    pytest.param(
        lambda r: {"new": better(r, 0.2, covered=0.6)},
        lambda r: better(r, 0.1, covered=0.5),
        ("promoted", "new"),
        "new gains 11.1 % over the champion",
        id="intervals too narrow, those of the champion narrower",
    ),
    pytest.param(
        lambda r: {"new": better(r, 0.2, error=-1.5)},
        lambda r: better(r, 0.1, error=0.4),
        ("blocked", "champion"),
        "its bias of -15.0 % is further from 0 than the 4.0 % of the champion by more than 10.0 %",
        id="biased",
    ),
    pytest.param(
        lambda r: {"new": better(r, 0.105)},
        lambda r: better(r, 0.1),
        ("kept", "champion"),
        "less than the 1.5 % that is worth a change",
        id="better beyond doubt by next to nothing",
    ),
    pytest.param(
        lambda r: {"new": better(r, 0.2, covered=0.5)},
        lambda r: None,
        ("baseline", "baseline"),
        "covers 50.0 % of the actuals",
        id="intervals too narrow, no champion",
    ),
    pytest.param(
        lambda r: {"new": spoilt(better(r, 0.2), np.nan)},
        lambda r: better(r, 0.1),
        ("blocked", "champion"),
        "new has losses that are not finite in 1 of 140 windows",
        id="a challenger with NaN",
    ),
    pytest.param(
        lambda r: {"new": spoilt(better(r, 0.2), np.inf), "sound": better(r, 0.2)},
        lambda r: better(r, 0.1),
        ("promoted", "sound"),
        "sound gains",
        id="a challenger with infinity beside a sound one",
    ),
    pytest.param(
        lambda r: {},
        lambda r: spoilt(better(r, 0.1), np.nan),
        ("baseline", "baseline"),
        "the champion has losses that are not finite in 1 of 140 windows",
        id="a champion with NaN",
    ),
    pytest.param(
        lambda r: {"new": better(r[:5], 0.2)},
        lambda r: better(r, 0.1),
        ("kept", "champion"),
        "new was scored on other windows and is judged another night",
        id="a challenger scored on other series",
    ),
    pytest.param(
        lambda r: {"new": replace(better(r, 0.2), quantile_levels=(0.5,))},
        lambda r: better(r, 0.1),
        ("blocked", "champion"),
        "new was scored on other quantile levels",
        id="a challenger with other levels",
    ),
    pytest.param(
        lambda r: {"new": better(r, 0.2, horizon=12)},
        lambda r: better(r, 0.1),
        ("blocked", "champion"),
        "new was scored over 12 steps instead of 24",
        id="a challenger with another horizon",
    ),
]


@pytest.mark.parametrize(("challengers", "champion", "decided", "words"), CASES)
def test_each_case_has_its_decision_and_reason(reference, challengers, champion, decided, words):
    verdict = decide(challengers(reference), champion(reference), losses_of(reference), RULES)

    assert (verdict.outcome, verdict.contender) == decided
    assert words in verdict.reason
    assert verdict.reason.endswith("(on 14 unseen origins).")


def few_origins(r):
    return losses_of(r[:, :4])


def overlapping(r):
    return losses_of(r, every=2)


def constant_series(r):
    return losses_of(r, scale=0.0)


def nothing_observed(r):
    return replace(losses_of(r), steps=np.zeros(r.shape, int))


def broken_baseline(r):
    return spoilt(losses_of(r), np.nan)


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        pytest.param(
            few_origins, "the comparable origins are 4, at least 5 are needed", id="few origins"
        ),
        pytest.param(lambda r: losses_of(r[:, :1]), "are 1, at least 5", id="one origin"),
        pytest.param(lambda r: losses_of(r[:, :0]), "are 0, at least 5", id="no origin"),
        pytest.param(lambda r: losses_of(r[:0]), "are 0, at least 5", id="no series"),
        pytest.param(overlapping, "are 14, at least 24 are needed", id="overlap"),
        pytest.param(constant_series, "are 0, at least 5", id="constant series"),
        pytest.param(nothing_observed, "are 0, at least 5", id="nothing observed"),
        pytest.param(broken_baseline, "the baseline has losses that are not finite", id="baseline"),
    ],
)
def test_without_judgement_the_champion_stays_or_the_baseline_publishes(reference, odd, words):
    baseline = odd(reference)
    twin = replace(baseline, pinball=np.nan_to_num(baseline.pinball) / 2)

    with_champion = decide({"new": twin}, twin, baseline, RULES)
    without = decide({"new": twin}, None, baseline, RULES)

    assert (with_champion.outcome, with_champion.contender) == ("kept", "champion")
    assert (without.outcome, without.contender) == ("baseline", "baseline")
    assert words in with_champion.reason
    assert words in without.reason


def test_one_series_is_enough_for_a_judgement(reference):
    verdict = decide({"new": better(reference[:1], 0.2)}, None, losses_of(reference[:1]), RULES)

    assert verdict.outcome == "promoted"


def test_a_perfect_reference_is_not_beaten(reference):
    perfect = losses_of(0 * reference)

    assert decide({"new": perfect}, perfect, perfect, RULES).outcome == "kept"
    assert decide({"new": losses_of(reference)}, None, perfect, RULES).outcome == "baseline"


def test_series_that_cannot_be_scaled_do_not_count(reference):
    baseline, challenger = losses_of(reference), better(reference, 0.2)
    scale = baseline.scale.copy()
    scale[2], scale[3] = 0, np.nan
    challenger.pinball[2:4] = 1e6

    verdict = decide({"new": challenger}, None, replace(baseline, scale=scale), RULES)

    assert verdict.numbers["new.gain_over_baseline"] == pytest.approx(0.2)


def test_the_unit_of_a_series_does_not_matter(reference):
    units = 10.0 ** np.arange(len(reference))[:, None]
    plain = decide({"new": better(reference, 0.2)}, None, losses_of(reference), RULES)
    other = decide(
        {"new": replace(better(reference, 0.2), pinball=0.8 * reference * units)},
        None,
        replace(losses_of(reference), pinball=reference * units, scale=units * np.ones((1, 14))),
        RULES,
    )

    assert other.numbers == pytest.approx(plain.numbers)


def test_the_same_seed_gives_the_same_verdict():
    baseline, challenger = night(np.random.default_rng(5), gain=0.1)
    contest = {"new": losses_of(challenger)}, None, losses_of(baseline), RULES

    assert decide(*contest) == decide(*contest)
    assert decide(*contest[:3], replace(RULES, seed=8)).numbers != decide(*contest).numbers


def test_several_challengers_share_alpha():
    baseline, challenger = (losses_of(x) for x in night(np.random.default_rng(5), gain=0.1))
    alone = decide({"a": challenger}, None, baseline, RULES)
    crowd = decide(dict.fromkeys("abcdef", challenger), None, baseline, RULES)

    bound = "a.gain_over_baseline_at_least"
    assert crowd.numbers[bound] < alone.numbers[bound]


def test_everyone_who_is_not_promoted_has_a_reason(reference):
    challengers = {"best": better(reference, 0.3), "good": better(reference, 0.2)}
    challengers["bad"] = better(reference, -0.3)
    verdict = decide(challengers, None, losses_of(reference), RULES)

    assert verdict.rejected["good"] == "is good enough, but best is better"
    assert "no proof" in verdict.rejected["bad"]
    assert "best" not in verdict.rejected


def two_halves(reference, first, second):
    """Another gain in the first half of the series than in the second."""
    half = len(reference) // 2
    gains = np.where(np.arange(len(reference)) < half, first, second)
    return losses_of((1 - gains[:, None]) * reference)


HALVES = {"region": ["north"] * 5 + ["south"] * 5}


def test_who_is_much_worse_on_a_segment_is_stopped(reference):
    many = np.tile(reference, (4, 1))
    contest = (
        {"new": two_halves(many, -0.3, 0.7)},
        None,
        losses_of(many),
        replace(RULES, max_worst_tenth=2),
    )
    halves = {"region": ["north"] * 20 + ["south"] * 20}

    verdict = decide(*contest, halves)

    assert decide(*contest).outcome == "promoted"
    assert verdict.outcome == "baseline"
    assert "loss on region north is 1.3 times that of the baseline, more than 1.2" in verdict.reason
    assert verdict.numbers["new.worst_segment"] == pytest.approx(1.3)


def test_a_segment_with_a_gain_like_all_others_stops_nobody(reference):
    verdict = decide({"new": better(reference, 0.2)}, None, losses_of(reference), RULES, HALVES)

    assert verdict.outcome == "promoted"
    assert verdict.numbers["new.worst_segment"] == pytest.approx(0.8)


@pytest.mark.parametrize(
    "labels",
    [
        pytest.param([f"shop {k}" for k in range(10)], id="one series each"),
        pytest.param(["all"] * 10, id="all series"),
        pytest.param([""] * 9 + ["odd"], id="one against the rest"),
    ],
)
def test_a_segment_too_small_to_tell_stops_nobody(reference, labels):
    rng = np.random.default_rng(3)
    noisy = losses_of(0.7 * reference * np.exp(0.1 * rng.normal(size=reference.shape)))

    verdict = decide({"new": noisy}, None, losses_of(reference), RULES, {"shop": labels})

    assert verdict.outcome == "promoted"


def test_an_equal_replaces_a_champion_past_its_age_and_no_other():
    rng = np.random.default_rng(4)
    shared = np.exp(0.3 * rng.normal(size=14))
    old, new = shared * np.exp(0.03 * rng.normal(size=(2, 20, 14)))
    contest = {"new": losses_of(new)}, losses_of(old), losses_of(1.2 * old)

    assert decide(*contest, RULES).outcome == "kept"
    assert decide(*contest, replace(RULES, overdue=True)).outcome == "promoted"


def test_an_equal_that_follows_an_old_champion_is_said_to_be_one(reference):
    contest = {"new": better(reference, 0.101)}, better(reference, 0.1), losses_of(reference)

    verdict = decide(*contest, replace(RULES, overdue=True))

    assert verdict.outcome == "promoted"
    gained = verdict.numbers["new.gain_over_champion_at_least"]
    assert ("enough to follow a champion past its age" in verdict.reason) is (gained <= 0)


def test_who_may_be_worse_by_more_than_the_margin_does_not_replace_an_old_champion(reference):
    contest = {"new": better(reference, 0.07)}, better(reference, 0.1), losses_of(reference)

    verdict = decide(*contest, replace(RULES, overdue=True))

    assert verdict.outcome == "kept"
    assert "so it may be worse by more than 2.0 %" in verdict.reason


def test_who_was_scored_on_other_windows_is_judged_another_night(reference):
    others = {"late": better(reference[:, 1:], 0.3), "new": better(reference, 0.2)}

    verdict = decide(others, None, losses_of(reference), RULES)

    assert (verdict.contender, verdict.unjudged) == ("new", ("late",))
    assert "late" not in verdict.rejected


def test_a_champion_scored_on_other_windows_stays(reference):
    verdict = decide(
        {"new": better(reference, 0.2)}, better(reference[:, 1:], 0.1), losses_of(reference), RULES
    )

    assert (verdict.outcome, verdict.unjudged) == ("kept", ("new",))
    assert "the champion was scored on other windows" in verdict.reason


def test_where_nothing_can_be_judged_only_who_never_can_is_rejected(reference):
    few = reference[:, :4]
    rivals = {"new": better(few, 0.2), "other": replace(better(few, 0.2), quantile_levels=(0.5,))}

    verdict = decide(rivals, None, losses_of(few), RULES)

    assert verdict.unjudged == ("new",)
    assert verdict.rejected == {"other": "was scored on other quantile levels"}


def share_promoted(gain):
    rng = np.random.default_rng(11)
    nights = [night(rng, gain=gain) for _ in range(200)]
    verdicts = [
        decide({"new": losses_of(new)}, losses_of(old), losses_of(1.2 * old), RULES)
        for old, new in nights
    ]
    return np.mean([verdict.outcome == "promoted" for verdict in verdicts])


def test_an_equal_is_hardly_ever_promoted():
    assert share_promoted(0.0) <= 0.05


def test_a_tenth_better_is_nearly_always_promoted():
    assert share_promoted(0.1) >= 0.9
