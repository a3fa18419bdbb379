"""The parts of the documentation that are made from the code: every command, every setting."""

from __future__ import annotations

from collections.abc import Iterator

from bot.app import registry
from bot.operation import Operation, Read
from bot.settings import variables


def commands() -> str:
    """`docs/commands.md`: what can be asked for, by family."""
    lines = ["# Commands", "", "Made by `make docs` from the declarations in `handlers/`; do not edit.", ""]
    for family in registry().families:
        lines += [f"## {family.name.capitalize()}: {family.summary}", ""]
        for operation in family.operations:
            lines += [*_command(operation), ""]
    return "\n".join(lines)


def settings() -> str:
    """`docs/settings.md`: every environment variable."""
    lines = [
        "# Settings",
        "",
        "Made by `make docs` from `bot/settings.py`; do not edit. A vendor whose section is left out is not configured:",
        "its checks say so, and its commands leave the help.",
        "",
        "| variable | default | what it is |",
        "| --- | --- | --- |",
    ]
    lines += [f"| `{name}` | {default} | {what} |" for name, default, what in variables()]
    return "\n".join(lines) + "\n"


def completions() -> list[dict[str, str]]:
    """What a composer offers while one types `/ilab …`."""
    return [
        {"words": operation.words, "usage": f"/ilab {operation.usage}", "summary": operation.summary}
        for operation in registry()
    ]


def _command(operation: Operation) -> Iterator[str]:
    yield f"### `/ilab {operation.usage}`"
    yield ""
    does = "Answers, changes nothing." if isinstance(operation, Read) else "Changes our own state, audited."
    where = "In Slack." if operation.slack_only else f"In Slack, and `ilab run {operation.words}` in a terminal."
    yield f"{operation.summary} For: {operation.who.word} and above. {does} {where}"
    if operation.section:
        yield f"Runbook: {operation.section}."
    if operation.fields:
        yield ""
        yield from (f"- `{field.usage}`: {field.help}" for field in operation.fields)
    yield ""
    yield "For example: " + ", ".join(f"`/ilab {example}`" for example in operation.examples) + "."
