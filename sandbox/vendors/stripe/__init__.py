"""The stand-in for Stripe: the company's account, in the shapes of API version 2026-10-28.endive."""

from sandbox.vendors.stripe.api import Stripe

__all__ = ["Stripe"]
