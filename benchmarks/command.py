"""The command of a benchmark that consists of functions which measure: one of them, or parts."""

import argparse
import os
import sys
from collections.abc import Callable, Mapping

from benchmarks.report import Figure, publish

Measure = Callable[..., list[Figure]]  # takes `quick`


def alone(title: str, measure: Measure) -> int:
    """What `python -m` does with one module of figures; the exit status."""
    parser = argparse.ArgumentParser(description=title)
    options = _with_usual_options(parser).parse_args()
    return publish(title, measure(quick=options.quick), as_json=options.json)


def in_parts(package: str, about: str | None, title: str, parts: Mapping[str, Measure]) -> int:
    """What `python -m` does with a package of such modules; the exit status.

    Args:
        package: Its name.
        about: What `--help` says of it.
        title: Of the table.
        parts: What measures, by the name that `--only` looks for.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m {package}",
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", default="", help=f"parts with these words: {', '.join(parts)}")
    options = _with_usual_options(parser).parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    figures: list[Figure] = []
    for name, measure in parts.items():
        if options.only in name:
            tell(f"measuring: {name}")
            figures += measure(quick=options.quick)
    return publish(title, figures, as_json=options.json)


def tell(sentence: str) -> None:
    """Say how far a long measurement is."""
    print(sentence, file=sys.stderr, flush=True)


def _with_usual_options(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--quick", action="store_true", help="less of everything")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser
