"""Whether what is not known at `as_of` can change what a night reads.

The rows of some nights are perturbed in every way that the night must not see; each time the
snapshot must keep its digest, and the profile its numbers.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from benchmarks.hostile.material import HOUR, PASSED, Case, Cut, Frame, clean, write
from data_contracts.vocabulary import DS, UNIQUE_ID, Y
from tasks.stores.observations import read_observations
from tasks.stores.snapshots import save_panel

KNOWN_SINCE = "known_since"
WEATHER = ["temp", "wind_speed", "precip"]
NIGHTS = ("2013-08-20", "2013-09-13", "2013-10-16", "2013-10-27", "2013-11-03", "2013-11-29")
Perturb = Callable[[Frame, Cut, np.random.Generator], Frame]


@dataclass(frozen=True)
class Read:
    """What a night read: the digest of its snapshot, and the profile as bytes."""

    digest: str
    profile: bytes


def perturbations(rounds: int) -> Iterator[bool]:
    """Whether each perturbation changed anything.

    Args:
        rounds: How often each way is tried on each night, with other random numbers.
    """
    for night in NIGHTS:
        as_of = pd.Timestamp(night, tz="America/New_York").tz_convert("UTC")
        cut = Cut(str((as_of - pd.Timedelta(days=45)).date()), as_of)
        for ways, source in ((BY_TIME, {}), (BY_KNOWLEDGE, {"available_at": KNOWN_SINCE})):
            rows = _with_delays(clean(cut), cut) if source else clean(cut)
            before = _read(rows, cut, source)
            for number in range(rounds):
                for way in ways:
                    rng = np.random.default_rng(number)
                    yield _read(way(rows.copy(), cut, rng), cut, source) != before


def _read(rows: Frame, cut: Cut, source: dict[str, str]) -> Read:
    spec_part = {"source": source} if source else {}
    case = Case("perturbed", "", PASSED, lambda _: rows, spec=spec_part, cut=cut)
    with TemporaryDirectory(prefix="nightcast-unseen-") as name:
        known = read_observations(write(case, Path(name)), cut.as_of)
        digest = save_panel(known.panel, Path(name) / "snapshots").name
    numbers = known.profile.drop(columns=["rows", "nulls"]).to_json(orient="split")
    return Read(digest, numbers.encode())


def _with_delays(rows: Frame, cut: Cut) -> Frame:
    """Each value became known an hour to a day after its hour; of calendars all is known."""
    delays = np.random.default_rng(7).integers(1, 24, len(rows)) * HOUR
    return rows.assign(
        **{KNOWN_SINCE: (rows[DS] + delays).mask(rows[DS] > cut.cutoff, rows[DS].min())}
    )


def _after(frame: Frame, cut: Cut, hours: int = 0) -> "pd.Series[bool]":
    return frame[DS] > cut.cutoff + hours * HOUR


def _noise(
    frame: Frame, columns: list[str], where: "pd.Series[bool]", rng: np.random.Generator
) -> Frame:
    noise = {name: frame[name].mask(where, rng.normal(0, 1e6, len(frame))) for name in columns}
    return frame.assign(**noise)


def _other_targets(frame: Frame, cut: Cut, rng: np.random.Generator) -> Frame:
    return _noise(frame, [Y], _after(frame, cut), rng)


def _other_weather(frame: Frame, cut: Cut, rng: np.random.Generator) -> Frame:
    return _noise(frame, WEATHER, _after(frame, cut), rng)


def _infinite_future(frame: Frame, cut: Cut, rng: np.random.Generator) -> Frame:
    chosen = _after(frame, cut) & (rng.random(len(frame)) < 0.5)
    return frame.assign(**{name: frame[name].mask(chosen, np.inf) for name in (Y, *WEATHER)})


def _other_holidays_beyond(frame: Frame, cut: Cut, rng: np.random.Generator) -> Frame:
    return _noise(frame, ["holiday"], _after(frame, cut, 24), rng)


def _nothing_beyond(frame: Frame, cut: Cut, rng: np.random.Generator) -> Frame:
    return frame[~(_after(frame, cut, 24) & (rng.random(len(frame)) < 0.9))]


def _other_airports_later(frame: Frame, cut: Cut, rng: np.random.Generator) -> Frame:
    chosen = _after(frame, cut) & (rng.random(len(frame)) < 0.5)
    return frame.assign(airport=frame["airport"].mask(chosen, "PHL"))


def _unborn_series(frame: Frame, cut: Cut, rng: np.random.Generator) -> Frame:
    unborn = frame[_after(frame, cut) & (rng.random(len(frame)) < 0.5)]
    return pd.concat([frame, unborn.assign(**{UNIQUE_ID: "unborn"})], ignore_index=True)


def _doubled_future(frame: Frame, cut: Cut, rng: np.random.Generator) -> Frame:
    doubled = frame[_after(frame, cut, 24) & (rng.random(len(frame)) < 0.5)]
    return pd.concat([frame, doubled.assign(**{Y: -1.0})], ignore_index=True)


def _other_order(frame: Frame, cut: Cut, rng: np.random.Generator) -> Frame:
    """Rows of the future first, as another night's files might have them."""
    future = _after(frame, cut).to_numpy()
    order = np.concatenate([rng.permutation(np.flatnonzero(future)), np.flatnonzero(~future)])
    return frame.iloc[order]


def _later_known(frame: Frame, cut: Cut, rng: np.random.Generator) -> Frame:
    """Other numbers in all that became known after the night."""
    late = frame[KNOWN_SINCE] > cut.as_of
    return _noise(frame, [Y, *WEATHER, "holiday"], late, rng)


def _later_corrections(frame: Frame, cut: Cut, rng: np.random.Generator) -> Frame:
    """Corrections of what was known, which came after the night."""
    wrong = frame[rng.random(len(frame)) < 0.2]
    delay = rng.integers(1, 10**6, len(wrong)) * pd.Timedelta(seconds=1)
    columns = [Y, *WEATHER, "holiday"]
    wrong = _noise(wrong, columns, pd.Series(data=True, index=wrong.index), rng)
    later = wrong.assign(airport="PHL").assign(**{KNOWN_SINCE: cut.as_of + delay})
    return pd.concat([frame, later], ignore_index=True)


def _corrections_first(frame: Frame, cut: Cut, rng: np.random.Generator) -> Frame:
    """The same, in the files before what they correct."""
    corrected = _later_corrections(frame, cut, rng)
    return pd.concat([corrected[len(frame) :], frame], ignore_index=True)


def _later_series(frame: Frame, cut: Cut, rng: np.random.Generator) -> Frame:
    """A series with a long past of which nobody knew yet."""
    rows = frame[rng.random(len(frame)) < 0.05].drop_duplicates(DS)
    late = rows.assign(**{UNIQUE_ID: "later"}).assign(**{KNOWN_SINCE: cut.as_of + HOUR})
    return pd.concat([frame, late], ignore_index=True)


def _stray_later(frame: Frame, cut: Cut, rng: np.random.Generator) -> Frame:
    """Rows off the grid and long ago, known after the night."""
    rows = frame[rng.random(len(frame)) < 0.01]
    stray = rows.assign(**{DS: rows[DS] - pd.Timedelta(days=3000, minutes=7)})
    return pd.concat([frame, stray.assign(**{KNOWN_SINCE: cut.as_of + HOUR})], ignore_index=True)


BY_TIME: tuple[Perturb, ...] = (
    _other_targets,
    _other_weather,
    _infinite_future,
    _other_holidays_beyond,
    _nothing_beyond,
    _other_airports_later,
    _unborn_series,
    _doubled_future,
    _other_order,
)
BY_KNOWLEDGE: tuple[Perturb, ...] = (
    *BY_TIME,
    _later_known,
    _later_corrections,
    _corrections_first,
    _later_series,
    _stray_later,
)
