"""Why a CV cannot be uploaded: Storage, the file, the bucket's limits, the policies of its rows, and the quota."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from bot.accounts import Account, account_of
from bot.diagnosis.chain import Link, Unchecked, unchecked
from bot.diagnosis.interview import account
from bot.diagnosis.looking import Looking, lacking, shared
from bot.operation import Mark, Offer

if TYPE_CHECKING:  # the clients import httpx and the database's driver
    from bot.context import Context, Services
    from bot.product import ProductDatabase
    from bot.providers.supabase import PlatformLine, SupabaseManagement
    from bot.providers.supabase_storage import Bucket

BUCKET: Final = "cvs"
PROMISED: Final = 5 * 1024**2
"""Bytes that a CV may have, as the product says."""
NEEDED: Final = ("SELECT", "INSERT", "UPDATE", "DELETE")
LOGGED: Final = timedelta(hours=24)
_GB: Final = 1e9
_REFUSED: Final[Mapping[str, tuple[str, str]]] = {
    "413": ("was larger than the limit", "Have them make it smaller: 5 MB is the most, as a PDF."),
    "415": ("was of a type that the bucket does not take", "Have them send a PDF or a Word document."),
}
_DASHBOARD: Final = "Supabase's dashboard, Storage"
DOES: Final[Mapping[str, str]] = {"SELECT": "read", "INSERT": "upload", "UPDATE": "replace", "DELETE": "delete"}
REAPPLY: Final = Offer(label="Re-apply storage policies", words="storage policies", style="primary")

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What was found out. `size` is what the customer says that the file has, in bytes; 0 where nobody said."""

    size: int
    alive: bool | Unchecked
    account: Account | Unchecked
    use: Mapping[str, Any] | Unchecked
    log: Sequence[PlatformLine] | Unchecked
    bucket: Bucket | Unchecked | None
    largest: int | Unchecked
    policies: Rows | Unchecked
    read_only: bool | Unchecked
    quota: int


async def look(email: str, size: int, context: Context) -> Facts:
    """Ask everybody at once. Raise UserError where nobody has this address."""
    services = context.services
    vendors, product, supabase = services.vendors(), services.product, services.settings.supabase
    storage, management = vendors.supabase_storage, vendors.supabase_management
    no_storage, no_management = "ILAB_SUPABASE__SECRET_KEY", "ILAB_SUPABASE__ACCESS_TOKEN"
    no_product = "ILAB_PRODUCT__DATABASE_URL"
    async with Looking(context.progress) as looking:
        alive = looking.at(storage.alive() if storage else lacking(no_storage))
        theirs = looking.at(_theirs(email, services, product) if product else lacking(no_product))
        bucket = looking.at(storage.bucket(BUCKET) if storage else lacking(no_storage))
        policies = looking.at(product.fetch("storage_policies") if product else lacking(no_product))
        log = looking.at(
            shared(services, "storage.log", lambda: _logged(management, services.now()))
            if management
            else lacking(no_management)
        )
        largest = looking.at(
            shared(services, "storage.largest", management.largest_file) if management else lacking(no_management)
        )
        read_only = looking.at(
            shared(services, "database.read_only", management.read_only) if management else lacking(no_management)
        )
    found = theirs.found
    who, use = (found, found) if isinstance(found, Unchecked) else found
    return Facts(
        size=size,
        alive=alive.found,
        account=who,
        use=use,
        log=log.found,
        bucket=bucket.found,
        largest=largest.found,
        policies=policies.found,
        read_only=read_only.found,
        quota=round(supabase.storage_quota_gb * _GB) if supabase else 0,
    )


async def _theirs(email: str, services: Services, product: ProductDatabase) -> tuple[Account, Mapping[str, Any]]:
    who = await account_of(services, email)
    return who, (await product.fetch("storage_use", {"person": who.id}))[0]


async def _logged(management: SupabaseManagement, now: datetime) -> tuple[PlatformLine, ...]:
    return await management.logged("storage_logs", since=now - LOGGED, until=now, attributes=("status", "path"))


# What follows is pure: facts in, links out.


def links(facts: Facts, now: datetime) -> tuple[Link, ...]:
    """The chain, in the order in which an upload passes it."""
    return (
        service(facts.alive),
        account(facts.account, now),
        file(facts),
        bucket(facts.bucket, facts.largest),
        policies(facts.policies),
        quota(facts.use, facts.quota),
        writable(facts.read_only),
    )


def service(alive: bool | Unchecked) -> Link:  # noqa: FBT001 -- a fact, not a switch
    """Whether Storage answers at all."""
    if isinstance(alive, Unchecked):
        if not alive.down:
            return unchecked("Storage", alive)
        shut = "is shut off: the plan's limits are reached (402)" if alive.status == 402 else "is down"
        todo = "Raise the plan or make room: Supabase's dashboard, Billing." if alive.status == 402 else ""
        return Link(title="Storage", text=alive.why, mark=Mark.DOWN, broke=f"Supabase Storage {shut}", todo=todo)
    return Link(title="Storage", text="answers", mark=Mark.OK)


def file(facts: Facts) -> Link:
    """Whether the file itself is one that is taken: by the size that was told, and by what Storage refused lately."""
    title = "File"
    limit = limit_of(facts.bucket, facts.largest) or PROMISED
    if facts.size > limit:
        return Link(
            title=title,
            text=f"{megabytes(facts.size)}, and {megabytes(limit)} is the most",
            mark=Mark.DOWN,
            broke=f"the file has {megabytes(facts.size)}, and {megabytes(limit)} is the most",
            todo=_REFUSED["413"][1],
        )
    if isinstance(facts.log, Unchecked) or isinstance(facts.account, Unchecked) or isinstance(facts.use, Unchecked):
        told = f"{megabytes(facts.size)} is within the limit; " if facts.size else ""
        why = next(one for one in (facts.log, facts.account, facts.use) if isinstance(one, Unchecked)).why
        return unchecked(title, Unchecked(why=told + why))
    refused = [
        line for line in facts.log if facts.account.id in line.attributes["path"] + line.said and _status(line) >= "4"
    ]
    last = facts.use["last_at"]
    newest = max(refused, key=lambda line: line.at, default=None)
    if newest is not None and (last is None or newest.at > last):
        broke, todo = _REFUSED.get(_status(newest), ("", ""))
        if broke:
            return Link(
                title=title,
                text=f"the last {broke}",
                mark=Mark.DOWN,
                at=newest.at,
                broke=f"the last file {broke}",
                todo=todo,
            )
        text = (
            "the last was refused by row-level security"
            if _status(newest) == "403"
            else f"the last was refused ({_status(newest)})"
        )
        return Link(
            title=title, text=text, mark=Mark.DEGRADED, at=newest.at, broke=text.replace("the last", "the last file")
        )
    if last is None:
        return Link(title=title, text="none uploaded, and none refused in the last 24 h")
    size = f", {megabytes(facts.use['last_bytes'])}" if facts.use["last_bytes"] else ""
    return Link(title=title, text=f"{facts.use['theirs']} uploaded{size}, the last", mark=Mark.OK, at=last)


def _status(line: PlatformLine) -> str:
    if line.attributes["status"]:
        return line.attributes["status"]
    found = re.search(r"\b([45]\d\d)\b", line.said)
    return found[1] if found else ""


def limit_of(found: Bucket | Unchecked | None, largest: int | Unchecked) -> int | None:
    """The most bytes that a file may have: the lower of the bucket's and the project's limit; None where unknown."""
    known = []
    if found is not None and not isinstance(found, Unchecked) and found.largest:
        known.append(found.largest)
    if not isinstance(largest, Unchecked):
        known.append(largest)
    return min(known, default=None)


def bucket(found: Bucket | Unchecked | None, largest: int | Unchecked) -> Link:
    """Whether the bucket is there, takes what the product promises, and is not open to everybody."""
    title = f"Bucket {BUCKET}"
    if isinstance(found, Unchecked):
        return unchecked(title, found)
    if found is None:
        return Link(
            title=title, text="there is none", mark=Mark.DOWN, broke=f"there is no bucket {BUCKET}", offers=(REAPPLY,)
        )
    trouble = _trouble(found, largest)
    if trouble:
        return Link(title=title, text=trouble, mark=Mark.DOWN, broke=trouble, todo=f"Change it: {_DASHBOARD}.")
    if found.public:
        broke = "the bucket is public: everybody can read every CV"
        return Link(title=title, text="public", mark=Mark.DEGRADED, broke=broke, todo=f"Make it private: {_DASHBOARD}.")
    limit = limit_of(found, largest)
    said = f"private, files up to {megabytes(limit)}" if limit else "private"
    if isinstance(largest, Unchecked):
        return Link(title=title, text=f"{said}; the project's own limit is not known", mark=Mark.UNKNOWN)
    return Link(title=title, text=said, mark=Mark.OK)


def _trouble(found: Bucket, largest: int | Unchecked) -> str:
    """Which limit of the bucket is below what the product promises, or nothing."""
    limit = limit_of(found, largest)
    if limit is not None and limit < PROMISED:
        whose = "the project's" if not isinstance(largest, Unchecked) and limit == largest else "the bucket's"
        return f"{whose} limit is {megabytes(limit)}, and the product promises {megabytes(PROMISED)}"
    if found.types is not None and "application/pdf" not in found.types:
        return f"the bucket takes {', '.join(found.types) or 'nothing'}, and no PDF"
    return ""


def missing(rows: Rows) -> tuple[str, ...]:
    """The commands that no permissive policy lets customers do in the bucket."""
    allowed = {
        command
        for row in rows
        if row["name"] and row["permissive"] and _is_for_bucket(row) and {"public", "authenticated"} & set(row["roles"])
        for command in (NEEDED if row["command"] == "ALL" else (row["command"],))
    }
    return tuple(command for command in NEEDED if command not in allowed)


def _is_for_bucket(row: Mapping[str, Any]) -> bool:
    return "bucket_id" not in row["expression"] or f"'{BUCKET}'" in row["expression"]


def policies(rows: Rows | Unchecked) -> Link:
    """Whether the rows' own rules let a customer upload, replace, read and delete in their folder."""
    title = "Policies"
    if isinstance(rows, Unchecked):
        return unchecked(title, rows)
    lacking_ = missing(rows)
    if lacking_:
        said = f"no policy of {BUCKET} lets customers {' or '.join(DOES[command] for command in lacking_)} files"
        grave = set(lacking_) != {"DELETE"}
        return Link(
            title=title,
            text=said,
            mark=Mark.DOWN if grave else Mark.DEGRADED,
            broke=said,
            todo="Re-apply the policies; a second person approves.",
            offers=(REAPPLY,),
        )
    if not rows[0]["enforced"]:
        broke = "row-level security of storage.objects is off: everybody can read every file"
        return Link(title=title, text="not enforced", mark=Mark.DEGRADED, broke=broke, offers=(REAPPLY,))
    strict = [row["name"] for row in rows if not row["permissive"] and _is_for_bucket(row)]
    if strict:
        said = f"restricted further by {', '.join(strict)}"
        return Link(title=title, text=said, mark=Mark.DEGRADED, broke=f"uploads are {said}")
    ours = [row["name"] for row in rows if _is_for_bucket(row)]
    return Link(title=title, text=f"{len(ours)} for {BUCKET}: read, upload, replace, delete", mark=Mark.OK)


def quota(use: Mapping[str, Any] | Unchecked, most: int) -> Link:
    """How much of the plan's storage is in use."""
    title = "Quota"
    if isinstance(use, Unchecked):
        return unchecked(title, use)
    share = use["bytes"] / most if most else 0.0
    text = f"{use['bytes'] / _GB:.1f} of {most / _GB:.0f} GB ({share:.0%}) in {use['files']:,} files"
    if share >= 0.9:
        full = share >= 1
        broke = f"the storage is {'full' if full else 'nearly full'} ({text})"
        todo = "Raise the plan or make room: Supabase's dashboard, Billing."
        return Link(title=title, text=text, mark=Mark.DOWN if full else Mark.DEGRADED, broke=broke, todo=todo)
    return Link(title=title, text=text, mark=Mark.OK)


def writable(read_only: bool | Unchecked) -> Link:  # noqa: FBT001 -- a fact, not a switch
    """Whether the database takes writes: with its disk full it takes none, and each upload is a row."""
    title = "Database takes writes"
    if isinstance(read_only, Unchecked):
        return unchecked(title, read_only)
    if read_only:
        broke = "the database's disk is full, so it takes no writes, and each upload is one"
        todo = "Make room, then lift it for 15 minutes: Supabase's dashboard, Database → Settings."
        return Link(title=title, text="no: read-only", mark=Mark.DOWN, broke=broke, todo=todo)
    return Link(title=title, text="yes", mark=Mark.OK)


def megabytes(count: int) -> str:
    """A size as people say it: `5 MB`, `0.4 MB`."""
    return f"{count / 1024**2:.1f}".rstrip("0").rstrip(".") + " MB"
