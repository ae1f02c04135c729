"""The one shape of a replacement: what, why, and for how long."""

from __future__ import annotations

import contextlib
import functools
from dataclasses import dataclass
from typing import Any, Callable, Iterator


@dataclass(frozen=True)
class Patch:
    """A function or value, not ours, that is replaced in memory.

    Attributes:
        target: its dotted name; the last part is the attribute that is replaced.
        where: the processes in which it is.
        reason: why.
        until: the version that no longer needs it.
    """

    target: str
    where: str
    reason: str
    until: str = "none yet"

    def wrap(self, owner: Any, wrapper: Callable) -> None:
        """Let ``wrapper(original, *args, **kwargs)`` be called in place of a function.

        Args:
            owner: the module or class that holds it.
            wrapper: what is called instead.
        """
        original = getattr(owner, self._attribute)

        @functools.wraps(original)
        def wrapped(*args, **kwargs):
            return wrapper(original, *args, **kwargs)

        self.put(owner, wrapped)

    def put(self, owner: Any, value: Any) -> None:
        """Put another value in the place of one, or where there is none."""
        setattr(owner, self._attribute, value)

    @contextlib.contextmanager
    def put_within(self, owner: Any, value: Any) -> Iterator[None]:
        """Put another value in the place of one, for as long as the context lasts."""
        before = getattr(owner, self._attribute)
        self.put(owner, value)
        try:
            yield
        finally:
            self.put(owner, before)

    @property
    def _attribute(self) -> str:
        return self.target.rpartition(".")[2]


TRAINER = "trainer process"
PREDICTOR = "PaddleClas's predictor"
WITH_PADDLECLAS = "every process that imports PaddleClas"
