"""Windows in components, each window from its own context alone; never a whole series."""
