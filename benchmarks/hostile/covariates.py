"""Ways to spoil what is known beside the target."""

import numpy as np
import pandas as pd

from benchmarks.hostile.material import (
    AUTUMN,
    HOUR,
    LARGE,
    PASSED,
    Case,
    Frame,
    all_of,
    everything,
    last,
    of,
    put,
    refused,
    share,
    some,
    then,
    warning,
    without,
)
from data_contracts.vocabulary import DS, Y

DAY = 24


def _ahead(frame: Frame) -> "pd.Series[bool]":
    return frame[DS] > AUTUMN.cutoff


def _ahead_after(hours: int, frame: Frame) -> "pd.Series[bool]":
    return frame[DS] > AUTUMN.cutoff + hours * HOUR


ALL = (
    Case(
        "covariate missing",
        "every temperature is null",
        warning("covered", beside=("fresh_covariates",)),
        put(everything, np.nan, "temp"),
    ),
    Case(
        "covariate ended",
        "there is no temperature since ten days",
        warning("covered"),
        put(last(10 * DAY), np.nan, "temp"),
    ),
    Case(
        "covariate late",
        "there is no temperature since five days",
        warning("fresh_covariates"),
        put(last(5 * DAY), np.nan, "temp"),
    ),
    Case(
        "covariate with gaps",
        "two temperatures in three are null",
        warning("covered"),
        put(share(everything, 0.67), np.nan, "temp"),
    ),
    Case(
        "covariate infinite",
        "five temperatures are infinite, which counts as missing",
        PASSED,
        put(some(of(LARGE)), np.inf, "temp"),
    ),
    Case(
        "covariate all infinite",
        "every temperature of two weeks is infinite",
        warning("covered"),
        put(last(14 * DAY), np.inf, "temp"),
    ),
    Case(
        "covariate spiked",
        "a wind speed of this week is 1e9",
        warning("plausible_covariates"),
        put(some(all_of(of(LARGE), last(DAY)), 1), 1e9, "wind_speed"),
    ),
    Case(
        "covariate in another unit",
        "temperatures are sixty times their size since a day",
        warning("plausible_covariates"),
        put(last(DAY), lambda values: 60 * values, "temp"),
    ),
    Case(
        "covariate frozen",
        "temperatures have not changed for three days, as a price may",
        PASSED,
        put(last(3 * DAY), 50, "temp"),
    ),
    Case(
        "nothing known ahead",
        "holidays of the horizon are not there",
        warning("known_ahead"),
        without(_ahead),
    ),
    Case(
        "little known ahead",
        "holidays are known for six of the next 24 hours",
        warning("known_ahead"),
        without(lambda frame: _ahead_after(6, frame)),
    ),
    Case(
        "null ahead",
        "holidays of the horizon are null",
        warning("known_ahead"),
        put(_ahead, np.nan, "holiday"),
    ),
    Case(
        "known covariate missing",
        "no holiday of the last ten days is there",
        warning("covered", beside=("fresh_covariates",)),
        put(all_of(last(10 * DAY), lambda frame: ~_ahead(frame)), np.nan, "holiday"),
    ),
    Case(
        "static covariate changes",
        "a series has another airport since a week",
        warning("constant_static"),
        lambda frame: frame.assign(
            airport=frame["airport"].mask(all_of(of(LARGE), last(168))(frame), "PHL")
        ),
    ),
    Case(
        "static covariate with holes",
        "one airport in three is null",
        PASSED,
        lambda frame: frame.assign(airport=frame["airport"].mask(share(everything, 0.3)(frame))),
        same_panel=True,
    ),
    Case(
        "covariate as text",
        "temperatures are stored as text",
        refused("covariates.past", "text"),
        lambda frame: frame.assign(temp=frame["temp"].map("{:.1f}".format)),
    ),
    Case(
        "holiday as bool",
        "holidays are stored as true and false",
        PASSED,
        lambda frame: frame.astype({"holiday": bool}),
        same_panel=True,
    ),
    Case(
        "covariates of the future",
        "weather after the night is there, and wrong",
        PASSED,
        then(put(_ahead, -1e9, Y), put(_ahead, 1e9, "temp")),
        same_panel=True,
    ),
)
