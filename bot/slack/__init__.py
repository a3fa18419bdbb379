"""How Slack is heard and spoken to."""
