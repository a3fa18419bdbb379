"""How a request runs. No command is named here: those are in `handlers/`."""
