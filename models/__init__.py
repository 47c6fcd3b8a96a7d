"""The forecasting itself: arrays in, arrays out. Knows no Prefect and no storage layout."""
