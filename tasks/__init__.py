"""Steps that Prefect retries, times and logs: one verb per module, at a border, no decisions."""
