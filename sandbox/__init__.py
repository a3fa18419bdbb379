"""A Slack workspace, the vendors and a page on localhost: no tokens, no network.

Nothing here imports `bot`, but `sandbox.__main__`: a stand-in that shares code with what it stands in for proves nothing.
"""
