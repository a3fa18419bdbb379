"""`storage`: the row-level policies of customers' files, made anew."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import sql
from bot.context import Context, Services
from bot.diagnosis.upload import BUCKET, DOES, missing
from bot.operation import Args, Change, Execution, Family, Line, Outcome, Plan
from bot.people import Role
from bot.product import product_of

SCRIPT: Final = "003_storage_policies"


async def plan(args: Args, context: Context) -> Plan:
    """Return which policies of the bucket are there, and which would be made."""
    del args
    rows = await product_of(context.services).fetch("storage_policies")
    names, lacks = _names(rows), missing(rows)
    said = " and ".join(DOES[command] for command in lacks)
    return Plan(
        effect=f"re-apply the policies of {BUCKET}"
        + (f": customers can {said} files again" if lacks else ", as they are"),
        lines=(
            Line(title="Now", text=", ".join(names) or "none"),
            Line(title="Missing", text=said or "nothing"),
            Line(title="Then", text=f"`sql/product/{SCRIPT}.sql`: own folder to read, upload, replace, delete"),
            Line(title="Stays", text="policies of other names and buckets, the bucket's limits, every file"),
            Line(title="Undo", text="none is needed: run again, it leaves the same"),
        ),
        decides={"names": names, "script": _hash()},
    )


async def recheck(decides: Mapping[str, Any], services: Services) -> str:
    """Return why the plan is no longer true, or nothing."""
    if decides["script"] != _hash():
        return f"`{SCRIPT}.sql` is another one now."
    names = _names(await product_of(services).fetch("storage_policies"))
    return "" if names == list(decides["names"]) else f"There are other policies now: {', '.join(names) or 'none'}."


async def execute(decides: Mapping[str, Any], execution: Execution) -> Outcome:
    """Run the script, in one transaction, and look whether every policy is there: run again, it leaves the same."""
    del decides
    product = product_of(execution.services)
    await product.apply(SCRIPT)
    rows = await product.fetch("storage_policies")
    lacks = missing(rows)
    if lacks:
        said = " and ".join(DOES[command] for command in lacks)
        return Outcome(succeeded=False, said=f"The script ran, and customers still cannot {said} files.")
    return Outcome(succeeded=True, said=f"{len(_names(rows))} policies of {BUCKET}: read, upload, replace, delete.")


def _names(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return sorted(row["name"] for row in rows if row["name"] and f"'{BUCKET}'" in row["expression"])


def _hash() -> str:
    return hashlib.sha256(sql.load(f"product/{SCRIPT}.sql").encode()).hexdigest()


FAMILY = Family(
    name="storage",
    summary="Customers' files",
    operations=(
        Change(
            words="storage policies",
            summary=f"Re-apply the row-level policies of the bucket {BUCKET}, once a second person has approved.",
            who=Role.RESPONDER,
            examples=("storage policies",),
            section="Issue 5: Storage Upload Fails",
            plan=plan,
            recheck=recheck,
            execute=execute,
        ),
    ),
)
