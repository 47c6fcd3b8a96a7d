"""Networks by name: one builder per file, all with the one input and output contract."""
