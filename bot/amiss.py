"""What was typed amiss, kept for the form that asks again: nothing that a tired person typed is lost.

[pure]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from bot.errors import UsageError
from bot.operation import Field, Kind, Operation, Registry
from bot.words import Incomplete, is_option, match, names_incident, split, undo_typography, value_of

_CHOSEN: Final = (Kind.CHOICE, Kind.PERSON, Kind.FLAG)
"""What a form lets one choose, so that it cannot show a word that fits none."""


def salvage(registry: Registry, text: str) -> Incomplete:
    """Return the form of what was meant, with all that was typed where it fits best. Raise UsageError where nothing was meant.

    What fits is given. What does not fit its argument is kept for it as it was typed; where that is chosen from a list, it
    is taken for the next argument, and what is left at the end for a text that is still missing.
    """
    operation, words = match(registry, split(undo_typography(text)))
    kept = _Kept(operation)
    kept.take(list(words))
    missing = tuple(field for field in operation.fields if field.required and field.name not in kept.given)
    return Incomplete(operation=operation, given=kept.given, missing=missing, amiss=kept.amiss)


class _Kept:
    """What is known of each argument so far."""

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self.given: dict[str, Any] = {}
        self.amiss: dict[str, str] = {}
        self._open = [field for field in operation.fields if field.positional]
        self._left: list[str] = []

    def take(self, queue: list[str]) -> None:
        """Go through the words, from the first to the last."""
        by_flag = {field.flag: field for field in self.operation.fields}
        while queue:
            word = queue.pop(0)
            flag, _, inline = word.partition("=")
            field = by_flag.get(flag.lower()) if is_option(word) else None
            if field is not None:
                self._option(field, inline, queue)
            elif not is_option(word):
                self._place(word, queue)
        texts = (field for field in self.operation.fields if field.rest and field.required and not self._has(field))
        field = next(texts, None)
        if self._left and field is not None:
            self._keep(field, " ".join(self._left))

    def _option(self, field: Field, inline: str, queue: list[str]) -> None:
        if field.kind is Kind.FLAG:
            self.given[field.name] = True
            return
        word = inline or " ".join(_up_to_option(queue, most=len(queue) if field.rest else 1))
        if word.strip():
            self._keep(field, word)

    def _place(self, word: str, queue: list[str]) -> None:
        """Put a word into the first open place that takes it."""
        while self._open:
            field = self._open.pop(0)
            follows = self._open[0] if self._open else None
            if field.kind is Kind.INCIDENT and follows and not names_incident(word, follows, alone=not queue):
                continue
            if self._keep(field, word):
                if field.rest:
                    whole = " ".join([word, *_up_to_option(queue, most=len(queue))])
                    self._keep(field, whole)
                return
        self._left.append(word)

    def _keep(self, field: Field, word: str) -> bool:
        """Keep the word for the argument; whether it can be."""
        try:
            self.given[field.name] = value_of(self.operation, field, word)
        except UsageError:
            if field.kind in _CHOSEN:
                return False
            self.amiss[field.name] = word
        return True

    def _has(self, field: Field) -> bool:
        return field.name in self.given or field.name in self.amiss


def _up_to_option(queue: list[str], *, most: int) -> Sequence[str]:
    taken: list[str] = []
    while queue and len(taken) < most and not is_option(queue[0]):
        taken.append(queue.pop(0))
    return taken
