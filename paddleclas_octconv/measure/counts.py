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

_TABLE = "COUNTS: Mapping[str, Counts] = {\n"


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
    """Count all backbones and write the table anew."""
    lines = [f'    "{name}": Counts{counts_of(name)},\n' for name in CATALOGUE]
    path = Path(__file__).parents[1] / "backbones" / "counts.py"
    head, table, _ = path.read_text(encoding="utf-8").partition(_TABLE)
    write_atomically(path, f"{head}{table}{''.join(lines)}}}\n# fmt: on\n".encode())


if __name__ == "__main__":
    main()
