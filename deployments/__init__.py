"""How Nightcast is put to work: what runs on which work pool, and the ways to bring that about."""
