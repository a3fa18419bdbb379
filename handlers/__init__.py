"""What people can ask for: one module a command family."""
