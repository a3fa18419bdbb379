"""The declaration of a command, and what it answers.

[pure]

One `Read` or `Act` value in `handlers/` says everything about a command once: its words, its arguments, who may ask,
what it does, examples. The words, the help, the modal, the permission, the terminal and `docs/commands.md` are derived.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, NewType, TypeVar

from bot.people import Role

if TYPE_CHECKING:
    from bot.context import Context, Services, Transaction
    from bot.degraded.keeper import Keeper
    from bot.steps import Book

Email = NewType("Email", str)
"""An e-mail address, lower case. It is personal data: it never stands in a button's value."""

Person = NewType("Person", str)
"""Somebody of the workspace: their id, or the name that was typed; `services.people.whom` says who that is."""

IncidentNumber = NewType("IncidentNumber", int)
"""An incident, as `INC-12` or `12`. Left out before other words, it is the one of the channel."""


class Kind(StrEnum):
    """What an argument's words must be."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    FLAG = "flag"
    CHOICE = "choice"
    EMAIL = "email"
    PERSON = "person"
    INCIDENT = "incident"
    DURATION = "duration"


@dataclass(frozen=True, kw_only=True, slots=True)
class Arg:
    """How one argument is asked for; it annotates a field of an operation's `Args`."""

    help: str
    positional: bool = False
    rest: bool = False
    """Takes all the words that are left, such as a reason."""
    personal: bool = False
    """Holds personal data or free text: a button that carries it keeps it in our database."""
    minimum: float | None = None
    maximum: float | None = None
    labels: tuple[str, ...] = ()
    """How each of the choices reads in a form, in their order; left out, it reads as it is typed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Args:
    """No arguments; operations that take some subclass it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """One argument, as derived from a field of `Args`."""

    name: str
    kind: Kind
    help: str
    positional: bool
    rest: bool
    personal: bool
    required: bool
    default: Any
    choices: tuple[str, ...]
    minimum: float | None
    maximum: float | None
    labels: tuple[str, ...] = ()

    @property
    def flag(self) -> str:
        """The argument as an option: `--name`."""
        return "--" + self.name.replace("_", "-")

    @property
    def usage(self) -> str:
        """The argument in a usage line: `<id>`, `[minutes]`, `[--fresh]`."""
        word = "|".join(self.choices) or self.name.replace("_", "-")
        if self.rest:
            word += "…"
        if self.positional:
            return f"<{word}>" if self.required else f"[{word}]"
        option = self.flag if self.kind is Kind.FLAG else f"{self.flag} <{word}>"
        return option if self.required else f"[{option}]"


_KINDS: Final[Mapping[object, Kind]] = {
    str: Kind.TEXT,
    int: Kind.INTEGER,
    float: Kind.NUMBER,
    bool: Kind.FLAG,
    Email: Kind.EMAIL,
    Person: Kind.PERSON,
    IncidentNumber: Kind.INCIDENT,
    timedelta: Kind.DURATION,
}


@functools.cache
def fields_of(args: type[Args]) -> tuple[Field, ...]:
    """The arguments of an `Args` class, in the order in which they are declared.

    Raises TypeError where a field has no `Arg`, or a type that no words can be turned into.
    """
    hints = typing.get_type_hints(args, include_extras=True)
    return tuple(_field(args, declared, hints[declared.name]) for declared in dataclasses.fields(args))


def _field(args: type[Args], declared: dataclasses.Field[Any], hint: Any) -> Field:
    note = next((note for note in getattr(hint, "__metadata__", ()) if isinstance(note, Arg)), None)
    if note is None:
        raise TypeError(f"{args.__qualname__}.{declared.name} has no Arg")
    kind_of = hint.__origin__
    if typing.get_origin(kind_of) in (typing.Union, types.UnionType):
        kind_of = next(part for part in typing.get_args(kind_of) if part is not type(None))
    choices: tuple[str, ...] = typing.get_args(kind_of) if typing.get_origin(kind_of) is Literal else ()
    kind = Kind.CHOICE if choices else _KINDS.get(kind_of)
    if kind is None:
        raise TypeError(f"{args.__qualname__}.{declared.name}: no words become a {kind_of}")
    required = declared.default is dataclasses.MISSING and declared.default_factory is dataclasses.MISSING
    return Field(
        name=declared.name,
        kind=kind,
        help=note.help,
        positional=note.positional,
        rest=note.rest,
        personal=note.personal or kind is Kind.EMAIL,
        required=required,
        default=None if required else declared.default,
        choices=choices,
        minimum=note.minimum,
        maximum=note.maximum,
        labels=note.labels or choices,
    )


# What is answered


class Mark(StrEnum):
    """How a line stands, for the sign in front of it. `UNKNOWN` is "could not check" and never looks like `OK`."""

    OK = "ok"
    DEGRADED = "degraded"
    DOWN = "down"
    UNKNOWN = "unknown"
    NONE = "none"


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One piece of evidence: a title, what was found, and when (shown as an age)."""

    title: str
    text: str = ""
    mark: Mark = Mark.NONE
    at: datetime | None = None
    when: datetime | None = None
    """A moment shown as a time of day: on cards, which stand for hours, an age would soon be wrong."""
    channel: str = ""
    """The id of a channel that the line leads to."""
    link: str = ""
    """An https address that the line leads to: Slack's own or a vendor's, never one that somebody typed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lines:
    """Evidence under a heading."""

    heading: str = ""
    lines: tuple[Line, ...] = ()
    code: str = ""
    """Below the lines, as it stands, such as a statement."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Secret:
    """Something shown once, to one person, and kept nowhere."""

    label: str
    value: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Attachment:
    """A file that comes with an answer: a table as CSV, a document as Markdown, a plot as PNG.

    In Slack it is shared where everybody may read the answer, else in a direct message; a terminal prints text.
    """

    name: str
    """With its ending, such as `INC-12.md`."""
    title: str
    content: bytes

    @property
    def is_text(self) -> bool:
        """A terminal can print it."""
        return self.name.rpartition(".")[2] in ("md", "csv", "txt", "json", "sql")


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """A next step as a button: its words come in by the same door as if they had been typed."""

    label: str
    words: str
    style: Literal["", "primary", "danger"] = ""
    confirm: str = ""
    """Where set, Slack asks once more with this sentence."""
    replaces: bool = False
    """The answer to the press takes the place of the message that holds the button."""


FILL_IN: Final = "Fill in a form"
"""The button for what was typed amiss; a terminal, which has no forms, leaves it out."""


class Audience(StrEnum):
    """Who sees an answer in Slack."""

    PRIVATE = "private"
    """Only the one who asked, wherever it was asked."""
    QUIET = "quiet"
    """Only the one who asked, but where it was asked by a message in a channel, its thread."""
    CHANNEL = "channel"
    """Everybody in the channel."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What comes back: the verdict first, then the evidence, then the buttons, then the runbook's section."""

    verdict: str
    mark: Mark = Mark.NONE
    evidence: tuple[Lines, ...] = ()
    secret: Secret | None = None
    offers: tuple[Offer, ...] = ()
    section: str = ""
    """A heading of the runbook, such as `Health Checks`."""
    audience: Audience = Audience.QUIET
    refused: bool = False
    """It says why nothing was done."""
    mentions: tuple[str, ...] = ()
    """Ids of people and user groups who are meant to be called by it."""
    at: datetime | None = None
    """When what it says was true; shown as an age where it is not just now."""
    attachments: tuple[Attachment, ...] = ()
    reminder: bool = False
    """It says how something stands: where it could not be said in time, nobody needs it once something newer was said."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Form:
    """What a form of missing arguments shows above its fields and below them, and what it fills in besides what was typed."""

    note: Answer | None = None
    more: Answer | None = None
    """What is long, and must not stand between a phone's reader and the fields."""
    given: Mapping[str, Any] = field(default_factory=dict)


# What is declared

A = TypeVar("A", bound=Args)


@dataclass(frozen=True, kw_only=True)
class Declaration(Generic[A]):
    """What is said of every operation, whatever it does."""

    words: str
    """What one types after `/ilab`, such as `status watch`."""
    summary: str
    who: Role
    examples: tuple[str, ...]
    """Whole lines, without `/ilab`. The tests parse each."""
    args: type[A] = typing.cast("type[A]", Args)  # noqa: RUF009 -- a cast calls nothing
    title: str = ""
    """What heads its form and the modal that answers, in a few words; left out, its own words."""
    submit: str = ""
    """What the button of its form says: what happens when it is pressed."""
    section: str = ""
    slack_only: bool = False
    """Refused in the terminal, such as issuing a token for it."""
    anew: bool = False
    """Slack is asked anew who asks, whatever it said a minute ago: a role that was taken away counts at once."""
    named_too: bool = False
    """Also for whom an approval rule of the settings names, whatever their role."""
    form: Callable[[Mapping[str, Any], Context], Awaitable[Form]] | None = None
    """What is known already when the form opens, given what was typed; without it the form asks and says no more."""

    @property
    def fields(self) -> tuple[Field, ...]:
        """The arguments, in order."""
        return fields_of(self.args)  # type: ignore[arg-type]  # a class is hashable; functools' stub wants it said

    @property
    def subject(self) -> Field | None:
        """The argument that only says which one is meant, such as the incident or the request; None where there is none."""
        first = self.fields[0] if self.fields else None
        return first if first is not None and first.positional and first.name in ("id", "task") else None

    @property
    def usage(self) -> str:
        """The whole usage line, without `/ilab`."""
        return " ".join((self.words, *(argument.usage for argument in self.fields)))


@dataclass(frozen=True, kw_only=True)
class Read(Declaration[A]):
    """A command that answers and changes nothing. Run twice, it only costs twice."""

    read: Callable[[A, Context], Awaitable[Answer]]


@dataclass(frozen=True, kw_only=True)
class Act(Declaration[A]):
    """A command that changes our own state, in the one transaction it is given.

    It is run once for a request: what comes again after a crash gets the same answer. One whose answer is a secret or a
    file is run again, and must then leave the same state: `context.request_id` is its key.
    """

    act: Callable[[A, Context, Transaction], Awaitable[Answer]]
    degraded: Callable[[A, Context, Keeper], Awaitable[Answer]] | None = None
    """How it is done while our own database is silent; without it, it is refused then."""
    in_drills: bool = False
    """Done also where it is asked for in a drill's channel: it concerns the drill alone, or nothing outside.

    Without it, it is only written down there, as every change is.
    """


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What a change will do, as people are shown it, and frozen: what was approved is what runs.

    `decides` holds, as JSON, all that its effect depends on, and no more: no name, no address. It is what `execute` is
    given, and what `recheck` compares with reality. A customer's id stands under `person`, at any depth: there it is
    kept as a hash that a deletion makes meaningless. `reason` is what people wrote; the audit leaves it out.
    """

    effect: str
    """One line: what becomes of what, before → after."""
    lines: tuple[Line, ...]
    decides: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of a change."""

    succeeded: bool
    said: str
    """One line, without personal data."""
    lines: tuple[Line, ...] = ()
    """What else its card says of it: titles and texts."""
    offers: tuple[Offer, ...] = ()
    """What can be done next, such as the way forward after a rollback."""
    also: Callable[[Transaction], Awaitable[None]] | None = None
    """What changes in our own tables with it, in the transaction that records it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Execution:
    """What `execute` may know of the request it runs for; `key` is what the product remembers it by."""

    key: str
    request: int
    requester: str
    approvers: tuple[str, ...]
    services: Services
    incident: int | None
    """The incident that it belongs to, where there is one."""
    progress: Callable[[str], Awaitable[None]]
    """Says on the card how far it is, in one line without personal data."""
    book: Book
    """Where its steps are recorded, so that what is run again finds what it did."""


@dataclass(frozen=True, kw_only=True)
class Change(Declaration[A]):
    """A command that changes the product. It plans, another person approves, and then it runs, once.

    `plan` only reads. `recheck` says why a plan is no longer true, or nothing. `execute` may be called again for the
    same key, and then says what happened the first time; it raises ProviderError where it cannot know, and is called
    again later.
    """

    plan: Callable[[A, Context], Awaitable[Plan]]
    recheck: Callable[[Mapping[str, Any], Services], Awaitable[str]]
    execute: Callable[[Mapping[str, Any], Execution], Awaitable[Outcome]]
    approver: Role = Role.APPROVER
    quorum: int = 1
    """How many others must approve; with 0 it runs at once, recorded, settled after a crash and audited all the same."""
    expires_after: timedelta = timedelta(hours=24)
    carded: bool = False
    """It takes long: it has a card also where nobody has to approve, which says how far it is."""
    exclusive: str = ""
    """What only one open request may hold at a time, such as `production`."""
    break_glass: bool = False
    """A reversible mitigation: in an open P0 or P1 the on-call, or a lead whom another person appointed, may run it alone."""


Operation = Read[Any] | Act[Any] | Change[Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """The commands of one module of `handlers/`."""

    name: str
    summary: str
    operations: tuple[Operation, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Invocation:
    """An operation with its arguments filled in."""

    operation: Operation
    args: Args


@dataclass(frozen=True)
class Registry:
    """All families. Built once, by `bot.app`; refuses two operations of the same words."""

    families: tuple[Family, ...]
    by_words: Mapping[str, Operation] = field(init=False)

    def __post_init__(self) -> None:
        """Index the operations by their words."""
        found: dict[str, Operation] = {}
        for operation in self:
            if operation.words in found:
                raise ValueError(f"two operations are called “{operation.words}”")
            found[operation.words] = operation
        object.__setattr__(self, "by_words", found)

    def __iter__(self) -> Iterator[Operation]:
        """All operations, family by family."""
        for family in self.families:
            yield from family.operations

    def family_of(self, operation: Operation) -> Family:
        """The family that declares the operation."""
        return next(family for family in self.families if operation in family.operations)
