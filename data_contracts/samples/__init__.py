"""Real series that come with the clone, each with the command that derives it."""
