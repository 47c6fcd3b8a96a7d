"""Nightcast as a service: what is deployed on a Prefect server, and everything on one machine."""
