"""Whether clean data raises an alarm: the sample as it is, on every night of four months."""

from collections import Counter

import pandas as pd
import yaml

from benchmarks.hostile.material import SAMPLE
from data_contracts.spec import Spec, parse_spec
from data_contracts.verdicts import Severity
from tasks.stores.observations import read_observations

# Among them the storms of 12 September and 10 December, Thanksgiving, the end of daylight saving
# time on 3 November, and the gaps in the weather of 26 October and 3 November.
FIRST, NIGHTS = pd.Timestamp("2013-08-20", tz="America/New_York"), 120
ALARMS = (Severity.CRITICAL, Severity.QUARANTINE, Severity.WARNING)


def alarms(nights: int = NIGHTS) -> Counter[str]:
    """How often each rule spoke, by its name and the first night on which it did."""
    spec = _spec()
    spoke: Counter[str] = Counter()
    for number in range(nights):
        as_of = (FIRST + pd.DateOffset(days=number)).tz_convert("UTC")
        known = read_observations(spec, as_of)
        verdict = known.judged(spec)
        told = {f.expectation for f in verdict.findings if f.severity in ALARMS}
        spoke.update({f"{name} on {as_of:%Y-%m-%d}" for name in told})
    return spoke


def _spec() -> Spec:
    fields = yaml.safe_load((SAMPLE / "spec.yaml").read_text())
    fields["source"]["uri"] = str(SAMPLE / "observations")
    return parse_spec(fields)
