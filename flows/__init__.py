"""What runs, in which order. A flow reads as a table of contents; the `nightcast` command is here."""
