"""Hourly departures from the airports of New York in 2013; README.md says where from."""
