"""What it costs, and what holds, when nights run under Prefect."""
