"""Which channels of a vanilla feature map are high and which are low, and where each one lies."""

from __future__ import annotations

from typing import Sequence

import numpy as np

from ..layers.channels import low_share


class Layout:
    """The place of every vanilla channel in the two branches of an octave map.

    A convolution puts its last channels into the low branch. What concatenates, splits, slices or
    shuffles channels afterwards changes the layout alone, or takes channels out of a branch; the
    vanilla order is restored where a plain tensor is needed.

    Attributes:
        slots: for each vanilla channel its index in the high branch, or -1 - its index in the low
            one. One axis, or several while the channels are viewed as groups (channel shuffle).
    """

    def __init__(self, slots: Sequence[int] | np.ndarray) -> None:
        self.slots = np.asarray(slots, dtype=np.int64)

    @classmethod
    def of_mask(cls, low: np.ndarray) -> Layout:
        """Each branch in the vanilla order; ``low`` says of each channel whether it is low."""
        low = np.asarray(low, dtype=bool)
        return cls(np.where(low, -np.cumsum(low), np.cumsum(~low) - 1))

    @classmethod
    def of_alpha(cls, channels: int, alpha: float, sections: Sequence[int] | None = None) -> Layout:
        """Every section (by default there is one) gives its last floor(alpha * size) channels."""
        return cls.of_mask(low_mask(sections or [channels], alpha))

    @property
    def channels(self) -> int:
        return self.slots.size

    @property
    def low(self) -> int:
        """Channels of the low branch."""
        return int((self.slots < 0).sum())

    @property
    def high(self) -> int:
        """Channels of the high branch."""
        return self.channels - self.low

    @property
    def mask(self) -> np.ndarray:
        """Of each vanilla channel, whether it is low."""
        return self.slots.ravel() < 0

    @property
    def order(self) -> np.ndarray:
        """Vanilla channels in the order of the high branch, then of the low branch."""
        return np.argsort(self.joined, kind="stable")

    @property
    def joined(self) -> np.ndarray:
        """For each vanilla channel its index in the high branch followed by the low one."""
        slots = self.slots.ravel()
        return np.where(slots >= 0, slots, self.high - 1 - slots)

    @property
    def is_ordered(self) -> bool:
        """Whether the high channels followed by the low ones are the vanilla order."""
        return bool((self.joined == np.arange(self.channels)).all())

    @property
    def is_view(self) -> bool:
        """Whether the channels are viewed as groups."""
        return self.slots.ndim > 1

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Layout) and np.array_equal(self.slots, other.slots)

    def __hash__(self) -> int:
        return hash((self.slots.shape, self.slots.tobytes()))

    def __repr__(self) -> str:
        order = "" if self.is_ordered else ", reordered"
        return f"Layout({self.high} high, {self.low} low{order})"


def low_mask(sections: Sequence[int], alpha: float) -> np.ndarray:
    """Of each channel whether it is low, if every section gives its last floor(alpha * size)."""
    masks = []
    for size in sections:
        masks.append(np.arange(size) >= size - low_share(size, alpha))
    return np.concatenate(masks)
