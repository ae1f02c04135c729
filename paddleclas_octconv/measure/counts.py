"""Writes ``backbones/counts.py``: ``python -m paddleclas_octconv.measure.counts``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from paddle import nn

from .. import registry
from ..backbones.catalogue import CATALOGUE
from ..common.files import write_atomically
from ..layers import Octave
from .complexity import measure, whole_layers

_HEAD = '''"""What each backbone counts by default: 1,000 classes, 224x224, its own alpha.

Written by ``python -m paddleclas_octconv.measure.counts``, so that nobody waits for it, or needs
Paddle, to read it. A test holds it to the networks.
"""

from __future__ import annotations

from typing import Mapping, NamedTuple

IMAGE_SIZE = 224


class Counts(NamedTuple):
    """Of one image; see ``measure.complexity.Complexity`` for the first five.

    Attributes:
        elements: of the outputs of all layers, which training keeps in memory.
    """

    parameters: int
    total_parameters: int
    multiply_adds: int
    vanilla_parameters: int
    vanilla_multiply_adds: int
    elements: int


# fmt: off
# ruff: noqa: E501
COUNTS: Mapping[str, Counts] = {
'''


def counts_of(name: str) -> tuple[int, ...]:
    """What a backbone counts: the fields of ``Counts``."""
    network = registry.build(name)
    elements = 0

    def count(layer: Any, inputs: Any, output: Any) -> None:
        nonlocal elements
        parts = output if isinstance(output, Octave) else [output]
        elements += sum(part.size for part in parts if part is not None)

    hooks = [
        layer.register_forward_post_hook(count)
        for _, layer in whole_layers(network)
        if not isinstance(layer, nn.Identity)
    ]
    complexity = measure(network)
    for hook in hooks:
        hook.remove()
    return (*complexity, elements)


def main() -> None:
    """Count all backbones and write the table."""
    lines = [f'    "{name}": Counts{counts_of(name)},\n' for name in CATALOGUE]
    path = Path(__file__).parents[1] / "backbones" / "counts.py"
    write_atomically(path, f"{_HEAD}{''.join(lines)}}}\n# fmt: on\n".encode())


if __name__ == "__main__":
    main()
