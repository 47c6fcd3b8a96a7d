"""What the server does by itself: end runs that have died, and tell of nights that failed.

Each automation is known by its name, so that deploying again changes it and makes no second one.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.events.schemas.automations import AutomationCore

TAG = "nightcast"
NIGHTLY = "nightly"  # tag of the runs of nights
LONGEST_NIGHT = timedelta(hours=12)
UNBEGUN = timedelta(minutes=30)
SILENCE = timedelta(seconds=120)  # four signs of life, of which a busy machine may be late with two
OVER = ("Completed", "Skipped", "Failed", "TimedOut", "Cancelled", "Crashed")
WAITING = ("Paused", "Suspended", "AwaitingRetry", "AwaitingConcurrencySlot")  # no process is due
FAILED = ("Failed", "TimedOut", "Crashed", "Cancelled")
BODY = """\
{{ flow_run.name }} ended {{ flow_run.state.name }}: {{ flow_run.state.message }}
{{ flow_run|ui_url }}
Retry the run there, or start the night again by hand: nothing is published twice.
"""


def crash_the_silent() -> "AutomationCore":
    """A run whose process or machine has died is set to Crashed, and its slots are free."""
    from prefect.client.schemas.objects import StateType
    from prefect.events.actions import ChangeFlowRunState
    from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
    from prefect.events.schemas.events import ResourceSpecification

    beat = "prefect.flow-run.heartbeat"
    seconds = f"{SILENCE.total_seconds():.0f} s"
    return AutomationCore(
        name="nightcast: end runs that give no sign of life",
        description=f"A run that was alive and then silent for {seconds} is set to Crashed.",
        trigger=EventTrigger(
            after={beat},
            expect={beat, *(f"prefect.flow-run.{state}" for state in OVER + WAITING)},
            match=ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"}),
            match_related=ResourceSpecification({"prefect.resource.id": f"prefect.tag.{TAG}"}),
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=SILENCE,
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.CRASHED,
                message=f"No sign of life for {seconds}: the process or its machine has died. "
                "Retry the run, or start it again; nothing is published twice.",
            )
        ],
    )


def end_the_hung() -> "AutomationCore":
    """A night that hangs, and gives signs of life all the same, is cancelled for the next one."""
    from prefect.events.actions import CancelFlowRun
    from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
    from prefect.events.schemas.events import ResourceSpecification

    hours = f"{LONGEST_NIGHT.total_seconds() / 3600:.0f} h"
    return AutomationCore(
        name="nightcast: end nights that hang",
        description=f"A night that has run for {hours} is cancelled, so that the next one begins.",
        trigger=EventTrigger(
            after={"prefect.flow-run.Running"},
            expect={f"prefect.flow-run.{state}" for state in OVER},
            match=ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"}),
            match_related=ResourceSpecification({"prefect.resource.id": f"prefect.tag.{NIGHTLY}"}),
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=LONGEST_NIGHT,
        ),
        actions=[CancelFlowRun()],
    )


def telling_name(spec_name: str) -> str:
    """Of the automation that tells of failed nights of one spec."""
    return f"nightcast: tell of failed nights of {spec_name}"


def late_name(spec_name: str) -> str:
    """Of the automation that tells of nights of one spec that do not begin."""
    return f"nightcast: tell of nights of {spec_name} that do not begin"


def tell_of_failures(spec_name: str, deployments: Sequence[UUID], block: UUID) -> "AutomationCore":
    """Every run of some deployments that fails is told of through a notification block."""
    from prefect.events.actions import SendNotification
    from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
    from prefect.events.schemas.events import ResourceSpecification

    return AutomationCore(
        name=telling_name(spec_name),
        trigger=EventTrigger(
            expect={f"prefect.flow-run.{state}" for state in FAILED},
            match=ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"}),
            match_related=ResourceSpecification(
                {"prefect.resource.id": [f"prefect.deployment.{each}" for each in deployments]}
            ),
            for_each={"prefect.resource.id"},
            posture=Posture.Reactive,
            threshold=1,
            within=timedelta(0),
        ),
        actions=[
            SendNotification(
                block_document_id=block,
                subject=f"{spec_name}: {{{{ flow_run.name }}}} ended {{{{ flow_run.state.name }}}}",
                body=BODY,
            )
        ],
    )


def tell_of_the_late(spec_name: str, night: UUID, block: UUID) -> "AutomationCore":
    """A night that no worker begins is told of, for it fails nowhere."""
    from prefect.events.actions import SendNotification
    from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
    from prefect.events.schemas.events import ResourceSpecification

    minutes = f"{UNBEGUN.total_seconds() / 60:.0f} min"
    return AutomationCore(
        name=late_name(spec_name),
        trigger=EventTrigger(
            after={"prefect.flow-run.Late"},
            expect={f"prefect.flow-run.{state}" for state in ("Running", *OVER)},
            match=ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"}),
            match_related=ResourceSpecification(
                {"prefect.resource.id": f"prefect.deployment.{night}"}
            ),
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=UNBEGUN,
        ),
        actions=[
            SendNotification(
                block_document_id=block,
                subject=f"{spec_name}: a night has not begun",
                # It gets a name that says anything when it begins.
                body=f"The night that was due at {{{{ flow_run.expected_start_time }}}} has not "
                f"begun {minutes} later: see whether a worker of its pool runs, and what.\n"
                "{{ flow_run|ui_url }}\n",
            )
        ],
    )


def keep(client: "SyncPrefectClient", wanted: "AutomationCore") -> None:
    """Have exactly one automation of that name, with this content; one switched off stays so."""
    from prefect.events.schemas.automations import AutomationCore

    found = [one for one in client.read_automations() if one.name == wanted.name]
    wanted = wanted.model_copy(update={"enabled": all(one.enabled for one in found)})
    if [AutomationCore.model_validate(one.model_dump()) for one in found] == [wanted]:
        return
    for one in found:
        client.delete_automation(one.id)
    client.create_automation(wanted)


def forget_beats(client: "SyncPrefectClient") -> None:
    """Let the automation start anew, because runs that it watches have been marked already.

    One that is switched off stays so.

    A server that has started again waits a quarter of an hour for events that came before it did,
    and with them holds back those of the same run. It would not hear that such a run is over or
    was retried, and end it for a silence that is long past.
    """
    wanted = crash_the_silent()
    found = [one for one in client.read_automations() if one.name == wanted.name]
    wanted = wanted.model_copy(update={"enabled": all(one.enabled for one in found)})
    drop(client, wanted.name)
    client.create_automation(wanted)


def drop(client: "SyncPrefectClient", name: str) -> None:
    """Have no automation of that name."""
    for one in client.read_automations():
        if one.name == name:
            client.delete_automation(one.id)
