"""What runs, in which order. A flow reads as a table of contents.

The `nightcast` command is here too.
"""
