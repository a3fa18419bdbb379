"""One module a vendor, all of one shape: settings, a client over httpx, and failures as ProviderError."""
