"""What goes on while our own database is silent, on the one copy that the settings name for it."""
