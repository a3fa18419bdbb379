"""The settings: what is wrong with them is said by name, and never with what they hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.__main__ import settings_from
from bot.errors import UserError
from bot.settings import variables
from sandbox.server import Config, Sandbox
from sandbox.world import World

PASSWORD = "S3cretPw"


def written(folder: Path, **values: str) -> Path:
    """A file of settings."""
    path = folder / "ilab.env"
    path.write_text("".join(f"ILAB_{name}='{value}'\n" for name, value in values.items()), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "address",
    [
        f"postgress://ilab:{PASSWORD}@database/ilab",
        f"postgresql://ilab:{PASSWORD}%zz@database/ilab",
        f"postgresql://ilab:x@{PASSWORD}@database/ilab",
        f"postgresql://ilab:{PASSWORD}/x@database/ilab",
        f"host=database password=x {PASSWORD}",
    ],
)
@pytest.mark.parametrize("name", ["DATABASE_URL", "PRODUCT__DATABASE_URL", "PRODUCT__STAGING_DATABASE_URL"])
def test_a_misspelt_database_is_named_and_its_password_not_shown(tmp_path: Path, name: str, address: str) -> None:
    """Libpq would quote the password at every try to connect, into the log."""
    values = {"PRODUCT__DATABASE_URL": "postgresql://database/product"} | {name: address}
    with pytest.raises(UserError) as caught:
        settings_from(written(tmp_path, **values))
    assert f"ILAB_{name}: " in caught.value.why
    assert "postgresql://user:password@host/database" in caught.value.why
    shown = f"{caught.value!r} {caught.value.sentences} {caught.value.__cause__!r}"
    assert not any(part in shown for part in (PASSWORD, "x@", "zz"))


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://ilab:p%40ss%2Fw%3Ard%25@database:5433/ilab?sslmode=require",
        "postgresql://ilab@[::1]:5432,other:5433/ilab",
        "postgresql:///ilab?host=/run/postgresql",
        "host='/a folder/@x' port=5432 user=postgres dbname=own",
        "dbname=ilab",
    ],
)
def test_what_libpq_takes_is_taken(tmp_path: Path, address: str) -> None:
    """As it is."""
    found = settings_from(written(tmp_path, DATABASE_URL=address.replace("'", r"\'"))).database_url
    assert found is not None
    assert found.get_secret_value() == address


def test_a_mapping_is_one_variable_and_the_sandbox_sets_none_that_is_unknown() -> None:
    """What the sandbox tells a bot is what a bot may be told: a variable that is not known ends it at once."""
    known = {name for name, _, _ in variables()}
    assert {"ILAB_APPROVALS__RULES", "ILAB_STRIPE__PACKAGES"} <= known
    assert set(Sandbox(Config(), World()).bot_environment()) <= known
