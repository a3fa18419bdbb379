"""A stand-in for GitHub's REST API, over the repository that Vercel deploys from: https://docs.github.com/rest."""

from sandbox.vendors.github.api import GitHub

__all__ = ["GitHub"]
