"""What the server does by itself, on Prefect's test server."""

import pytest
from prefect.client.orchestration import get_client

from flows.service.automations import crash_the_silent, drop, forget_beats, keep

pytestmark = [pytest.mark.flow, pytest.mark.usefixtures("prefect_backend")]


@pytest.mark.parametrize("enabled", [True, False], ids=["on", "off"])
def test_an_automation_that_starts_anew_is_on_only_if_it_was(enabled):
    name = crash_the_silent().name
    with get_client(sync_client=True) as client:
        drop(client, name)
        keep(client, crash_the_silent())
        (before,) = [one for one in client.read_automations() if one.name == name]
        if not enabled:
            client.pause_automation(before.id)

        forget_beats(client)

        (after,) = [one for one in client.read_automations() if one.name == name]
        drop(client, name)
    assert after.id != before.id
    assert after.enabled == enabled
