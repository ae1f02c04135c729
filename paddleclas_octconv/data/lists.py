"""PaddleClas's list files ("relative/path label" a line) and label maps ("0 airplane" a line)."""

from __future__ import annotations

import random
from collections import defaultdict
from pathlib import Path
from typing import Iterable, Sequence, Tuple

from ..common.errors import OctConvError

#: One image: its path relative to ``image_root``, and its class index.
Entry = Tuple[str, int]

TRAIN_LIST = "train_list.txt"
VAL_LIST = "val_list.txt"
LABEL_MAP = "label_list.txt"


def write_list(path: Path, entries: Iterable[Entry]) -> None:
    """Write `entries` in the format ``ImageNetDataset`` reads."""
    text = "".join(f"{name} {label}\n" for name, label in entries)
    path.write_text(text, encoding="utf-8")


def read_list(path: Path) -> list[Entry]:
    """Read a list file; raises OctConvError for an unreadable file or a malformed line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise OctConvError(f"cannot read the list file {path}: {error}") from None
    entries = []
    for number, line in enumerate(lines, start=1):
        name, _, label = line.strip().rpartition(" ")
        if not name or not label.isdecimal():
            raise OctConvError(f'{path}, line {number}: {line!r} is not "relative/path label"')
        entries.append((name, int(label)))
    return entries


def write_label_map(path: Path, names: Sequence[str]) -> None:
    """Write `names` in the format of PaddleClas's ``class_id_map_file``."""
    text = "".join(f"{index} {name}\n" for index, name in enumerate(names))
    path.write_text(text, encoding="utf-8")


def stratified_subset(entries: Sequence[Entry], size: int, seed: int = 0) -> list[Entry]:
    """Draw `size` entries whose classes keep their shares, in the order of `entries`.

    The same seed gives the same draw on every machine.  Of equally large classes each gets
    ``size / classes`` images, to within one, and a smaller draw lies inside a larger one.
    Raises OctConvError for a size outside [1, len(entries)].
    """
    if not 1 <= size <= len(entries):
        raise OctConvError(
            f"a subset of {size} images cannot be drawn from {len(entries)}: "
            f"give a size from 1 to {len(entries)}"
        )
    by_class: dict[int, list[int]] = defaultdict(list)
    for position, (_, label) in enumerate(entries):
        by_class[label].append(position)

    # Largest remainders: whole shares first, what is left to the largest fractions.
    shares = {label: len(members) * size / len(entries) for label, members in by_class.items()}
    quotas = {label: int(share) for label, share in shares.items()}
    by_fraction = sorted(shares, key=lambda label: (quotas[label] - shares[label], label))
    for label in by_fraction[: size - sum(quotas.values())]:
        quotas[label] += 1

    chosen = []
    for label, members in sorted(by_class.items()):
        random.Random(f"{seed}/{label}").shuffle(members)
        chosen += members[: quotas[label]]
    return [entries[position] for position in sorted(chosen)]


def write_subset(source: Path, size: int, seed: int = 0) -> Path:
    """Write a stratified subset of the list file `source` beside it and return its path.

    ``train_list.txt`` gives ``train_list_500.txt`` (another seed than 0 is named too).
    """
    suffix = f"_{size}" if seed == 0 else f"_{size}_seed{seed}"
    target = source.with_name(f"{source.stem}{suffix}{source.suffix}")
    write_list(target, stratified_subset(read_list(source), size, seed))
    return target
