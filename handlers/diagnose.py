"""`diagnose`: why something does not work, link by link, and the mend as a button."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from bot.context import Context
from bot.diagnosis import ai, interview, signin, upload
from bot.diagnosis.chain import answer
from bot.operation import Answer, Arg, Args, Audience, Email, Family, Offer, Read
from bot.people import Role


@dataclass(frozen=True, kw_only=True, slots=True)
class CustomerArgs(Args):
    """Whose trouble."""

    email: Annotated[Email, Arg(help="The customer's e-mail address.", positional=True)]


async def diagnose_signin(args: CustomerArgs, context: Context) -> Answer:
    """Follow a sign-in from Auth to the redirects."""
    facts = await signin.look(args.email, context)
    return answer(
        signin.links(facts, context.now),
        what=f"Signing in of {args.email}",
        well="every link holds. If they still cannot, it is the password: send a reset.",
        offers=(
            Offer(label="Send reset", words=f"user reset-password {args.email}"),
            Offer(label="Account", words=f"user show {args.email}"),
        )
        if facts.user is not None
        else (),
        commands=context.services.registry.by_words,
        at=context.now,
    )


async def diagnose_interview(args: CustomerArgs, context: Context) -> Answer:
    """Follow the start of an interview from the site to the database."""
    facts = await interview.look(args.email, context)
    return answer(
        interview.links(facts, context.now),
        what=f"Starting an interview of {args.email}",
        well="every link holds. Have them reload the page, and try once more.",
        offers=(Offer(label="Account", words=f"user show {args.email}"),),
        commands=context.services.registry.by_words,
        at=context.now,
    )


async def diagnose_ai(args: Args, context: Context) -> Answer:
    """Follow a question from OpenAI to the prompt."""
    del args
    return answer(
        ai.links(await ai.look(context)),
        what="Generating questions",
        well="every link holds.",
        offers=(Offer(label="Status", words="status"),),
        commands=context.services.registry.by_words,
        at=context.now,
        audience=Audience.QUIET,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class UploadArgs(Args):
    """Whose trouble, and with how large a file."""

    email: Annotated[Email, Arg(help="The customer's e-mail address.", positional=True)]
    size: Annotated[
        float, Arg(help="How large the file is, in MB, where they said it.", minimum=0, maximum=100_000)
    ] = 0


async def diagnose_upload(args: UploadArgs, context: Context) -> Answer:
    """Follow an upload from Storage to the row of the file."""
    facts = await upload.look(args.email, round(args.size * 1024**2), context)
    return answer(
        upload.links(facts, context.now),
        what=f"Uploading of {args.email}",
        well="every link holds. Have them try once more, with a PDF of at most 5 MB.",
        offers=(Offer(label="Account", words=f"user show {args.email}"),),
        commands=context.services.registry.by_words,
        at=context.now,
    )


FAMILY = Family(
    name="diagnose",
    summary="Why something does not work for a customer",
    operations=(
        Read(
            words="diagnose signin",
            summary="Why a customer cannot sign in: account, mail, ban, redirects, Auth's log, a known good account.",
            title="Cannot sign in",
            submit="Diagnose",
            who=Role.RESPONDER,
            args=CustomerArgs,
            examples=("diagnose signin ann@example.com",),
            section="Issue 1: Users Can't Sign In",
            read=diagnose_signin,
        ),
        Read(
            words="diagnose interview",
            summary="Why an interview does not start: entitlements, codes, OpenAI, database connections.",
            title="No interview",
            submit="Diagnose",
            who=Role.RESPONDER,
            args=CustomerArgs,
            examples=("diagnose interview ann@example.com",),
            section="Issue 2: Interview Won't Start",
            read=diagnose_interview,
        ),
        Read(
            words="diagnose ai",
            summary="Why questions are slow or time out: OpenAI, our limits there, time-outs, prompt lengths.",
            who=Role.RESPONDER,
            examples=("diagnose ai",),
            section="Issue 4: AI Generation Timeout",
            read=diagnose_ai,
        ),
        Read(
            words="diagnose upload",
            summary="Why a CV cannot be uploaded: the file, the bucket's limits, its policies, the quota.",
            title="No upload",
            submit="Diagnose",
            who=Role.RESPONDER,
            args=UploadArgs,
            examples=("diagnose upload ann@example.com", "diagnose upload ann@example.com --size 7.5"),
            section="Issue 5: Storage Upload Fails",
            read=diagnose_upload,
        ),
    ),
)
