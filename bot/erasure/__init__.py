"""Deleting a customer: what there is of them, what goes in which order, the proof, and the certificate."""
