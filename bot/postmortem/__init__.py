"""The post-mortem: what the records say is filled in, each figure with its source; what only people know is asked."""
