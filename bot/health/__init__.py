"""Is the product well, and if not, is it us or them: probes, readings and the verdict (docs/verdict.md)."""
