from models.learning.settings import TrainingSettings

SETTINGS = TrainingSettings(
    "tcn+transformer", 336, 24, (0.5,), season_lengths=(24, 168), contexts=(1, 2)
)


def test_members_take_networks_then_scalings_then_contexts_in_turn():
    members = [SETTINGS.member(number, longest=9000) for number in range(8)]

    assert [(each.network, each.scaling, each.context_length) for each in members] == [
        ("tcn", "last_season", 336),
        ("transformer", "last_season", 336),
        ("tcn", "mean_std", 336),
        ("transformer", "mean_std", 336),
        ("tcn", "last_season", 672),
        ("transformer", "last_season", 672),
        ("tcn", "mean_std", 672),
        ("transformer", "mean_std", 672),
    ]
    assert len({each.seed for each in members}) == 8


def test_no_member_reads_more_than_the_longest_history():
    assert SETTINGS.member(4, longest=500).context_length == 500
