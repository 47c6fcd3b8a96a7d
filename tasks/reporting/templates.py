"""Templates: HTML pages that need no network, from the files beside this one."""

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from data_contracts.plain_text import visible
from tasks.reporting.formats import count, duration, number, percent


def rendered(template: str, view: Mapping[str, Any]) -> str:
    """The whole HTML document. The same view gives the same bytes.

    Args:
        template: Name of the file.
        view: What it shows; text is escaped, `Markup` is printed as it is.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        finalize=_seen,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": count,
        "duration": duration,
        "number": number,
        "percent": percent,
        "sha256": _sha256,
    }
    return environment.get_template(template).render(view)


def _seen(value: object) -> object:
    """What the page prints: a text of the data without characters that nobody sees."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _sha256(text: str) -> str:
    """Digest by which the page's own policy knows its only script."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
