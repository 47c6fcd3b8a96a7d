"""Totals of series: which there are, how likely each value is, and forecasts that agree."""
