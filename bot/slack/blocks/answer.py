"""An Answer as a Slack message: verdict, evidence, buttons, where the runbook says so.

[pure]
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from bot.ages import age, is_far
from bot.operation import FILL_IN, Answer, Line, Lines, Mark, Offer
from bot.slack.blocks.text import (
    BLOCKS,
    BUTTON,
    BUTTONS,
    MESSAGE,
    SECTION,
    Block,
    characters,
    context,
    cut,
    escape,
    mention,
    mrkdwn,
    paragraphs,
    plain,
    section,
)
from bot.slack.payloads import FILLS, REPLACES

SIGNS: Final[Mapping[Mark, str]] = {
    Mark.OK: ":white_check_mark:",
    Mark.DEGRADED: ":warning:",
    Mark.DOWN: ":red_circle:",
    Mark.UNKNOWN: ":grey_question:",
    Mark.NONE: "",
}
"""Signs of different shapes, so that they differ without colour."""
_WORDS: Final[Mapping[Mark, str]] = {
    Mark.OK: "OK",
    Mark.DEGRADED: "Degraded",
    Mark.DOWN: "DOWN",
    Mark.UNKNOWN: "Could not check",
    Mark.NONE: "",
}
_CODE: Final = re.compile(r"(`[^`\n]+`)")
_BREAKS: Final = re.compile(r"(?<!\s)\s*[\n\r\v\f\x85\u2028\u2029]\s*")
_FENCE: Final = "```\n{}\n```"
_MORE: Final = 40
"""Characters kept for "… and 12 more"."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """What is sent: `text` for notifications and screen readers, `blocks` for the eye."""

    text: str
    blocks: list[Block]
    refused: bool = False
    """It says why nothing was done, so it takes no other message's place."""
    secret: bool = False
    """It shows what must not stand in a conversation for ever."""


def message(answer: Answer, *, now: datetime, values: Mapping[Offer, str], runbook_url: str = "") -> Message:
    """The answer as a message, within Slack's limits. `values` holds what each offer's button carries.

    The verdict, the secret and the small print always find their place; evidence that does not is counted.
    """
    verdict = section(_signed(answer.mark, f"*{cut(rich(answer.verdict), SECTION - 100)}*"))
    below: list[Block] = []
    if answer.secret is not None:
        below.append(section(f"{escape(answer.secret.label)}\n```{escape(answer.secret.value)}```"))
    calls = "For " + " ".join(mention(id_) for id_ in answer.mentions) if answer.mentions else ""
    small = [context(text) for text in (calls, _small_print(answer, now, runbook_url)) if text]
    room = MESSAGE - characters([verdict, *below, *small])
    if answer.offers:
        row = buttons(answer.offers, values, room=room // 2)
        below.append(row)
        room -= characters(row)
    texts = _evidence(answer.evidence, now, room=room, most=BLOCKS - 1 - len(below) - len(small))
    return Message(
        text=cut(escape(plain_text(answer)), SECTION),
        blocks=[verdict, *(section(text) for text in texts), *below, *small],
        refused=answer.refused,
        secret=answer.secret is not None,
    )


def buttons(offers: Sequence[Offer], values: Mapping[Offer, str], *, room: int = MESSAGE) -> Block:
    """The offers as one row of buttons: the first of them, as far as there is room."""
    elements: list[Block] = []
    for number, offer in enumerate(offers[:BUTTONS]):
        button = _button(number, offer, values[offer])
        room -= characters(button)
        if room < 0 and elements:
            break
        elements.append(button)
    return {"type": "actions", "elements": elements}


def progress(done: int, total: int) -> Message:
    """What stands there while the work goes on."""
    bar = "▰" * round(10 * done / max(1, total)) + "▱" * (10 - round(10 * done / max(1, total)))
    text = f"Checking… {done}/{total}"
    return Message(text=text, blocks=[section(f"{bar}  {text}")])


def plain_text(answer: Answer) -> str:
    """The verdict, its sign as a word, and nothing that needs to be seen."""
    word = _WORDS[answer.mark]
    return f"{word}: {answer.verdict}" if word else answer.verdict


def _evidence(evidence: Sequence[Lines], now: datetime, *, room: int, most: int) -> list[str]:
    """The texts of at most `most` sections; what finds no room is counted in the last."""
    texts: list[str] = []
    left = sum(len(lines.lines) for lines in evidence)
    room -= _MORE
    for lines in evidence:
        rows = [f"*{cut(rich(lines.heading), 300)}*"] if lines.heading else []
        room -= sum(len(row) + 1 for row in rows)
        before = left
        for line in lines.lines:
            row = _row(line, now)
            room -= len(row) + 1
            if room < 0:
                break
            rows.append(row)
            left -= 1
        pieces = paragraphs(rows)
        if len(texts) + len(pieces) >= most:
            return [*texts, f"… and {before} more"]
        if room < 0:
            return [*texts, *pieces, f"… and {left} more"]
        texts += pieces
        if lines.code and len(texts) < most - 1 and room > len(_FENCE):
            texts.append(_FENCE.format(cut(escape(lines.code), min(SECTION, room) - len(_FENCE))))
            room -= len(texts[-1])
    return texts


def _row(line: Line, now: datetime) -> str:
    said = rich(line.title)
    if line.text:
        said = f"*{said}*  {rich(line.text)}"
    if line.at is not None:
        said += f"  _{age(line.at, now)} ago_"
    if line.when is not None:
        said += f"  {_moment(line.when, now)}"
    if line.channel:
        said += f"  <#{line.channel}>"
    if line.link.startswith("https://"):
        said += f"  <{escape(line.link.replace('|', '%7C'))}|open>"
    return cut(_signed(line.mark, said), 600)


def _moment(when: datetime, now: datetime) -> str:
    """A time of day; of another day with its date, so that a deadline of the day after tomorrow does not read as missed."""
    stamp = int(when.timestamp())
    if is_far(when, now):
        return f"<!date^{stamp}^{{date_short_pretty}} {{time}}|{when:%a %d %b %H:%M} UTC>"
    return f"<!date^{stamp}^{{time}}|{when:%H:%M} UTC>"


def _signed(mark: Mark, text: str) -> str:
    sign = SIGNS[mark]
    return f"{sign} {text}" if sign else text


def rich(text: str) -> str:
    """One line, escaped, with `code` kept as code and every other mrkdwn sign as the character it is.

    One line, so that what a vendor wrote cannot look like a line of ours.
    """
    parts = _CODE.split(escape(_BREAKS.sub(" ", text)))
    return "".join(part if _CODE.fullmatch(part) else _literal(part) for part in parts)


def _literal(text: str) -> str:
    # a zero-width space after the sign keeps `*`, `_` and `~` from starting bold, italics or a strike
    return re.sub(r"(?<![A-Za-z0-9])([*_~`])(?=\S)", "\\1\u200b", text)


def _button(number: int, offer: Offer, value: str) -> Block:
    button: dict[str, Any] = {
        "type": "button",
        "action_id": f"{_kind(offer)}{number}",
        "text": plain(offer.label, BUTTON),
        "value": value,
    }
    if offer.style:
        button["style"] = offer.style
    if offer.confirm:
        button["confirm"] = {
            "title": plain("Are you sure?", 100),
            "text": mrkdwn(cut(escape(offer.confirm), 300)),
            "confirm": plain(cut(offer.label, 30), 30),
            "deny": plain("Not now", 30),
        }
    return button


def _kind(offer: Offer) -> str:
    if offer.label == FILL_IN:
        return FILLS
    return REPLACES if offer.replaces else "offer:"


def _small_print(answer: Answer, now: datetime, runbook_url: str) -> str:
    parts = []
    if answer.at is not None:
        stamp = int(answer.at.timestamp())
        parts.append(f"<!date^{stamp}^{{time_secs}}|{answer.at:%H:%M:%S} UTC>, {age(answer.at, now)} ago")
    if answer.section and runbook_url:
        parts.append(f"<{runbook_url}#{anchor(answer.section)}|Runbook: {escape(answer.section)}>")
    return "  ·  ".join(parts)


def anchor(heading: str) -> str:
    """A heading of the runbook as the fragment of its address, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
