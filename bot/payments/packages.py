"""What is given for a price, by the settings."""

from __future__ import annotations

from bot.settings import PackageSettings, StripeSettings


def package_for(price: str, settings: StripeSettings) -> PackageSettings | None:
    """The package of a price; None where the settings name none."""
    return settings.packages.get(price) if price else None


def spoken(package: PackageSettings) -> str:
    """The package as people say it: `5 professional interviews`."""
    return f"{package.interviews} {package.tier + ' ' if package.tier else ''}interviews"
