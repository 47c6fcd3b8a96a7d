"""Decomposition: what it costs, and what is lost at the ends of a window."""
