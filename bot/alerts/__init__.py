"""Alerts: signature → stored → read → fingerprint → rule → one card."""
