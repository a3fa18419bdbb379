"""Why something does not work for one customer, or for all: the chain is looked at link by link, and the break named."""
