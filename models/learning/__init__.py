"""How networks learn: windows, budgets, members, devices, and what is told of it."""
