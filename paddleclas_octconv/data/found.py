"""What is found of one's own images, in whatever form they come, before any is looked at."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

MARK = ".own-images"  # the file that a folder has which was prepared from own images
EXPECTED = "<class>/<image>, train|val(|test)/<class>/<image>, or a CSV or list of 'image,label'"

_SPLITS = {
    **{name: "train" for name in ("train", "training", "trainset", "trn")},
    **{name: "val" for name in ("val", "valid", "validation", "valset", "dev", "eval")},
    **{name: "test" for name in ("test", "testing", "testset")},
}


class Found(NamedTuple):
    """An image.

    Attributes:
        path: relative to the root, or absolute.
        labels: the names of its classes; of one label each, the one.
        split: "train", "val" or "test"; "" where it came in none.
    """

    path: str
    labels: tuple[str, ...]
    split: str = ""


@dataclass
class Finding:
    """All images of a source.

    Attributes:
        root: the folder their paths are relative to.
        images: the images.
        left_out: what is none, with the reason.
        classes: the names of the classes in their order; None: as their names sort.
        multi_label: whether an image may be of several classes, or none.
        notes: what was understood that the user may want to know.
    """

    root: Path
    images: list[Found]
    left_out: list[str] = field(default_factory=list)
    classes: list[str] | None = None
    multi_label: bool = False
    notes: list[str] = field(default_factory=list)


def split_of(name: str) -> tuple[str, str]:
    """The split that a name is of, and what else it says: ``seg_train`` is ("train", "seg").

    ("", name) where it is of none, or of two.
    """
    words = re.findall(r"[a-z]+|[^a-z]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", name).lower())
    found = [index for index, word in enumerate(words) if word in _SPLITS]
    if len(found) != 1:
        return "", name
    rest = "".join(word for index, word in enumerate(words) if index != found[0])
    return _SPLITS[words[found[0]]], re.sub(r"[\W_]+", " ", rest).strip()


def is_split(name: str) -> str:
    """The split that is called so, as ``train`` or ``Validation``; "" for other names."""
    return _SPLITS.get(name.lower(), "")


def as_label(text: str) -> str:
    """A class name as one line: it stands in a label map."""
    return " ".join(text.split())
