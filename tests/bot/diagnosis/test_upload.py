"""The links of an upload, in tables."""

from __future__ import annotations

from typing import Any

import pytest

from bot.diagnosis import upload
from bot.diagnosis.chain import Unchecked
from bot.operation import Mark
from bot.providers.supabase_storage import Bucket

MB = 1024**2
BUCKET = Bucket(id="cvs", public=False, largest=5 * MB, types=("application/pdf",))
SILENT = Unchecked(why="silent")


def policy(
    command: str, *, of: str = "bucket_id = 'cvs'", permissive: bool = True, roles: tuple[str, ...] = ("public",)
) -> Any:
    """A rule on storage.objects."""
    return {
        "name": f"{command} of somebody",
        "command": command,
        "permissive": permissive,
        "roles": list(roles),
        "expression": f"({of} AND own folder)",
        "enforced": True,
    }


ALL = [policy(command) for command in upload.NEEDED]


@pytest.mark.parametrize(
    ("rows", "lacks"),
    [
        (ALL, ()),
        ([policy("ALL")], ()),
        ([policy("ALL", of="true")], ()),
        ([policy("ALL", of="bucket_id = 'avatars'")], upload.NEEDED),
        ([policy("ALL", permissive=False)], upload.NEEDED),
        ([policy("ALL", roles=("service_role",))], upload.NEEDED),
        ([policy("ALL", roles=("authenticated",))], ()),
        ([policy("SELECT"), policy("INSERT"), policy("DELETE")], ("UPDATE",)),
        ([policy("SELECT") | {"name": None, "command": None, "roles": None, "expression": " "}], upload.NEEDED),
    ],
)
def test_what_no_policy_allows(rows: list[Any], lacks: tuple[str, ...]) -> None:
    """A rule counts where it permits, is for customers, and is of this bucket or of all."""
    assert upload.missing(rows) == lacks


@pytest.mark.parametrize(
    ("rows", "mark"),
    [
        (ALL, Mark.OK),
        (ALL[1:], Mark.DOWN),
        (ALL[:3], Mark.DEGRADED),
        ([row | {"enforced": False} for row in ALL], Mark.DEGRADED),
        ([*ALL, policy("INSERT", permissive=False)], Mark.DEGRADED),
        (SILENT, Mark.UNKNOWN),
    ],
)
def test_the_policies(rows: Any, mark: Mark) -> None:
    """Without deleting one can upload; without the rest not; what is not enforced is said."""
    assert upload.policies(rows).mark is mark


@pytest.mark.parametrize(
    ("found", "largest", "mark", "said"),
    [
        (BUCKET, 50 * MB, Mark.OK, "private, files up to 5 MB"),
        (BUCKET, 1 * MB, Mark.DOWN, "the project's limit is 1 MB"),
        (
            Bucket(id="cvs", public=False, largest=MB // 2, types=None),
            50 * MB,
            Mark.DOWN,
            "the bucket's limit is 0.5 MB",
        ),
        (Bucket(id="cvs", public=False, largest=None, types=("image/png",)), 50 * MB, Mark.DOWN, "no PDF"),
        (Bucket(id="cvs", public=True, largest=None, types=None), 50 * MB, Mark.DEGRADED, "public"),
        (BUCKET, SILENT, Mark.UNKNOWN, "not known"),
        (None, 50 * MB, Mark.DOWN, "there is none"),
        (SILENT, 50 * MB, Mark.UNKNOWN, "silent"),
    ],
)
def test_the_bucket(found: Any, largest: Any, mark: Mark, said: str) -> None:
    """The lower limit counts; a project's limit that nobody could read is not well."""
    link = upload.bucket(found, largest)
    assert link.mark is mark
    assert said in link.text


@pytest.mark.parametrize(
    ("used", "mark"), [(50, Mark.OK), (91, Mark.DEGRADED), (100, Mark.DOWN), (SILENT, Mark.UNKNOWN)]
)
def test_the_quota(used: Any, mark: Mark) -> None:
    """From nine tenths on it strains; full it breaks."""
    use = used if isinstance(used, Unchecked) else {"bytes": used * 10**9, "files": 3}
    assert upload.quota(use, 100 * 10**9).mark is mark
