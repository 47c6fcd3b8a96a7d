"""Look after tables: each module finds what there is to do, and does it.

What was done is not found again, and whoever reads or writes meanwhile sees the same rows.
"""
