"""`incident publish`: what the public is told, seen before it is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from bot.context import Context, Services
from bot.errors import UserError
from bot.incidents import drafts, status_page
from bot.incidents.finding import WHICH, which
from bot.incidents.status_page import Post
from bot.operation import Arg, Args, Change, Execution, Form, IncidentNumber, Operation, Outcome, Plan
from bot.people import Role
from bot.store.incidents import Incident


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishArgs(Args):
    """What to publish. Without the text, or the last word, a form opens with a draft."""

    id: Annotated[IncidentNumber | None, Arg(help=WHICH, positional=True)] = None
    text: Annotated[str, Arg(help="What everybody will read.", positional=True, rest=True, personal=True)]
    state: Annotated[
        Literal["investigating", "identified", "monitoring", "resolved", "as-it-stands"],
        Arg(help="How the page calls it; left out, as the incident stands."),
    ] = "as-it-stands"
    headline: Annotated[str, Arg(help="What stands above it on the page.", personal=True)] = ""
    components: Annotated[str, Arg(help="The parts of the product that are affected, separated by commas.")] = ""
    confirm: Annotated[
        Literal["publish"],
        Arg(help="It is public at once, and cannot be called back.", labels=("Yes, publish it and tell subscribers",)),
    ]


async def form(given: Mapping[str, Any], context: Context) -> Form:
    """Return the draft, and what the page says now."""
    return await status_page.form(await _incident(given.get("id"), context), context.services)


async def plan(args: PublishArgs, context: Context) -> Plan:
    """Read the page, and say what will stand there."""
    incident = await _incident(args.id, context)
    body = " ".join(args.text.split())
    if not body:
        raise UserError("What shall everybody read?", todo="Leave the text out, and a form opens with a draft.")
    post = Post(
        state=drafts.public_state(incident) if args.state == "as-it-stands" else args.state,
        name=args.headline,
        body=body,
        components=[part.strip() for part in args.components.split(",") if part.strip()],
    )
    return await status_page.plan(incident, post, context.services)


async def recheck(decides: Mapping[str, Any], services: Services) -> str:
    """Nothing outdates it: what stands on the page meanwhile is looked at when it is published."""
    del decides, services
    return ""


async def execute(decides: Mapping[str, Any], execution: Execution) -> Outcome:
    """Publish it, once."""
    return await status_page.publish(decides, execution)


async def _incident(given: int | None, context: Context) -> Incident:
    async with context.services.database.connection() as connection:
        return await which(given, context, connection)


OPERATIONS: Final[tuple[Operation, ...]] = (
    Change(
        words="incident publish",
        summary="Tell the public on the status page: a form shows the draft and what the page says now.",
        title="Status page",
        submit="Publish",
        who=Role.RESPONDER,
        args=PublishArgs,
        examples=(
            'incident publish INC-12 --components "Payments, Website" --confirm publish We are looking into it.',
        ),
        section="P0 Response Procedure",
        form=form,
        plan=plan,
        recheck=recheck,
        execute=execute,
        quorum=0,
    ),
)
