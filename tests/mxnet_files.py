"""MXNet's files of arrays, written from scratch, and weights that their names determine.

``fixtures/octconv_mxnet.npz`` holds, for each of the 31 checkpoints of facebookresearch/OctConv,
the names and shapes of its arrays and what the authors' own code computed from weights that
``draw`` drew; ``fixtures/make_octconv_mxnet.py`` made it.
"""

from __future__ import annotations

import io
import struct
import tarfile
import zlib
from pathlib import Path

import numpy as np

FIXTURES = Path(__file__).parent / "fixtures"
KINDS = {"f4": 0, "f8": 1, "f2": 2, "u1": 3, "i4": 4, "i1": 5, "i8": 6}
V1, V2, V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA


def draw(name: str, shape, seed: int = 0) -> np.ndarray:
    """Random values of the kind that an array of this name has; the same everywhere."""
    random = np.random.RandomState((zlib.crc32(name.encode()) + seed) % 2**32)
    values = random.standard_normal(shape)
    if ".bn1a." in name or ".bn4a." in name:  # batch norms without scale and shift
        if name.endswith("gamma"):
            values = np.ones(shape)
        elif name.endswith("beta"):
            values = np.zeros(shape)
    if name.endswith("var"):
        values = 1 + np.abs(values)
    elif name.endswith("gamma"):
        values = 1 + 0.1 * values
    elif name.endswith(("beta", "mean", "bias")):
        values = 0.1 * values
    else:
        values = values * np.sqrt(1 / np.prod(shape[1:]))
    return values.astype(np.float32)


def picture(size: int = 64) -> np.ndarray:
    return np.random.RandomState(1).standard_normal((1, 3, size, size)).astype(np.float32)


def params(arrays: dict[str, np.ndarray], magic: int = V2) -> bytes:
    """What ``mxnet.nd.save`` writes; with ``magic`` 0 as before MXNet 0.10, V1 as before 1.0."""
    parts = [struct.pack("<QQQ", 0x112, 0, len(arrays))]
    for array in arrays.values():
        if magic:
            parts.append(struct.pack("<I", magic))
        if magic in (V2, V3):
            parts.append(struct.pack("<i", 0))
        form = "q" if magic else "I"
        parts.append(struct.pack(f"<i{array.ndim}{form}", array.ndim, *array.shape))
        parts.append(struct.pack("<iii", 1, 0, KINDS[array.dtype.str[1:]]))
        parts.append(array.tobytes())
    parts.append(struct.pack("<Q", len(arrays)))
    for name in arrays:
        parts.append(struct.pack("<Q", len(name.encode())) + name.encode())
    return b"".join(parts)


def archive(members: dict[str, bytes]) -> bytes:
    """A tar archive, as the Symbol networks are published."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return written.getvalue()


def published() -> list[str]:
    """The names of the 31 files, without their suffixes."""
    with np.load(FIXTURES / "octconv_mxnet.npz") as fixture:
        return [key[: -len(".names")] for key in fixture.files if key.endswith(".names")]


def drawn(file: str) -> dict[str, np.ndarray]:
    """The arrays of one of the files, drawn."""
    with np.load(FIXTURES / "octconv_mxnet.npz") as fixture:
        lines = bytes(fixture[f"{file}.names"]).decode().splitlines()
    shapes = dict(line.rsplit(" ", 1) for line in lines)
    return {
        name: draw(name, [int(size) for size in shape.split("x")]) for name, shape in shapes.items()
    }


def spelt(file: str, older: bool) -> list[str]:
    """The names in one of Gluon's files; ``older``: as Gluon spelt them before 1.3."""
    with np.load(FIXTURES / "octconv_mxnet.npz") as fixture:
        lines = bytes(fixture[f"{file}.{'older' if older else 'names'}"]).decode().splitlines()
    return [line.partition(" ")[0] for line in lines]


def logits(file: str) -> np.ndarray:
    """Every fourth of the authors' logits."""
    with np.load(FIXTURES / "octconv_mxnet.npz") as fixture:
        return fixture[f"{file}.logits"]
