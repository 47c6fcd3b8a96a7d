"""The gate: how often it is wrong, what it finds, what it costs.

    python -m benchmarks.gate [--quick] [--json] [--only WORDS] [--picture]

Nights are simulated on forecasts of the sample by networks that differ in nothing but their seed.
Their training takes ten CPU minutes the first time; the forecasts are kept under `.benchmarks/`.
`--picture` draws the power curves of docs/gate.md again, which takes minutes.
"""

import argparse
import os
import sys

from benchmarks.command import tell
from benchmarks.gate import coverage, nights, speed, year
from benchmarks.gate.pool import forecast_pool
from benchmarks.report import Figure, Listing, publish

PARTS = {
    "error rates": nights.rows,
    "coverage": coverage.rows,
    "speed": speed.rows,
    "year": year.rows,
}


def main() -> int:
    """Measure, print, and say by the exit status whether anything falls short."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="few nights and few series")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--only", default="", help=f"parts with these words: {', '.join(PARTS)}")
    parser.add_argument("--picture", action="store_true", help="draw the power curves too")
    options = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    figures: list[Figure] = []
    for name, rows in PARTS.items():
        if options.only in name:
            figures += rows(options.quick, tell)
    listings = [_power()] if options.picture else []
    return publish("gate", figures, as_json=options.json, listings=listings)


def _power() -> Listing:
    """Simulate the power curves, draw them, and show them as a table."""
    stage = nights.Stage.of(forecast_pool(tell))
    found = nights.power(stage, tell)
    nights.draw(found, alpha=stage.rules.alpha)
    columns = ("origins", *(f"{gain:.0%}" for gain in nights.GAINS), "")
    rows: list[tuple[str | float | None, ...]] = [
        (str(origins), *shares, "") for origins, shares in found.items()
    ]
    return Listing("share of nights that promote, by gain of the challenger", columns, rows)


if __name__ == "__main__":
    sys.exit(main())
