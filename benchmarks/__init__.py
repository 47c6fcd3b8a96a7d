"""Speed, accuracy and error rates: each module is a command that prints a table."""
