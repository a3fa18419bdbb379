"""`token`: personal terminal tokens, for the hour in which Slack itself is down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from bot.ages import age
from bot.audit import Event
from bot.context import Context, Transaction
from bot.errors import UserError
from bot.operation import Act, Answer, Arg, Args, Audience, Family, Line, Lines, Offer, Read, Secret
from bot.people import Role
from bot.store import audit, tokens
from bot.words import shorten


async def list_(args: Args, context: Context) -> Answer:
    """Return the asker's own living tokens, never their secrets."""
    del args
    found = await context.services.database.call(lambda connection: tokens.living(connection, context.actor.id))
    lines = tuple(
        Line(
            title=f"{token.id}",
            text=f"“{token.label}”, made {age(token.created_at, context.now)} ago, "
            + (f"used {age(token.used_at, context.now)} ago" if token.used_at else "never used"),
        )
        for token in found
    )
    many = f"{len(found)} terminal token{'' if len(found) == 1 else 's'}"
    return Answer(
        verdict=f"You have {many}." if found else "You have no terminal token.",
        evidence=(Lines(lines=lines),) if lines else (),
        offers=(
            Offer(label="Issue a token", words="token issue"),
            *(
                Offer(
                    label=f"Revoke {token.id}",
                    words=f"token revoke {token.id}",
                    style="danger",
                    confirm=f"Token {token.id}, “{token.label}”, stops working at once.",
                    replaces=True,
                )
                for token in found
            ),
        ),
        audience=Audience.PRIVATE,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class IssueArgs(Args):
    """What the token is for."""

    label: Annotated[str, Arg(help="What it is for, such as laptop.", positional=True, rest=True)] = "terminal"


async def issue(args: IssueArgs, context: Context, transaction: Transaction) -> Answer:
    """Make a token and show its secret, once."""
    label = shorten(args.label.strip(), 80) or "terminal"
    program = context.services.settings.terminal_command
    token_id, secret = await tokens.issue(
        transaction, person=context.actor.id, label=label, request=context.request_id, at=context.now
    )
    await audit.add(transaction, Event.TOKEN_ISSUED, actor=context.actor.id, subject=str(token_id), at=context.now)
    return Answer(
        verdict=f"Token {token_id} is yours. It is shown this once.",
        secret=Secret(
            label="Keep it like a password. In a terminal:", value=f"export ILAB_TOKEN={secret}\n{program} run whoami"
        ),
        offers=(
            Offer(
                label=f"Revoke {token_id}",
                words=f"token revoke {token_id}",
                style="danger",
                confirm=f"Token {token_id} stops working at once.",
                replaces=True,
            ),
        ),
        audience=Audience.PRIVATE,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class RevokeArgs(Args):
    """Which token."""

    id: Annotated[int, Arg(help="The number that /ilab token shows.", positional=True, minimum=1, maximum=2**62)]


async def revoke(args: RevokeArgs, context: Context, transaction: Transaction) -> Answer:
    """End one of the asker's own tokens."""
    label = await tokens.revoke(transaction, args.id, person=context.actor.id, at=context.now)
    if label is None:
        raise UserError(f"You have no token {args.id}, or it no longer works.", todo="`/ilab token` lists yours.")
    await audit.add(transaction, Event.TOKEN_REVOKED, actor=context.actor.id, subject=str(args.id), at=context.now)
    return Answer(
        verdict=f"Token {args.id}, “{label}”, no longer works.",
        offers=(Offer(label="Your tokens", words="token", replaces=True),),
        audience=Audience.PRIVATE,
    )


FAMILY = Family(
    name="token",
    summary="Terminal tokens",
    operations=(
        Read(
            words="token",
            summary="Your terminal tokens.",
            who=Role.RESPONDER,
            examples=("token",),
            read=list_,
        ),
        Act(
            words="token issue",
            summary="A new terminal token, shown once.",
            who=Role.RESPONDER,
            args=IssueArgs,
            examples=("token issue laptop",),
            act=issue,
            slack_only=True,
            in_drills=True,
        ),
        Act(
            words="token revoke",
            summary="End one of your tokens.",
            title="Revoke token",
            submit="Revoke it",
            who=Role.RESPONDER,
            args=RevokeArgs,
            examples=("token revoke 1",),
            act=revoke,
            in_drills=True,
        ),
    ),
)
