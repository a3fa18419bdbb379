"""Is everything set up as it must be: every token, scope, secret, membership and right, or the exact fix."""
