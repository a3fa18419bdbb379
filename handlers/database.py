"""`db`: the product's database: how it is, and what is in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from bot import tables
from bot.context import Context
from bot.database_care import backups, catalogue, gauges, keeping, migrations, restoring, vitals
from bot.operation import Answer, Arg, Args, Audience, Change, Family, Line, Lines, Mark, Offer, Plan, Read
from bot.people import Role
from bot.product import product_of
from bot.store.backups import Backup

METRICS: Final = "Key Metrics to Watch"
QUERIES: Final = "Common Queries"
BACKUPS: Final = "Backup & Restore"
MOST_ROWS: Final = 1000


async def health(args: Args, context: Context) -> Answer:
    """Return connections, processor, memory and storage against their thresholds, the longest queries, and locks."""
    del args
    found = await vitals.take(context.services)
    verdict, mark = gauges.verdict(found.gauges)
    figures = tuple(Line(title=one.title, text=one.said, mark=one.mark, at=one.at) for one in found.gauges)
    evidence = [Lines(lines=figures), _working(found.queries)]
    if found.locks and not isinstance(found.locks, str):
        evidence.append(Lines(heading="Waiting for a lock", lines=tuple(_waiting(row) for row in found.locks)))
    elif isinstance(found.locks, str):
        line = Line(title="Locks", text=f"could not check: {found.locks}", mark=Mark.UNKNOWN)
        evidence.append(Lines(lines=(line,)))
    trouble = mark is Mark.DOWN and context.actor.role >= Role.RESPONDER
    declare = Offer(label="Declare incident", words=f'incident declare p1 "{_title(verdict)}"', style="danger")
    return Answer(
        verdict=verdict,
        mark=mark,
        evidence=tuple(evidence),
        offers=(
            *((declare,) if trouble else ()),
            Offer(label="Look again", words="db health", replaces=True),
            Offer(label="Who holds connections", words="db query connections"),
        ),
        at=context.now,
    )


def _title(verdict: str) -> str:
    return verdict.rstrip(".").replace('"', "").replace("'", "’")[:190]


def _working(queries: Sequence[Mapping[str, Any]] | str) -> Lines:
    heading = "The longest at work"
    if isinstance(queries, str):
        return Lines(lines=(Line(title="Queries", text=f"could not check: {queries}", mark=Mark.UNKNOWN),))
    lines = tuple(Line(title=f"{max(0.0, row['seconds'] or 0):.0f} s", text=gauges.working(row)) for row in queries)
    return Lines(heading=heading, lines=lines or (Line(title="Nothing works at this moment."),))


def _waiting(row: Mapping[str, Any]) -> Line:
    holders = " and ".join(str(pid) for pid in row["held_by"])
    held = gauges.worded(row["holder_query"])
    said = f"`{gauges.worded(row['query'])}` waits for {holders} ({row['holder_state']}: `{held}`)"
    return Line(title=f"{max(0.0, row['seconds'] or 0):.0f} s", text=said)


@dataclass(frozen=True, kw_only=True, slots=True)
class QueryArgs(Args):
    """Which query, and what it has to be told."""

    name: Annotated[str, Arg(help="Its name; left out, all are listed.", positional=True)] = ""
    first: Annotated[str, Arg(help="What it has to be told: the list says what.", positional=True, personal=True)] = ""
    second: Annotated[str, Arg(help="A second thing, where it takes two.", positional=True, personal=True)] = ""
    rows: Annotated[int, Arg(help="How many rows at most.", minimum=1, maximum=MOST_ROWS)] = 20
    csv: Annotated[bool, Arg(help="As a file, too.")] = False


async def query(args: QueryArgs, context: Context) -> Answer:
    """Return the rows of a named query, every address in them masked; without a name, the list of them."""
    if not args.name:
        return _listed()
    asked = catalogue.named(args.name)
    told = catalogue.values(asked, [word for word in (args.first, args.second) if word], context.now)
    rows = await product_of(context.services).fetch(f"catalogue/{asked.name}", told, most=args.rows + 1)
    more, rows = len(rows) > args.rows, rows[: args.rows]
    again = " ".join(part for part in (asked.name, args.first, args.second) if part)
    offers = []
    if more and args.rows < MOST_ROWS:
        most = min(MOST_ROWS, args.rows * 5)
        offers.append(Offer(label=f"{most} rows", words=f"db query {again} --rows {most}"))
    if rows and not args.csv:
        offers.append(Offer(label="As CSV", words=f"db query {again} --rows {args.rows} --csv"))
    capped = (
        f"the first {args.rows} rows; there are more" if more else f"{len(rows)} row{'' if len(rows) == 1 else 's'}"
    )
    return Answer(
        verdict=f"{asked.name}: {capped}.",
        evidence=(Lines(heading=asked.title, lines=tuple(_row(row) for row in rows)),),
        offers=tuple(offers),
        audience=Audience.PRIVATE,
        at=context.now,
        attachments=(tables.file_of(asked.name, rows),) if args.csv and rows else (),
    )


def _listed() -> Answer:
    lines = tuple(Line(title=one.usage, text=one.title) for one in catalogue.catalogue().values())
    return Answer(
        verdict=f"{len(lines)} queries: `/ilab db query <name>`, with what each takes.",
        evidence=(Lines(lines=lines),),
        offers=(Offer(label="Newest interviews", words="db query sessions"),),
    )


def _row(row: Mapping[str, Any]) -> Line:
    (_, first), *others = [(name, tables.shown(value)) for name, value in row.items()]
    return Line(title=first, text=", ".join(f"{name} {said}" for name, said in others))


async def list_backups(args: Args, context: Context) -> Answer:
    """Return what can be restored: Supabase's backups or window, and our own dumps."""
    del args
    found = await backups.listed(context.services)
    verdict, mark = keeping.verdict(found.vendor, found.ours, context.now)
    evidence = []
    if not isinstance(found.vendor, str) and found.vendor.daily:
        lines = tuple(Line(title=f"{one.id}", text=one.status.lower(), at=one.at) for one in found.vendor.daily)
        evidence.append(Lines(heading="Supabase's", lines=lines))
    if found.ours:
        evidence.append(Lines(heading="Our own dumps", lines=tuple(_dumped(one) for one in found.ours)))
    offers = [Offer(label="Back up now", words="db backup")]
    unproven = next((one for one in found.ours if one.state == "done" and not one.proven_at), None)
    if unproven is not None:
        offers.append(Offer(label=f"Prove dump {unproven.id}", words=f"db prove {unproven.id}"))
    return Answer(verdict=verdict, mark=mark, evidence=tuple(evidence), offers=tuple(offers), at=context.now)


def _dumped(one: Backup) -> Line:
    marks = {"done": Mark.OK, "running": Mark.NONE, "failed": Mark.DOWN}
    said = f"{one.state}, on {one.host}"
    if one.state == "done":
        proof = "proven" if one.proven_at else f"not proven{': ' + one.proof if one.proof else ''}"
        said = (
            f"{gauges.size(one.bytes or 0)}, {one.rows:,} rows, PostgreSQL {one.server_version}, {proof}, on {one.host}"
        )
    elif one.reason:
        said += f": {one.reason}"
    return Line(title=f"Dump {one.id}", text=said, mark=marks.get(one.state, Mark.NONE), at=one.started_at)


@dataclass(frozen=True, kw_only=True, slots=True)
class BackupArgs(Args):
    """How thorough."""

    prove: Annotated[bool, Arg(help="Restore it into a scratch database at once, and count every table.")] = False


async def plan_backup(args: BackupArgs, context: Context) -> Plan:
    """Return what would be dumped, with what, and how long it is kept."""
    return await backups.plan(context.services, prove=args.prove)


@dataclass(frozen=True, kw_only=True, slots=True)
class ProveArgs(Args):
    """Which dump."""

    id: Annotated[int, Arg(help="The dump's number, of db backups.", positional=True, minimum=1, maximum=2**62)]


async def plan_proof(args: ProveArgs, context: Context) -> Plan:
    """Return which dump would be restored for a look."""
    return await backups.plan_proof(args.id, context.services)


@dataclass(frozen=True, kw_only=True, slots=True)
class RestoreArgs(Args):
    """What, and that it is meant."""

    to: Annotated[
        str, Arg(help="A backup's number, a time in UTC (2026-11-25T02:00), or how long ago (30m).", positional=True)
    ]
    confirm: Annotated[
        str, Arg(help="The project's reference, typed, once you have read what is lost.", positional=True)
    ] = ""


async def plan_restore(args: RestoreArgs, context: Context) -> Plan:
    """Return what would be restored and what is lost by it."""
    return await restoring.plan(args.to, args.confirm, context.services)


@dataclass(frozen=True, kw_only=True, slots=True)
class MigrateArgs(Args):
    """Which file."""

    name: Annotated[str, Arg(help="A file of the migrations folder, or its beginning, such as 015.", positional=True)]


async def plan_migration(args: MigrateArgs, context: Context) -> Plan:
    """Return what would be run where: staging first, production inside the window or in an open P0 or P1."""
    return await migrations.plan(args.name, context.services)


FAMILY = Family(
    name="db",
    summary="The product's database",
    operations=(
        Read(
            words="db health",
            summary="Connections, CPU, memory and storage against their thresholds, the longest queries, locks.",
            who=Role.RESPONDER,
            examples=("db health",),
            section=METRICS,
            read=health,
        ),
        Read(
            words="db query",
            summary="A named query, its addresses masked and its rows capped; as CSV where asked.",
            who=Role.RESPONDER,
            args=QueryArgs,
            examples=("db query", "db query entitlements ann@example.com", "db query sessions 24h --rows 100 --csv"),
            section=QUERIES,
            read=query,
        ),
        Read(
            words="db backups",
            summary="What can be restored: Supabase's backups or window of time, and our own dumps.",
            who=Role.RESPONDER,
            examples=("db backups",),
            section=BACKUPS,
            read=list_backups,
        ),
        Change(
            words="db backup",
            summary="Dump the product's database, verify the dump and keep it under its checksum.",
            who=Role.RESPONDER,
            args=BackupArgs,
            examples=("db backup", "db backup --prove"),
            section=BACKUPS,
            plan=plan_backup,
            recheck=backups.always_true,
            execute=backups.execute,
            quorum=0,
            exclusive="db backup",
            carded=True,
        ),
        Change(
            words="db prove",
            summary="Restore a dump into a scratch database and count every table, to see that it holds.",
            title="Prove dump",
            submit="Restore it to prove",
            who=Role.RESPONDER,
            args=ProveArgs,
            examples=("db prove 3",),
            section=BACKUPS,
            plan=plan_proof,
            recheck=backups.always_true,
            execute=backups.execute_proof,
            quorum=0,
            exclusive="db backup",
            carded=True,
        ),
        Change(
            words="db restore",
            summary="Have Supabase restore a backup or a moment: in an open P0, with what is lost said first.",
            title="Restore the database",
            submit="Ask for approval",
            who=Role.ADMIN,
            args=RestoreArgs,
            examples=("db restore 739945", "db restore 2026-11-25T02:00 abcdefghijklmnopqrst"),
            section=BACKUPS,
            plan=plan_restore,
            recheck=restoring.recheck,
            execute=restoring.execute,
            exclusive="db restore",
        ),
        Change(
            words="db migrate",
            summary="Run a migration on staging, then on production inside its window or in an open P0 or P1.",
            title="Migrate",
            submit="Ask for approval",
            who=Role.RESPONDER,
            args=MigrateArgs,
            examples=("db migrate 015_session_language.sql", "db migrate 015"),
            section="Useful Commands",
            plan=plan_migration,
            recheck=migrations.recheck,
            execute=migrations.execute,
            exclusive="db migrate",
        ),
    ),
)
