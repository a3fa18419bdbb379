"""Text as shared channels may show it.

[pure]
"""

from __future__ import annotations

import re
from typing import Final

_ADDRESS: Final = re.compile(r"(?<![\w.+-])([\w.+-])[\w.+-]*(?:@|%40)([\w-]+(?:\.[\w-]+)+)")
"""Also as it stands in addresses of the web, where `@` is `%40`."""


def masked_text(text: str) -> str:
    """The text with every e-mail address in it as `a•••@example.com`."""
    return _ADDRESS.sub(r"\1•••@\2", text)
