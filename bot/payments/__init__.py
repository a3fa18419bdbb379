"""What became of a payment, from the checkout to the interviews, and what mends it."""
