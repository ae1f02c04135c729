"""Stratified subsets of a list: the classes keep their shares."""

from __future__ import annotations

import random
from collections import defaultdict
from pathlib import Path
from typing import Any, Sequence, Tuple, TypeVar

from ..common.errors import OctConvError
from .list_files import DELIMITER, Label, read_list, write_list

_Entry = TypeVar("_Entry", bound=Tuple[str, Label])


def stratified_subset(entries: Sequence[_Entry], size: int, seed: int = 0) -> list[_Entry]:
    """Draw `size` entries whose classes keep their shares, in the order of `entries`.

    The same seed gives the same draw on every machine.  Of equally large classes each gets
    ``size / classes`` images, to within one, and a smaller draw lies inside a larger one.

    Raises:
        OctConvError: a size outside [1, len(entries)].
    """
    if not 1 <= size <= len(entries):
        raise OctConvError(
            f"a subset of {size} images cannot be drawn from {len(entries)}: "
            f"give a size from 1 to {len(entries)}"
        )
    by_class: dict[Label, list[int]] = defaultdict(list)
    for position, (_, label) in enumerate(entries):
        by_class[label].append(position)

    # Largest remainders: whole shares first, what is left to the largest fractions.
    shares = {label: len(members) * size / len(entries) for label, members in by_class.items()}
    quotas = {label: int(share) for label, share in shares.items()}
    by_fraction = sorted(shares, key=lambda label: (quotas[label] - shares[label], label))
    for label in by_fraction[: size - sum(quotas.values())]:
        quotas[label] += 1

    chosen = []
    ordered: list[Any] = sorted(by_class.items())
    for label, members in ordered:
        random.Random(f"{seed}/{label}").shuffle(members)
        chosen += members[: quotas[label]]
    return [entries[position] for position in sorted(chosen)]


def write_subset(source: Path, size: int, seed: int = 0, delimiter: str = DELIMITER) -> Path:
    """Write a stratified subset of the list file `source` beside it and return its path.

    ``train_list.txt`` gives ``train_list_500.txt`` (another seed than 0 is named too).
    """
    suffix = f"_{size}" if seed == 0 else f"_{size}_seed{seed}"
    target = source.with_name(f"{source.stem}{suffix}{source.suffix}")
    entries = read_list(source, "list", delimiter)
    write_list(target, stratified_subset(entries, size, seed), delimiter)
    return target
