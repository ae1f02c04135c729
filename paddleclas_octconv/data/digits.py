"""scikit-learn's 1,797 handwritten digits as 32x32 images: a data set that needs no download."""

from __future__ import annotations

from pathlib import Path

from .list_files import LABEL_MAP, TRAIN_LIST, VAL_LIST, Entry, write_label_map, write_list
from .staging import publish
from .subsets import stratified_subset

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
IMAGE_SIZE = 32
VAL_IMAGES = 360  # a fifth


def prepare(target: Path) -> bool:
    """Write the data set into the folder `target`; return False where it was there already."""
    return publish(target, _build, stamp="digits")


def _build(folder: Path) -> None:
    import numpy as np
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    entries: list[Entry] = [
        (f"{label}/{index:04d}.png", int(label)) for index, label in enumerate(digits.target)
    ]
    val = set(stratified_subset(entries, VAL_IMAGES))
    lists: dict[str, list[Entry]] = {"train": [], "val": []}
    for pixels, entry in zip(digits.images, entries):
        split = "val" if entry in val else "train"
        path = folder / split / entry[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        # Ink is 0 to 16.  A bicubic enlargement keeps the strokes smooth; repeating pixels
        # would draw edges that no digit has.
        image = Image.fromarray(np.rint(pixels * (255 / 16)).astype(np.uint8))
        image.resize((IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.BICUBIC).save(path)
        lists[split].append((f"{split}/{entry[0]}", entry[1]))

    write_label_map(folder / LABEL_MAP, enumerate(NAMES))
    write_list(folder / TRAIN_LIST, lists["train"])
    write_list(folder / VAL_LIST, lists["val"])
