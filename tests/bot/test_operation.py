"""Declarations: what is derived from them, and what they refuse to be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Literal

import pytest

from bot.app import registry
from bot.context import Context
from bot.operation import Answer, Arg, Args, Email, Family, Invocation, Kind, Read, Registry, fields_of
from bot.people import Role
from bot.words import Incomplete, parse


async def nothing(args: Any, context: Context) -> Answer:
    """Answer nothing of interest."""
    del args, context
    return Answer(verdict="x")


def read(words: str, args: type[Args] = Args) -> Read[Any]:
    """An operation."""
    return Read(words=words, summary="s", who=Role.VIEWER, args=args, examples=(words,), read=nothing)


@dataclass(frozen=True, kw_only=True, slots=True)
class Every(Args):
    """One argument of every kind."""

    name: Annotated[str, Arg(help="h", positional=True)]
    count: Annotated[int, Arg(help="h", positional=True, minimum=1, maximum=9)] = 1
    mail: Annotated[Email, Arg(help="h")]
    share: Annotated[float, Arg(help="h")] = 0.5
    lasting: Annotated[timedelta | None, Arg(help="h")] = None
    tier: Annotated[Literal["basic", "professional"], Arg(help="h")] = "basic"
    quietly: Annotated[bool, Arg(help="h")] = False
    give_reason: Annotated[str, Arg(help="h", rest=True, personal=True)] = ""


def test_arguments_are_derived_from_their_declaration() -> None:
    """Kind, whether required, how they are written, and whether they are personal."""
    found = [(field.name, field.kind, field.required, field.usage, field.personal) for field in fields_of(Every)]
    assert found == [
        ("name", Kind.TEXT, True, "<name>", False),
        ("count", Kind.INTEGER, False, "[count]", False),
        ("mail", Kind.EMAIL, True, "--mail <mail>", True),
        ("share", Kind.NUMBER, False, "[--share <share>]", False),
        ("lasting", Kind.DURATION, False, "[--lasting <lasting>]", False),
        ("tier", Kind.CHOICE, False, "[--tier <basic|professional>]", False),
        ("quietly", Kind.FLAG, False, "[--quietly]", False),
        ("give_reason", Kind.TEXT, False, "[--give-reason <give-reason…>]", True),
    ]
    assert fields_of(Every)[1].maximum == 9
    assert read("do", Every).usage.startswith("do <name> [count] --mail <mail> ")


def test_an_argument_must_say_what_it_is() -> None:
    """No help, no argument; and words become only what they can become."""

    @dataclass(frozen=True, kw_only=True, slots=True)
    class Silent(Args):
        name: Annotated[str, "no Arg"] = ""

    @dataclass(frozen=True, kw_only=True, slots=True)
    class Strange(Args):
        name: Annotated[bytes, Arg(help="h")] = b""

    with pytest.raises(TypeError, match="has no Arg"):
        fields_of(Silent)
    with pytest.raises(TypeError, match="no words become a"):
        fields_of(Strange)


def test_words_are_declared_once() -> None:
    """Two operations of the same words are refused at the start, in one family or in two."""
    one, two = (
        Family(name="a", summary="A", operations=(read("do"),)),
        Family(name="b", summary="B", operations=(read("do"),)),
    )
    with pytest.raises(ValueError, match="two operations are called “do”"):
        Registry((one, two))
    found = Registry((one, Family(name="c", summary="C", operations=(read("do more"),))))
    assert [operation.words for operation in found] == ["do", "do more"]
    assert found.family_of(found.by_words["do more"]).name == "c"


def test_what_there_is_keeps_to_the_rules() -> None:
    """Words in lower case, at most three; a summary that is a sentence; examples; arguments with help."""
    for operation in registry():
        assert operation.words == operation.words.lower()
        assert 1 <= len(operation.words.split()) <= 3
        assert operation.summary.endswith(".")
        assert operation.examples
        for example in operation.examples:
            assert example.startswith(operation.words)
        assert all(field.help.endswith(".") for field in operation.fields)
        assert operation.words.split()[0] == operation.words or registry().family_of(operation)


@pytest.mark.parametrize("empty", ['""', "“ ”", '"\u00a0"'])
def test_an_empty_text_is_as_good_as_none(empty: str) -> None:
    """It takes the default, or is asked for, as in a form."""
    understood = parse(registry(), f"token issue {empty}")
    assert isinstance(understood, Invocation)
    assert understood == parse(registry(), "token issue")
    given = Registry((Family(name="a", summary="A", operations=(read("do", Every),)),))
    missing = parse(given, f"do {empty} --mail ann@example.com")
    assert isinstance(missing, Incomplete)
    assert [field.name for field in missing.missing] == ["name"]
