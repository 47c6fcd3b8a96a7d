"""What hostile data does to a night: a catalogue of ways to spoil the input, and their outcome."""
