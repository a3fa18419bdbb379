"""Deployments: what serves, how that is changed, and what the server wrote."""
