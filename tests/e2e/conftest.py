"""What tests on real parts share: a service with its two workers, and a browser to look at it."""

import os
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import pytest
import yaml
from deltalake import DeltaTable
from playwright.sync_api import expect, sync_playwright

from flows.backend import die_with_parent, free_port

ROOT = Path(__file__).parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
NO_BROWSER = (
    f"No browser: expected {', '.join(BROWSERS[:-1])} or {BROWSERS[-1]} on the PATH; on Debian "
    "`apt-get install chromium` brings one."
)
READY = "Ctrl-C stops it."  # the last line that `nightcast serve` prints before it is at work
FINDING = 120_000  # milliseconds until a page shows something, on a busy machine
SETTLING = 120  # seconds for a service to stop


@dataclass(frozen=True)
class Served:
    """A service at work.

    Attributes:
        place: Its working directory, in which the specs lie.
        ui: Address of its pages.
    """

    place: Path
    ui: str

    def forecasts(self, name):
        """Every row of the forecasts of one spec; none where nothing was published."""
        table = self.place / "warehouse" / name / "forecasts.delta"
        return DeltaTable(table).to_pandas() if table.exists() else pd.DataFrame()


@pytest.fixture(scope="session")
def write_waves():
    """Write sixty days of two noisy waves into a folder, and a spec of them that trains nothing."""

    def write(place, name="waves", **fields):
        ds = pd.date_range("2024-01-01", periods=60 * 24, freq="h", tz="UTC", unit="us")
        rng = np.random.default_rng(0)
        wave = 20 + 10 * np.sin(2 * np.pi * np.arange(len(ds)) / 24)
        frames = [
            pd.DataFrame({"unique_id": each, "ds": ds, "y": wave + rng.normal(0, 1, len(ds))})
            for each in ("a", "b")
        ]
        pd.concat(frames).to_parquet(place / f"{name}.parquet", index=False)
        fields = {
            "name": name,
            "source": {"uri": f"{name}.parquet"},
            "calendar": {"frequency": "h"},
            "horizon": 6,
            "training": {"when": "never"},
            "warehouse": "warehouse",
        } | fields
        (place / f"{name}.yaml").write_text(yaml.safe_dump(fields))

    return write


@pytest.fixture(scope="session")
def served(tmp_path_factory, write_waves):
    """A service of two specs that nobody has scheduled."""
    place = tmp_path_factory.mktemp("served")
    for name in ("waves", "tides"):
        write_waves(place, name, schedule={"active": False})
    with serve(place, "waves.yaml", "tides.yaml") as served:
        yield served


@contextmanager
def serve(place, *specs):
    """`nightcast serve` in a folder while the context lasts, and no longer than this process."""
    port = free_port()
    options = ["--folder", ".nightcast", "--port", str(port), "--drain", "5"]
    with (place / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "flows.cli", "serve", *specs, *options],
            cwd=place,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
    try:
        printed = any(READY in line for line in process.stdout)
        assert printed, (place / "serve.log").read_text()
        yield Served(place, f"http://127.0.0.1:{port}")
    finally:
        end(process)


def end(process):
    """Ctrl-C; where that takes too long kill -9, after which the guard of the service ends it."""
    process.send_signal(signal.SIGINT)
    try:
        process.communicate(timeout=SETTLING)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def environment():
    """Of this process, without what points to a server of its user; one thread a process."""
    kept = {name: value for name, value in os.environ.items() if "PREFECT" not in name}
    names = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    return {**kept, **dict.fromkeys(names, "1"), "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="session")
def chromium():
    """Path of the machine's own browser; named first, it skips before a service is started."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    return program or pytest.skip(NO_BROWSER)


@pytest.fixture(scope="module")  # not longer: Playwright holds the event loop of the thread
def browser(chromium):
    """That browser, without a window."""
    with sync_playwright() as playwright:
        # Chromium's sandbox refuses to work for root, who runs CI.
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser, tmp_path):
    """An empty page; what it shows in the end is kept as a picture."""
    expect.set_options(timeout=FINDING)
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    page.set_default_timeout(FINDING)
    yield page
    page.screenshot(path=tmp_path / "in-the-end.png", full_page=True)
    page.close()


@pytest.fixture
def asked(page):
    """Names of the machines that the page asks for something."""
    hosts = set()
    for event in ("request", "websocket"):
        page.on(event, lambda each: hosts.add(urlsplit(each.url).hostname))
    return hosts
