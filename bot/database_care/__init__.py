"""The product's database: how it is, what is in it, its backups, and what changes its schema."""
