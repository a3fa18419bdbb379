"""The form of an operation: Slack takes it, and what was typed into it is the same as what would have been typed in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Literal

import pytest

from bot.app import registry
from bot.context import Context
from bot.operation import Answer, Arg, Args, Email, Family, Invocation, Read, Registry
from bot.people import Role
from bot.slack.blocks.answer import Message
from bot.slack.blocks.form import CALLBACK, channel_of, form, read, showing, working
from bot.slack.blocks.text import section
from bot.words import Incomplete, parse
from sandbox.slack import inputs
from sandbox.slack.blocks import view as checked

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class GiveArgs(Args):
    """One argument of every kind, required and not."""

    who: Annotated[Email, Arg(help="Who.", positional=True)]
    how_many: Annotated[int, Arg(help="How many.", positional=True, minimum=1, maximum=20)]
    kind: Annotated[Literal["gold", "silver"], Arg(help="Of what kind.")]
    reason: Annotated[str, Arg(help="Why <that>.", rest=True, personal=True)]
    tier: Annotated[Literal["basic", "professional"], Arg(help="Which.")] = "basic"
    lasting: Annotated[timedelta, Arg(help="For how long.")] = timedelta(days=30)
    ratio: Annotated[float, Arg(help="A share.")] = 0.5
    quietly: Annotated[bool, Arg(help="Tell nobody.")] = False


async def give(args: GiveArgs, context: Context) -> Answer:
    """Answer nothing of interest."""
    del args, context
    return Answer(verdict="given")


GIVE = Read(
    words="give something away",
    summary="For these tests & nothing <else>.",
    who=Role.VIEWER,
    args=GiveArgs,
    examples=("give something away ann@example.com 3 --kind gold --reason why",),
    read=give,
)
GIVEN = Registry((Family(name="give", summary="Give", operations=(GIVE,)),))
ALL: Json = {
    "who": Email("ann@example.com"),
    "how_many": 3,
    "kind": "silver",
    "reason": "the webhook's “lost” event <!channel>",
    "tier": "professional",
    "lasting": timedelta(minutes=90),
    "ratio": 0.25,
    "quietly": True,
}


def asked(**given: Any) -> Json:
    """The form for what is missing, as Slack stores it."""
    missing = tuple(field for field in GIVE.fields if field.required and field.name not in given)
    return checked(form(Incomplete(operation=GIVE, given=given, missing=missing), channel="C1"), home=False)


def submitted(view: Json, **typed: Json) -> Json:
    """What Slack sends of it: what stood in it at first, and what was typed."""
    state = {block: {"value": element} for block, element in typed.items()}
    return view | {"state": {"values": inputs.values(view["blocks"], state)}}


def text(value: str) -> Json:
    """What a text input holds."""
    return {"type": "plain_text_input", "value": value}


def choice(value: str) -> Json:
    """What a select holds."""
    return {"type": "static_select", "selected_option": {"text": {"type": "plain_text", "text": value}, "value": value}}


REQUIRED = {"who": text("ann@example.com"), "how_many": text("3"), "kind": choice("gold"), "reason": text("why")}


def test_slack_takes_the_form_of_every_operation() -> None:
    """With nothing given, for whatever there is."""
    for operation in [*registry(), GIVE]:
        missing = tuple(field for field in operation.fields if field.required)
        view = form(Incomplete(operation=operation, given={}, missing=missing), channel="C1")
        stored = checked(view, home=False)
        assert stored["callback_id"] == CALLBACK
        assert len(stored["title"]["text"]) <= 24
        names = [field.name for field in operation.fields]
        if operation.subject and not operation.subject.required:
            names = [*names[1:], names[0]]  # the incident, which its channel implies
        assert [block["block_id"] for block in stored["blocks"][1:]] == names
        assert stored["submit"]["text"] != "Go on" or not missing or operation is GIVE, operation.words
        assert channel_of(stored) == "C1"


def test_what_a_form_does_stands_above_it_and_on_its_button() -> None:
    """Which one is meant is no field above the others: it stands in the title, and comes back with what was typed."""
    view = checked(form(incomplete("incident update INC-12"), channel="C1"), home=False)
    assert (view["title"]["text"], view["submit"]["text"]) == ("Update INC-12", "Tell everybody")
    assert [block["block_id"] for block in view["blocks"] if block["type"] == "input"] == ["text"]
    assert read(submitted(view, text=text("we look")), registry()) == parse(
        registry(), "incident update INC-12 we look"
    )
    again = form(
        incomplete("incident update INC-12"), channel="C1", refused=Message(text="", blocks=[section("None.")])
    )
    assert [block["block_id"] for block in again["blocks"] if block["type"] == "input"] == ["text", "id"]


def incomplete(words: str) -> Incomplete:
    """What is missing of the words."""
    understood = parse(registry(), words)
    assert isinstance(understood, Incomplete)
    return understood


@pytest.mark.parametrize("given", [{}, {"who": Email("ann@example.com")}, {"lasting": timedelta(seconds=45)}, ALL])
def test_what_was_given_is_filled_in_and_comes_back(given: Json) -> None:
    """Sent as it was opened, with only the rest filled in, it means what was given."""
    rest = {name: element for name, element in REQUIRED.items() if name not in given}
    understood = read(submitted(asked(**given), **rest), GIVEN)
    assert isinstance(understood, Invocation)
    for name, value in given.items():
        assert getattr(understood.args, name) == value
    assert understood.operation is GIVE


@pytest.mark.parametrize(
    "lasting",
    [
        timedelta(seconds=45),
        timedelta(minutes=30),
        timedelta(hours=36),
        timedelta(days=7),
        timedelta(seconds=1234567),
        timedelta(days=1, seconds=1.5),
    ],
)
def test_a_time_given_in_words_stays_the_same_in_the_form(lasting: timedelta) -> None:
    """It is filled in as a person would type it."""
    understood = read(submitted(asked(lasting=lasting), **REQUIRED), GIVEN)
    assert isinstance(understood, Invocation)
    assert understood.args == GiveArgs(
        who=Email("ann@example.com"), how_many=3, kind="gold", reason="why", lasting=lasting
    )


@pytest.mark.parametrize("ratio", [0.25, 3.0, 1234567.0, 1e-7, 0.1 + 0.2])
def test_a_number_given_in_words_stays_the_same_in_the_form(ratio: float) -> None:
    """To the last digit."""
    understood = read(submitted(asked(ratio=ratio), **REQUIRED), GIVEN)
    assert isinstance(understood, Invocation)
    assert understood.args == GiveArgs(who=Email("ann@example.com"), how_many=3, kind="gold", reason="why", ratio=ratio)


def test_what_is_typed_means_the_same_as_in_words() -> None:
    """Every kind of argument."""
    view = submitted(
        asked(),
        who=text(" Ann@Example.com "),
        how_many=text("3"),
        kind=choice("silver"),
        reason=text("why not"),
        tier=choice("professional"),
        lasting=text("2h"),
        ratio=text("0.25"),
        quietly={"type": "checkboxes", "selected_options": [{"value": "yes"}]},
    )
    words = (
        "give something away ann@example.com 3 --kind silver --tier professional --lasting 2h --ratio 0.25 --quietly"
        " --reason why not"
    )
    assert read(view, GIVEN) == parse(GIVEN, words)


def test_what_is_left_empty_has_its_default() -> None:
    """As if it had not been said."""
    understood = read(submitted(asked(), **REQUIRED), GIVEN)
    assert isinstance(understood, Invocation)
    assert understood.args == GiveArgs(who=Email("ann@example.com"), how_many=3, kind="gold", reason="why")


@pytest.mark.parametrize(
    ("typed", "errors"),
    [
        ({"who": text("ann")}, {"who": "it must be an e-mail address"}),
        ({"how_many": text("many")}, {"how_many": "it must be a whole number"}),
        ({"how_many": text("21")}, {"how_many": "a whole number from 1 to 20"}),
        ({"ratio": text("half")}, {"ratio": "it must be a number"}),
        ({"lasting": text("long")}, {"lasting": "a time such as 30m, 2h or 7d"}),
        ({"lasting": text("9" * 400 + "w")}, {"lasting": "a time such as 30m, 2h or 7d"}),
        ({"reason": text("   ")}, {"reason": "Please fill this in."}),
        (
            {"who": text("x"), "how_many": text("y"), "lasting": text("z")},
            {"who": "e-mail", "how_many": "whole number", "lasting": "a time such as"},
        ),
    ],
)
def test_what_is_wrong_is_said_under_its_input(typed: Json, errors: dict[str, str]) -> None:
    """All of it at once, each under the block it belongs to, in a sentence that Slack can show."""
    view = submitted(asked(), **REQUIRED | typed)
    found = read(view, GIVEN)
    assert isinstance(found, dict)
    assert found.keys() == errors.keys()
    blocks = {block["block_id"] for block in view["blocks"] if block["type"] == "input"}
    assert found.keys() <= blocks
    for block, says in errors.items():
        assert says in found[block]
        assert len(found[block]) < 300


def test_a_choice_that_was_never_offered_is_refused() -> None:
    """What comes back is looked at again, whoever made it up."""
    view = submitted(asked(), **REQUIRED)
    view["state"]["values"]["tier"]["value"] = {
        "type": "static_select",
        "selected_option": {"text": {"type": "plain_text", "text": "Basic"}, "value": "everything"},
    }
    found = read(view, GIVEN)
    assert isinstance(found, dict)
    assert "basic, professional" in found["tier"]


def test_a_form_sent_empty_names_everything_that_is_missing() -> None:
    """And nothing that is not."""
    assert read(submitted(asked()), GIVEN) == dict.fromkeys(
        ["who", "how_many", "kind", "reason"], "Please fill this in."
    )


def test_reading_twice_gives_the_same() -> None:
    """Before the ack and after it."""
    view = submitted(asked(), **REQUIRED)
    assert read(view, GIVEN) == read(view, GIVEN)


def test_views_that_show_something_are_taken() -> None:
    """While it works, and with its answer; a long title is cut."""
    for title in ("status", "a very long title of a modal", "<!channel>"):
        checked(working(title), home=False)
        stored = checked(showing(title, Message(text="x", blocks=[section("done")])), home=False)
        assert len(stored["title"]["text"]) <= 24
