"""Looks at every image of PaddleClas lists: is it there, can it be decoded, is its label right.

Images are told apart by their content, so that one in both splits is found under any name.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ..common import machine
from ..common.errors import OctConvError
from ..common.files import read_bytes, why_no_file
from ..common.images import MOST_IMAGE, SUFFIXES, is_image, why_too_large
from .list_files import DELIMITER, Label, Line, read_lines

JPEG_START, JPEG_END = b"\xff\xd8", b"\xff\xd9"
LEAST_SIDE = 2  # pixels; of one alone, normalised and resized, nothing can be learnt
FEW = 10  # images of a class to train on, below which little can be learnt
PNG_START, PNG_END = b"\x89PNG", b"IEND"
_TAIL = 4096  # bytes at the end of a file in which its end has to be; some cameras add to it


class Problem(NamedTuple):
    """Why an image cannot be trained on: what kind of reason, and which exactly."""

    kind: str
    what: str


class Split(NamedTuple):
    """A list of images.

    Attributes:
        name: such as Train.
        path: the list file.
        image_root: the folder its images are relative to.
        class_num: labels go from 0 to class_num - 1; None: any.
        delimiter: what stands between image and label.
        several: whether an image has several labels.
    """

    name: str
    path: Path
    image_root: Path
    class_num: int | None
    delimiter: str = DELIMITER
    several: bool = False


@dataclass
class Findings:
    """What was found in one split.

    Attributes:
        images: how many lines it has.
        problems: what is wrong to how it is, line by line: (line number, what exactly).
        classes: label to number of images.
        contents: hash of an image that can be decoded to the numbers of its lines.
        labels: the number of a line to its label.
    """

    split: Split
    images: int = 0
    problems: dict[str, list[tuple[int, str]]] = field(default_factory=lambda: defaultdict(list))
    classes: Counter = field(default_factory=Counter)
    contents: dict[bytes, list[int]] = field(default_factory=lambda: defaultdict(list))
    labels: dict[int, Label | None] = field(default_factory=dict)

    @property
    def empty_classes(self) -> list[int]:
        """The labels without any image, where the number of classes is known."""
        return [label for label in range(self.split.class_num or 0) if label not in self.classes]

    @property
    def small_classes(self) -> list[int]:
        """The labels with some images, but fewer than `FEW`."""
        return sorted(label for label, count in self.classes.items() if count < FEW)

    @property
    def contradictions(self) -> list[tuple[int, int]]:
        """The images that are there under two labels: (line number, line number)."""
        found = []
        for first, *others in self.contents.values():
            different = [line for line in others if self.labels[line] != self.labels[first]]
            found += [(first, line) for line in different]
        return sorted(found)


def survey(split: Split, threads: int, progress=lambda lines, total: lines) -> Findings:
    """Read and decode every image of a split.

    Args:
        threads: how many images are read at once.
        progress: wraps the results as they come, such as ``tqdm``.

    Raises:
        OctConvError: the list file cannot be read.
    """
    lines = read_lines(
        split.path,
        f"DataLoader.{split.name}.dataset.cls_label_path:",
        split.delimiter,
        split.several,
    )
    findings = Findings(split, len(lines))
    with ThreadPoolExecutor(threads) as pool:
        looked_at = pool.map(lambda line: _look(split, line), lines)
        for line, (problem, what) in zip(lines, progress(looked_at, total=len(lines))):
            if problem:
                findings.problems[problem].append((line.number, str(what)))
            else:
                findings.contents[what].append(line.number)
            wrong = line.wrong_label(split.delimiter, split.class_num)
            if wrong:
                findings.problems["wrong label"].append((line.number, wrong))
            elif isinstance(line.label, tuple):
                findings.classes.update(n for n, flag in enumerate(line.label) if flag > 0)
            else:
                findings.classes[line.label] += 1
            findings.labels[line.number] = line.label
    return findings


def in_both(one: Findings, other: Findings) -> list[tuple[int, int]]:
    """The images that two splits share: (line number here, line number there)."""
    shared = one.contents.keys() & other.contents.keys()
    return sorted((one.contents[content][0], other.contents[content][0]) for content in shared)


def _look(split: Split, line: Line) -> tuple[str | None, object]:
    """(what is wrong, how exactly), or (None, the hash of the content)."""
    path = split.image_root / line.image
    problem, content = content_of(path)
    if problem is None:
        return None, content
    return problem.kind, path if problem.kind == "missing" else f"{path}: {problem.what}"


def content_of(path: Path) -> tuple[Problem | None, bytes]:
    """What is wrong with an image file, if anything, and the hash of its content."""
    wrong = why_no_file(path)
    if wrong:
        return Problem("missing" if wrong == "no such file" else "unreadable", wrong), b""
    try:
        content = read_bytes(path, "image", MOST_IMAGE)
    except OctConvError as error:
        return Problem("unreadable", str(error).replace(f"image {path}: ", "")), b""
    wrong, shape = _decode(content)
    if wrong and is_image(path) and path.suffix.lower() not in SUFFIXES:
        wrong = f"{wrong}: save it as PNG or JPEG"
    digest = hashlib.blake2b(content, digest_size=16).digest()
    if wrong:
        return Problem("undecodable", wrong), digest
    height, width = shape
    if min(height, width) < LEAST_SIDE:
        return Problem("too small", f"{width}x{height} pixels"), digest
    return None, digest


def _decode(content: bytes) -> tuple[str | None, tuple[int, int]]:
    """Why PaddleClas could not decode an image, or would see but a part of it; else its height and
    width."""
    import cv2
    import numpy as np

    if not content:
        return "empty", (0, 0)
    wrong = why_too_large(content)
    if wrong:
        return wrong, (0, 0)
    try:
        decoded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:  # such as more pixels than OpenCV takes
        return error.err, (0, 0)
    # Of these some releases of OpenCV decode a part, others nothing.
    if content.startswith(JPEG_START) and JPEG_END not in content[-_TAIL:]:
        return "truncated", (0, 0)
    if content.startswith(PNG_START) and PNG_END not in content[-_TAIL:]:
        return "truncated", (0, 0)
    if decoded is None:
        return "no image that OpenCV reads", (0, 0)
    return None, decoded.shape[:2]


def default_threads() -> int:
    """The number of threads: twice the CPUs that this process may use, for reading takes time."""
    return 2 * machine.cpu_count()
