"""Whatever forecasts: networks, rules and statistical models, and what adjusts and keeps them."""
