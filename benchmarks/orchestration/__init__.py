"""Nightcast as a service: what Prefect costs, and what survives when something dies."""
