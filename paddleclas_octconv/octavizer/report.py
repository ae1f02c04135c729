"""What became octave, what was joined and why, and what it costs."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from .options import Options
from .planned import Conv, Join, Plan


@dataclass
class Report:
    """What ``octavize`` has done to a network; multiply-adds are those of one image.

    Attributes:
        network: its name.
        input_size: height and width of the image.
        channels: of the image.
        convolutions: all that there are; octave: those that are octave convolutions now.
        vanilla_multiply_adds, multiply_adds: before and after, linear layers included.
        octave_multiply_adds: those before of what is octave now.
        plain: multiply-adds of the convolutions with a plain output, by the reason for that.
        saved_by_support: of these, what would be saved if they were octave, where the reason is
            none of the options but something that has no octave form yet.
        joins: where a pair becomes a tensor: (layer, function, reason), each with its number.
        opaque: layers that take plain tensors only, and why.
    """

    network: str
    input_size: tuple[int, int]
    channels: int
    convolutions: int
    octave: int
    vanilla_multiply_adds: int
    multiply_adds: int
    octave_multiply_adds: int
    plain: dict[str, int] = field(default_factory=dict)
    saved_by_support: dict[str, int] = field(default_factory=dict)
    joins: list[tuple[Join, int]] = field(default_factory=list)
    opaque: dict[str, str] = field(default_factory=dict)

    @property
    def share(self) -> float:
        """The share of the vanilla multiply-adds that is in octave convolutions now."""
        return self.octave_multiply_adds / max(1, self.vanilla_multiply_adds)

    @property
    def ratio(self) -> float:
        """Multiply-adds after, relative to those before."""
        return self.multiply_adds / max(1, self.vanilla_multiply_adds)

    def as_json(self) -> dict[str, Any]:
        """All of it, for ``json.dump``."""
        return {**asdict(self), "joins": [[*vars(join).values(), n] for join, n in self.joins]}

    def __str__(self) -> str:
        height, width = self.input_size
        lines = [
            f"{self.network} at {height}x{width}: {self.octave} of {self.convolutions} "
            f"convolutions are octave ({self.share:.0%} of the multiply-adds); multiply-adds "
            f"{_millions(self.vanilla_multiply_adds)} -> {_millions(self.multiply_adds)} "
            f"(x{self.ratio:.2f})"
        ]
        for reason, cost in sorted(self.plain.items(), key=lambda item: -item[1]):
            saved = self.saved_by_support.get(reason)
            more = f"; octave would save {_millions(saved)}" if saved else ""
            lines.append(f"  plain ({reason}): {_millions(cost)}{more}")
        for join, count in self.joins:
            times = f" ({count} times)" if count > 1 else ""
            lines.append(f"  joined in {join.layer}, {join.function}: {join.reason}{times}")
        for layer, why in self.opaque.items():
            lines.append(f"  {layer} takes plain tensors only: {why}")
        return "\n".join(lines)


_CHOSEN = ("stem", "min_size", "max_stride", "plain", "alpha", "alpha leaves no low channel")


def report_on(name: str, plan: Plan, options: Options) -> Report:
    """The report on a plan that was carried out."""
    convs = list(plan.convs.values())
    octave = [conv for conv in convs if conv.octave]
    plain: Counter[str] = Counter()
    saved: Counter[str] = Counter()
    for conv in convs:
        if conv.outputs is None and not (conv.octave and conv.inputs):
            reason = conv.reason or "its input is plain"
            plain[reason] += conv.multiply_adds
            if reason not in _CHOSEN:
                alpha = conv.alpha or _number(options.alpha)
                saved[reason] += int(0.75 * alpha * (2 - alpha) * conv.multiply_adds)
    before = sum(conv.multiply_adds for conv in convs) + plan.linear
    after = sum(map(_cost, convs)) + plan.linear
    if plan.linear:
        plain["linear layers"] = plan.linear
    return Report(
        name,
        options.sides,
        plan.channels,
        len(convs),
        len(octave),
        before,
        after,
        sum(conv.multiply_adds for conv in octave),
        {key: value for key, value in plain.items() if value},
        {key: value for key, value in saved.items() if value},
        list(Counter(plan.joins).items()),
        plan.opaque,
    )


def _cost(conv: Conv) -> int:
    """Multiply-adds as it is now."""
    if not conv.octave:
        return conv.multiply_adds
    layer: Any = conv.layer
    kernel = math.prod(layer.vanilla_shapes()["weight"])
    once = conv.size[0] * conv.size[1] * kernel
    calls = conv.multiply_adds / once if once else 0
    return round(calls * sum(layer.multiply_adds(*conv.size)))


def _number(alpha: Any) -> float:
    return max(alpha) if isinstance(alpha, (list, tuple)) else alpha


def _millions(count: int) -> str:
    return f"{count / 1e6:,.1f} M"
