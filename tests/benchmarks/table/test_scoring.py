import pytest

from benchmarks.table.scoring import SERIES, build, by_hand


def test_what_is_timed_scores_every_night_and_agrees_with_the_peer(tmp_path):
    year = build(tmp_path / "year", 2)

    year.score()
    version, content = year.version, year.content
    year.score()

    assert (year.version, year.content) == (version, content)
    ours, theirs = year.rows.to_pandas(), by_hand(year)
    assert len(ours) == 2 * SERIES * 24
    means = ours.groupby(["unique_id", "lead"])[["absolute_error", "pinball"]].mean()
    assert means.to_numpy() == pytest.approx(theirs[["absolute_error", "pinball"]].to_numpy())
