"""Drills: an incident that is none, by the same code as one that is, which touches nobody outside."""
