"""Words ⇄ Invocation: what a person typed, undone of Slack's typography, matched, validated, and said back.

[pure]
"""

from __future__ import annotations

import dataclasses
import difflib
import html
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from bot.errors import UsageError
from bot.operation import Args, Email, Field, IncidentNumber, Invocation, Kind, Operation, Person, Registry

LONGEST: Final = 3000
"""Characters of one line. Slack cuts slash commands long before; a paste from elsewhere is refused with a sentence."""

_LINK: Final = re.compile(r"<(?P<target>(?:https?|mailto|tel):[^|<>\s]+)(?:\|(?P<label>[^<>]*))?>")
_REFERENCE: Final = re.compile(r"<(?P<sign>[@#!])(?P<id>[A-Za-z0-9^._-]+)(?:\|[^<>]*)?>")
_ENTITY: Final = re.compile(r"&(?:[A-Za-z]{2,8}|#[0-9A-Fa-fx]{1,8});")
"""Of a bounded length: Python refuses to read a number of more than 4,300 digits."""
_LONG_DASH: Final = re.compile(r"(?<!\S)[—–‒―]{1,2}-?(?=[A-Za-z])")
_QUOTES: Final = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‘": "'", "’": "'", "‚": "'"})
_SPACES: Final = re.compile(r"[\s\u00a0\u2007\u202f\u200b\ufeff]+")
_TOKEN: Final = re.compile(r'(?P<lead>--[\w-]+=)?(?:"(?P<double>[^"]*)"|\'(?P<single>[^\']*)\'(?!\S))|(?P<bare>\S+)')
_EMAIL: Final = re.compile(r"[^@\s<>\"',;]+@[^@\s<>\"',;]+\.[^@\s<>\"',;.]+")
_INCIDENT: Final = re.compile(r"(?P<sign>inc-?)?(?P<number>[1-9]\d{0,17})", re.IGNORECASE)
_DURATION: Final = re.compile(r"(?P<amount>\d+(?:\.\d+)?)(?P<unit>s|m|min|h|d|w)")
_UNITS: Final = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}


@dataclass(frozen=True, kw_only=True, slots=True)
class Incomplete:
    """An operation was meant, but required arguments are missing; a modal can ask for them, with the rest kept."""

    operation: Operation
    given: Mapping[str, Any]
    missing: tuple[Field, ...]
    amiss: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """What was typed for arguments that it does not fit: a form shows it, to be put right."""


def undo_typography(text: str) -> str:
    """Return what was typed before Slack and the phone's keyboard made it pretty.

    Smart quotes, long dashes for `--`, `<mailto:a@b|a@b>`, `<https://…|…>`, `<@U…|name>`, `<#C…|name>`, entities and
    hard spaces. Source: docs.slack.dev, formatting message text; `should_escape` of slash commands.
    """
    text = _LINK.sub(lambda found: found["target"].removeprefix("mailto:").removeprefix("tel:"), text)
    text = _REFERENCE.sub(lambda found: _reference(found["sign"], found["id"]), text)
    text = _ENTITY.sub(lambda found: html.unescape(found[0]), text)
    text = text.translate(_QUOTES)
    text = _LONG_DASH.sub("--", text)
    return _SPACES.sub(" ", text).strip()


def _reference(sign: str, id_: str) -> str:
    return "@" + id_.removeprefix("subteam^") if sign == "!" else sign + id_


def split(text: str) -> list[str]:
    """Cut a line into words; quotes keep words together, and an apostrophe or a lone quote is just a character."""
    words = []
    for found in _TOKEN.finditer(text):
        quoted = found["double"] if found["double"] is not None else found["single"]
        words.append(found["bare"] if quoted is None else (found["lead"] or "") + quoted)
    return words


def parse(registry: Registry, text: str) -> Invocation | Incomplete:
    """Return what the line asks for. An empty line asks for help.

    Raises UsageError with a sentence, the nearest command and an example where it cannot be understood.
    """
    typed = undo_typography(text)
    if len(typed) > LONGEST:
        raise UsageError(
            f"That is {len(typed):,} characters; a command may have {LONGEST:,}.",
            todo="Send the command alone, and a long text as a message. `/ilab help` lists the commands.",
        )
    words = split(typed) or ["help"]
    operation, rest = match(registry, words)
    try:
        given = _assign(operation, rest)
    except UsageError as error:
        error.form = typed if any(field.required for field in operation.fields) else ""
        raise
    return complete(operation, given)


def operation_of(registry: Registry, text: str) -> Operation | None:
    """The operation that the line asks for, with whatever arguments; None where it asks for none."""
    try:
        return parse(registry, text).operation
    except UsageError:
        return None


def complete(operation: Operation, given: Mapping[str, Any]) -> Invocation | Incomplete:
    """Turn already validated arguments into an Invocation, or say which required ones are missing."""
    missing = tuple(field for field in operation.fields if field.required and field.name not in given)
    if missing:
        return Incomplete(operation=operation, given=dict(given), missing=missing)
    return Invocation(operation=operation, args=operation.args(**given))


def typed(invocation: Invocation) -> Incomplete:
    """What was asked, as a form that has it all filled in."""
    given = {field.name: getattr(invocation.args, field.name) for field in invocation.operation.fields}
    kept = {
        field.name: given[field.name]
        for field in invocation.operation.fields
        if field.required or given[field.name] != field.default
    }
    return Incomplete(operation=invocation.operation, given=kept, missing=())


def refuse_incomplete(incomplete: Incomplete) -> UsageError:
    """Say what is missing, for places where no modal can be opened."""
    names = " and ".join(field.usage for field in incomplete.missing)
    return UsageError(f"`{incomplete.operation.words}` needs {names}.", todo=_hint(incomplete.operation))


def render(invocation: Invocation) -> str:
    """Return a line that `parse` turns into the same Invocation."""
    parts = [invocation.operation.words]
    skipped = False  # an incident was left out, in whose place a text might be taken for one
    for field in invocation.operation.fields:
        value = getattr(invocation.args, field.name)
        if not field.required and value == field.default:
            skipped = skipped or (field.positional and field.kind is Kind.INCIDENT)
            continue
        if field.kind is Kind.FLAG:
            parts.append(field.flag)
        elif field.kind is Kind.INCIDENT and field.positional:
            parts.append(f"INC-{value}")
        elif field.positional and not (skipped and _INCIDENT.fullmatch(said(value))):
            parts.append(_quote(said(value)))
        else:
            parts.append(f"{field.flag} {_quote(said(value))}")
    return " ".join(parts)


def value_of(operation: Operation, field: Field, word: str) -> Any:
    """Turn one word into the value of an argument. Raise UsageError where it is none."""
    read = _READERS.get(field.kind)
    return word if read is None else read(operation, field, word)


def _choice(operation: Operation, field: Field, word: str) -> str:
    if word.lower() in field.choices:
        return word.lower()
    near = difflib.get_close_matches(word.lower(), field.choices, n=1)
    raise _wrong(operation, field, word, f"one of {', '.join(field.choices)}", near[0] if near else "")


def email(word: str) -> Email | None:
    """The e-mail address that a word is, if it is one."""
    return Email(word.lower()) if _EMAIL.fullmatch(word) else None


def duration(word: str) -> timedelta | None:
    """The length of time that a word is, if it is one."""
    found = _DURATION.fullmatch(word.lower())
    if found is not None:
        with suppress(OverflowError):
            return timedelta(seconds=float(found["amount"]) * _UNITS[found["unit"]])
    return None


def _email(operation: Operation, field: Field, word: str) -> Email:
    if (read := email(word)) is not None:
        return read
    raise _wrong(operation, field, word, "an e-mail address, such as ann@example.com")


def _person(operation: Operation, field: Field, word: str) -> Person:
    del operation, field
    return Person(word.removeprefix("@"))


def _incident(operation: Operation, field: Field, word: str) -> IncidentNumber:
    if named := _INCIDENT.fullmatch(word):
        return IncidentNumber(int(named["number"]))
    raise _wrong(operation, field, word, "an incident such as INC-12")


def _duration(operation: Operation, field: Field, word: str) -> timedelta:
    if (read := duration(word)) is not None:
        return read
    raise _wrong(operation, field, word, "a time such as 30m, 2h or 7d")


def shorten(text: str, most: int = 60) -> str:
    """Cut what is quoted back to a person, so that an answer stays one line."""
    return text if len(text) <= most else text[: most - 1] + "…"


def match(registry: Registry, words: Sequence[str]) -> tuple[Operation, list[str]]:
    """The operation that the words begin with, and the words after it. Raise UsageError where they name none."""
    lowered = [word.lower() for word in words]
    for length in range(min(3, len(words)), 0, -1):
        operation = registry.by_words.get(" ".join(lowered[:length]))
        if operation is not None:
            return operation, list(words[length:])
    meant = _last_words(registry, lowered[0])
    # `/ilab update …`: its channel implies the incident, and that it is one
    if len(meant) == 1 and (subject := meant[0].subject) is not None and subject.kind is Kind.INCIDENT:
        return meant[0], list(words[1:])
    raise UsageError(
        f"There is no command “{shorten(' '.join(words))}”.",
        why=_suggestion(registry, lowered),
        todo="`/ilab help` lists what you may do.",
    )


def _last_words(registry: Registry, word: str) -> list[Operation]:
    """The commands of two words that end so, where none begins so."""
    if any(words.split()[0] == word for words in registry.by_words):
        return []
    return [operation for words, operation in registry.by_words.items() if words.split()[1:] == [word]]


def _suggestion(registry: Registry, lowered: Sequence[str]) -> str:
    if meant := _last_words(registry, lowered[0]):
        return "Did you mean " + " or ".join(f"`/ilab {operation.words}`" for operation in meant) + "?"
    for length in (2, 1):
        near = difflib.get_close_matches(" ".join(lowered[:length])[:60], registry.by_words, n=1, cutoff=0.6)
        if near:
            return f"Did you mean `/ilab {near[0]}`?"
    same_family = sorted(words for words in registry.by_words if words.split()[0] == lowered[0])
    if same_family:
        return "There is " + ", ".join(f"`/ilab {words}`" for words in same_family) + "."
    return ""


def _assign(operation: Operation, words: Sequence[str]) -> dict[str, Any]:
    by_flag = {field.flag: field for field in operation.fields}
    positional = [field for field in operation.fields if field.positional]
    given: dict[str, Any] = {}
    queue = list(words)
    while queue:
        word = queue.pop(0)
        if is_option(word):
            flag, _, inline = word.partition("=")
            field = by_flag.get(flag.lower())
            if field is None:
                raise _unknown_flag(operation, flag, list(by_flag))
            given[field.name] = _flag_value(operation, field, inline, queue)
            continue
        if not positional:
            near = f"--{word.lower()}"
            raise UsageError(
                f"I did not understand “{shorten(' '.join([word, *queue]))}” after `{operation.words}`.",
                why=f"Did you mean `{near}`?" if near in by_flag else "",
                todo=_hint(operation),
            )
        field = positional.pop(0)
        if field.kind is Kind.INCIDENT and positional and not names_incident(word, positional[0], alone=not queue):
            field = positional.pop(0)
        if field.rest:
            word = " ".join([word, *_rest(operation, by_flag, queue, given)])
        given[field.name] = value_of(operation, field, word)
    # an empty text is as good as none, as in a form
    return {name: value for name, value in given.items() if not isinstance(value, str) or value.strip()}


def names_incident(word: str, following: Field, *, alone: bool) -> bool:
    """Whether the word is the incident that may be left out: before a free text a bare number may be part of that."""
    named = _INCIDENT.fullmatch(word)
    if named is None or named["sign"]:
        return named is not None
    return following.kind is not Kind.DURATION and (alone or not following.rest)


def is_option(word: str) -> bool:
    """What was quoted may begin as an option does; with a space in front of any `=`, it is text."""
    return word.startswith("--") and len(word) > 2 and " " not in word.partition("=")[0]


def _rest(operation: Operation, by_flag: Mapping[str, Field], queue: list[str], given: dict[str, Any]) -> Iterator[str]:
    """All the words that are left but the options among them, which people type last; a misspelt one is no text."""
    while queue:
        word = queue.pop(0)
        flag, _, inline = word.partition("=")
        field = by_flag.get(flag.lower())
        if field is not None:
            given[field.name] = _flag_value(operation, field, inline, queue)
        elif is_option(word) and difflib.get_close_matches(flag.lower(), by_flag, n=1, cutoff=0.75):
            raise _unknown_flag(operation, flag, list(by_flag))
        else:
            yield word


def _flag_value(operation: Operation, field: Field, inline: str, queue: list[str]) -> Any:
    if field.kind is Kind.FLAG:
        if inline:
            raise UsageError(f"`{field.flag}` takes no value.", todo=_hint(operation))
        return True
    if inline:
        return value_of(operation, field, inline)
    taken = []
    while queue and not queue[0].startswith("--"):
        taken.append(queue.pop(0))
        if not field.rest:
            break
    if not taken:
        raise UsageError(f"`{field.flag}` needs a value.", todo=_hint(operation))
    return value_of(operation, field, " ".join(taken))


def _unknown_flag(operation: Operation, flag: str, known: list[str]) -> UsageError:
    near = difflib.get_close_matches(flag.lower(), known, n=1)
    return UsageError(
        f"`{operation.words}` has no option `{shorten(flag)}`.",
        why=f"Did you mean `{near[0]}`?" if near else "",
        todo=_hint(operation),
    )


def _number(operation: Operation, field: Field, word: str) -> int | float:
    low, high = field.minimum, field.maximum
    what = ("a whole number" if field.kind is Kind.INTEGER else "a number") + _bounds(low, high)
    try:
        number = int(word) if field.kind is Kind.INTEGER else float(word.removesuffix("%"))
    except ValueError:
        raise _wrong(operation, field, word, what) from None
    if number != number or (low is not None and number < low) or (high is not None and number > high):  # noqa: PLR0124 -- NaN
        raise _wrong(operation, field, word, what)
    return number


_READERS: Final[Mapping[Kind, Callable[[Operation, Field, str], Any]]] = {
    Kind.INTEGER: _number,
    Kind.NUMBER: _number,
    Kind.CHOICE: _choice,
    Kind.EMAIL: _email,
    Kind.PERSON: _person,
    Kind.INCIDENT: _incident,
    Kind.DURATION: _duration,
}
"""How a word is read; of every other kind it is taken as it is."""


def _bounds(low: float | None, high: float | None) -> str:
    if low is None:
        return "" if high is None else f" of at most {high:g}"
    # a bound that only keeps a number within its column is nobody's business
    return f" of at least {low:g}" if high is None or high > 2**53 else f" from {low:g} to {high:g}"


def _wrong(operation: Operation, field: Field, word: str, wanted: str, near: str = "") -> UsageError:
    return UsageError(
        f"“{shorten(word)}” does not fit “{field.name.replace('_', ' ')}”: it must be {wanted}.",
        why=f"Did you mean “{near}”?" if near else "",
        todo=_hint(operation),
    )


def _hint(operation: Operation) -> str:
    # the shortest that shows more than the words: who got them wrong knows the words
    example = min((one for one in operation.examples if one != operation.words), key=len, default=operation.words)
    rest = "" if example == operation.usage else f", for example `/ilab {example}`"
    return f"Usage: `/ilab {operation.usage}`{rest}."


def said(value: Any) -> str:
    """The value of an argument as the word that `value_of` turns into it."""
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
        for unit in ("d", "h", "m"):
            if seconds and seconds % _UNITS[unit] == 0:
                return f"{said(seconds / _UNITS[unit])}{unit}"
        return f"{said(seconds)}s"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else str(value)
    return str(value)


def _quote(word: str) -> str:
    if word and " " not in word and not word.startswith(("--", '"', "'")):
        return word
    return f'"{word}"' if '"' not in word else "'" + word.replace("'", "’") + "'"


def needs_no_args(operation: Operation) -> bool:
    """Say whether the operation runs with its words alone."""
    return operation.args is Args or not any(field.required for field in operation.fields)
