"""Tags of a run, by which the Prefect UI finds the runs of a spec, and those that ended alike."""


def tag_run(*tags: str) -> None:
    """Add tags to the run of the present flow; nothing happens outside of one."""
    from prefect.client.orchestration import get_client
    from prefect.context import FlowRunContext

    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return
    run = context.flow_run
    with get_client(sync_client=True) as client:
        client.update_flow_run(run.id, tags={*run.tags, *tags})
