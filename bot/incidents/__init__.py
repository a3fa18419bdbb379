"""Incidents: how grave, what is set up, and which clocks run."""
