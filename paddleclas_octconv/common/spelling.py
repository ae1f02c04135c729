"""Keys of a config in a message, by the options of the command line that stand for them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Mapping


@dataclass(frozen=True)
class Spelling:
    """What a user has said by an option is told by that option.

    Attributes:
        offered: the option of each key that the command has one for: what to do instead of
            ``-o KEY=…``.
        given: those of them that the user has given: ``KEY`` itself is called so.
    """

    offered: Mapping[str, str] = field(default_factory=dict)
    given: Mapping[str, str] = field(default_factory=dict)

    def of(self, message: str) -> str:
        """A message with options in place of keys."""
        for key, option in self.offered.items():
            message = message.replace(f"-o {key}=", f"{option} ")
        for key, option in self.given.items():
            message = re.sub(rf"(?<![\w.]){re.escape(key)}(?![\w=]|\.\w)", option, message)
        return message
