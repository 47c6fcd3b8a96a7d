"""`nightcast backtest`: scores on unseen origins, nothing else."""

from dataclasses import dataclass
from pathlib import Path

from data_contracts.moments import parse_option
from data_contracts.spec import load_spec
from flows.commands.run import score_table
from flows.console import OUT, print_json
from flows.session import session


@dataclass(frozen=True)
class Plan:
    """What to score.

    Attributes:
        origins: How many origins to forecast from.
        every: Steps between them; None takes the horizon.
        models: Networks, separated by commas; None takes the spec's candidates.
    """

    origins: int
    every: int | None
    models: str | None

    @property
    def networks(self) -> list[str] | None:
        """The networks one by one."""
        return [name.strip() for name in self.models.split(",")] if self.models else None


def run_backtest(
    spec_path: Path, as_of: str | None, plan: Plan, *, as_json: bool, verbose: bool
) -> None:
    """Train once, score everyone on the same origins, and print the table."""
    spec = load_spec(spec_path)
    zone = spec.grid.timezone
    instant = parse_option(as_of, timezone=zone, option="--as-of")
    with session(verbose=verbose):
        from flows.backtest import backtest

        scores = backtest(
            str(spec_path), plan.origins, every=plan.every, models=plan.networks, as_of=instant
        )
    if as_json:
        print_json([score.model_dump(mode="json") for score in scores])
    else:
        OUT.print(score_table(scores))
