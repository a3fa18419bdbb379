"""The stand-in for Slack: its Web API, Socket Mode, HTTP deliveries, and the people in it."""
