"""Maintenance windows: scheduled, announced, begun, watched, completed; and the site's maintenance page."""
