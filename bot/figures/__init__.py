"""The runbook's key metrics: measured on a schedule, held against thresholds, kept, shown, told once a day."""
