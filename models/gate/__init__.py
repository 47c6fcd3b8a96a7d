"""Who publishes: forecasts are judged, compared and decided upon, and training when it is due."""
