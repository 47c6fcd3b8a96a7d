"""Other people's forecasters over the same Parquet, in processes of their own.

The modules that import them (`statistical`, `neural` and `throughput`) run in the environment
`.venv-peers`, which `make peers` makes, the others in ours.
"""
