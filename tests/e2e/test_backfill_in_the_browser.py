"""An operator's backfill: found, filled in, started and watched in a real browser."""

import re

import pandas as pd
import pytest
from playwright.sync_api import expect

RUNNING = 600_000  # milliseconds until a run has ended, on a busy machine
PARAMETERS = (
    "spec",
    "start",
    "end",
    "every",
    "at",
    "model",
    "existing",
    "at_once",
    "on_error",
    "dry_run",
    "resume",
)

pytestmark = [pytest.mark.timeout(1800), pytest.mark.usefixtures("chromium")]


class Form:
    """The form of a custom run, opened the way a person does."""

    def __init__(self, page, ui):
        self.page, self.ui = page, ui
        page.goto(f"{ui}/deployments")
        row = page.get_by_role("row", name="backfill backfill Ready")
        row.get_by_role("link", name="backfill").first.click()
        page.get_by_role("button", name="Run", exact=True).click()
        page.get_by_text("Custom run").click()

    def field(self, name):
        """One parameter with its label, its help and its control."""
        label = self.page.locator(".schema-form-property__label")
        named = label.filter(has_text=re.compile(rf"^{name}( \(Optional\))?$"))
        return self.page.locator(".schema-form-property").filter(has=named)

    def pick(self, name, day):
        """Choose a date."""
        self.field(name).locator(".p-date-button__control").click()
        self.page.locator(".p-date-picker input[type=date]").fill(day)
        self.page.get_by_role("button", name="Apply").click()

    def choices(self, name):
        """Open a selection by the keyboard, and say what there is to choose from."""
        self.field(name).locator(".p-select-button__control").press("Space")
        self.page.get_by_role("option").first.wait_for()
        return self.page.get_by_role("option").all_inner_texts()

    def choose(self, name):
        """Take an option of the selection that is open."""
        self.page.get_by_role("option", name=name, exact=True).click()

    def submit(self):
        """Start the run, once more where the server's SQLite was busy, and go to its page."""
        button, answer = self.page.get_by_role("button", name="Submit"), None
        while answer is None or answer.status == 503:
            expect(button).to_be_enabled()
            with self.page.expect_response("**/create_flow_run") as answered:
                button.press("Enter")  # what went wrong before is told in front of it
            answer = answered.value
        self.page.goto(f"{self.ui}/runs/flow-run/{answer.json()['id']}")


def test_the_form_explains_its_fields_and_offers_choices(page, served):
    form = Form(page, served.ui)

    for name in PARAMETERS:
        expect(form.field(name).locator(".schema-form-property__description")).to_have_text(
            re.compile(r"\w{2}.*\.$")
        )
    assert form.choices("spec") == ["waves.yaml", "tides.yaml"]
    form.choose("waves.yaml")
    assert form.choices("model") == ["then", "now", "retrain"]
    form.choose("now")
    assert form.choices("existing") == ["skip", "replace"]
    form.choose("replace")
    expect(form.field("model")).to_contain_text("now")


def test_a_backfill_is_started_and_watched_until_every_date_is_in_the_table(page, asked, served):
    form = Form(page, served.ui)
    form.pick("start", "2024-02-10")
    form.pick("end", "2024-02-12")
    form.choices("model")
    form.choose("now")
    form.choices("existing")
    form.choose("replace")
    form.submit()

    expect(page.get_by_text("waves 2024-02-10 to 2024-02-12 (now)")).to_be_visible(timeout=RUNNING)
    expect(state(page)).to_have_text("Completed", timeout=RUNNING)
    page.get_by_text("Details", exact=True).click()
    expect(page.get_by_text("3 published, 0 skipped.")).to_be_visible()
    page.get_by_text("Subflow Runs", exact=True).click()
    for day in ("10", "11", "12"):
        name = f"waves backfill of 2024-02-{day} 00:00 UTC"
        expect(page.get_by_role("link", name=name)).to_be_visible()
    page.get_by_text("Artifacts", exact=True).click()
    expect(page.get_by_role("link", name="progress-backfill-waves")).to_be_visible()
    assert asked - {None} == {"127.0.0.1"}  # None: what is part of the page itself

    rows = served.forecasts("waves")
    cutoffs = pd.date_range("2024-02-09T23:00Z", periods=3, freq="D", unit="us")
    assert rows.groupby("cutoff").size().to_dict() == dict.fromkeys(cutoffs, 12)
    assert not rows.duplicated(["unique_id", "ds", "cutoff"]).any()
    assert rows.notna().all(axis=None)


def test_an_end_before_the_start_is_refused_in_one_sentence(page, served):
    before = served.forecasts("tides")
    form = Form(page, served.ui)
    form.choices("spec")
    form.choose("tides.yaml")
    form.pick("start", "2024-02-12")
    form.pick("end", "2024-02-10")
    form.submit()

    expect(state(page)).to_have_text("Failed", timeout=RUNNING)
    page.get_by_text("Details", exact=True).click()
    refused = "end: expected 2024-02-12, the start, or a later date, got 2024-02-10."
    expect(page.get_by_text(refused).first).to_be_visible()
    assert served.forecasts("tides").equals(before)


def state(page):
    """The state of the run, as its page shows it."""
    return page.locator(".state-badge").first
