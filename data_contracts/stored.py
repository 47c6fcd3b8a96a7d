"""What a training that runs by itself has stored, for the night that judges it."""

from data_contracts.night import Record


class Stored(Record):
    """Versions in the registry, whoever has stored them.

    Attributes:
        versions: By network.
        minutes: That the training of each took when it was stored.
        starts: One sentence per network on where its training began, if the spec asks for a start.
    """

    versions: dict[str, str]
    minutes: dict[str, float]
    starts: tuple[str, ...] = ()

    @property
    def headline(self) -> str:
        """One sentence.

        >>> Stored(versions={"tcn": "20131016T0300-tcn-0a1b2c"}, minutes={"tcn": 3.21}).headline
        'Stored 20131016T0300-tcn-0a1b2c (3.2 min of training), for the next night to judge.'
        """
        made = (
            f"{version} ({self.minutes[network]:.1f} min of training)"
            for network, version in self.versions.items()
        )
        return f"Stored {', '.join(made)}, for the next night to judge."
