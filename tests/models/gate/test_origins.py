import numpy as np
import pytest

from models.gate.origins import LONGEST_SHARE, earlier_origins, evaluation_origins


def origins_of(panel, origins, every, horizon):
    return evaluation_origins(panel, origins=origins, every=every, horizon=horizon).tolist()


@pytest.mark.parametrize(
    ("length", "origins", "every", "expected"),
    [
        pytest.param(500, 4, 24, [904, 928, 952, 976], id="room enough"),
        pytest.param(100, 4, 24, [961, 966, 971, 976], id="closer together"),
        pytest.param(65, 4, 24, [974, 975, 976], id="fewer, one step apart"),
        pytest.param(62, 4, 24, [976], id="one"),
        pytest.param(59, 4, 24, [], id="none"),
        pytest.param(0, 4, 24, [], id="no history"),
        pytest.param(500, 1, 24, [976], id="one wanted"),
    ],
)
def test_origins_count_back_from_the_last_full_horizon(
    make_panel, length, origins, every, expected
):
    panel = make_panel([np.ones(length), np.ones(length // 2)], horizon=24)

    assert origins_of(panel, origins, every, 24) == expected


def test_evaluation_never_takes_more_than_its_share(make_panel):
    for length in range(1, 200, 7):
        panel = make_panel([np.ones(length)], horizon=6)
        chosen = origins_of(panel, 9, 6, 6)
        if chosen:
            assert panel.cutoff_slot - chosen[0] <= LONGEST_SHARE * length
            assert chosen[-1] == panel.cutoff_slot - 6
            assert chosen == sorted(set(chosen))


def test_a_panel_without_series_has_no_origins(make_panel):
    panel = make_panel([np.ones(3)], horizon=2)
    empty = type(panel)(**{**vars(panel), "unique_ids": (), "indptr": np.zeros(1, np.int64)})

    assert origins_of(empty, 4, 2, 2) == []


@pytest.mark.parametrize(
    ("length", "origins", "expected"),
    [
        pytest.param(500, 3, [828, 852, 876], id="room enough"),
        pytest.param(471, 3, [852, 876], id="fewer"),
        pytest.param(424, 3, [876], id="one"),
        pytest.param(423, 3, [], id="none"),
        pytest.param(0, 3, [], id="no history"),
    ],
)
def test_earlier_origins_are_over_by_the_first_and_leave_history_before_them(
    make_panel, length, origins, expected
):
    panel = make_panel([np.ones(length), np.ones(length // 2)], horizon=24)
    assert panel.cutoff_slot == 1000

    earlier = earlier_origins(panel, 900, origins=origins, every=24, horizon=24, least=300)

    assert earlier.tolist() == expected
