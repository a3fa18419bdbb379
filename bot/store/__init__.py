"""One module a table family; each function runs one named query on the connection it is given."""
