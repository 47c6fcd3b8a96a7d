"""Where things are kept: Parquet sources, snapshots, Delta tables, models. Plain functions."""
