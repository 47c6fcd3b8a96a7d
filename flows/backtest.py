"""A backtest: how good would the models have been? Scores only; nothing is stored or published.

By hand:  nightcast backtest SPEC --origins 28 --as-of 2013-10-16
"""

from datetime import datetime

from prefect import flow

from data_contracts.night import Score
from tasks.baselines import baseline_tonight
from tasks.contenders import in_service
from tasks.evaluate import judge, rolling_origins
from tasks.extract import extract
from tasks.progress import stage
from tasks.promote import load_champion
from tasks.tonight import rehearse
from tasks.train import rehearse_challenger, starts_tonight
from tasks.validate import set_aside


@flow(name="backtest")
def backtest(
    spec: str,
    origins: int,
    every: int | None = None,
    models: list[str] | None = None,
    as_of: datetime | None = None,
) -> list[Score]:
    """Score models on rolling origins that they have not seen, beside baseline and champion.

    Every model is trained once, on what lies before the first origin. A champion that has learned
    from later steps cannot be judged and is left out.

    Args:
        spec: Path of the spec, a YAML file.
        origins: How many origins to forecast from.
        every: Steps between origins; the horizon by default.
        models: Networks to train; the candidates of the spec by default.
        as_of: The instant to pretend to live in; now by default.

    Raises:
        SpecError: If the spec, a model or `as_of` is wrong.
        RefusedError: If the input breaks its contract or is too short for any origin.
    """
    tonight = rehearse(spec, as_of, models=models)
    known = extract(tonight)
    contract = known.judged(tonight.spec)
    contract.raise_if_critical()
    panel = set_aside(known.panel, contract)

    slots = rolling_origins(tonight, panel, origins=origins, every=every)
    champion = load_champion(tonight, may_move=False).champion_before(int(slots[0]))
    starts = starts_tonight(tonight, panel, train_until=int(slots[0]))
    challengers = [
        rehearse_challenger(tonight, network, panel, train_until=int(slots[0]), start=start)
        for network, start in starts.items()
    ]
    baseline = baseline_tonight(tonight, panel, slots)
    contenders = [*in_service(baseline.contender, champion), *challengers]
    with stage("evaluate") as step:
        entries = judge(tonight, panel, contenders, slots, step=step)
    return [entry.score for entry in entries]
