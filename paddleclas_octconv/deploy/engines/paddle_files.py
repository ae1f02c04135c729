"""The files of a Paddle export: which are read, and whether they are whole.

Paddle Inference itself does not notice that the last parameter is cut, and crashes on a model that
is none.
"""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import Any, BinaryIO

from ...common import machine
from ...common.documents import read_json
from ...common.errors import OctConvError
from ...common.files import MOST_MODEL, read_bytes, reason, why_no_file
from .operators import check_paddle, check_pir, varint

QUANTIZED = "_int8"  # PaddleSlim's exports are named inference_int8
_HINT = "(paddleclas export writes it)"
_CUT = f"is cut or damaged {_HINT}"
# Bytes of an element, by the number of its type in framework.proto.
_ELEMENT_SIZES = {
    **{0: 1, 1: 2, 2: 4, 3: 8, 4: 2, 5: 4, 6: 8},  # bool, int16 to int64, float16 to float64
    **{20: 1, 21: 1, 22: 2, 23: 8, 24: 16, 32: 1, 33: 1},  # uint8, int8, bfloat16, complex, float8
}


def model_files(
    folder: str | Path, prefix: str = "inference", pir: bool = True
) -> tuple[Path, Path]:
    """The model and parameter files that the running Paddle reads fastest from a folder.

    Args:
        folder: holds an export; where it has no files of that name, those of PaddleSlim,
            ``<prefix>_int8``, are taken.
        prefix: the name of its files, without the suffixes.
        pir: False prefers ``.pdmodel`` where both formats are there.

    Raises:
        OctConvError: the folder holds no exported model that this Paddle can read.
    """
    suffixes = [".json", ".pdmodel"] if machine.paddle_writes_pir() else [".pdmodel"]
    for stem in (prefix, prefix + QUANTIZED):
        params = Path(folder, f"{stem}.pdiparams")
        models = [params.with_suffix(s) for s in (suffixes if pir else reversed(suffixes))]
        found = [model for model in models if not why_no_file(model)]
        if found and not why_no_file(params):
            return found[0], params
        if found or params.exists():
            missing = params if found else models[0]
            raise OctConvError(f"{missing}: {why_no_file(missing)} {_HINT}")
    names = " or ".join(prefix + suffix for suffix in suffixes)
    raise OctConvError(
        f"{folder} holds no exported model: {names}, with {prefix}.pdiparams "
        "(paddleclas export writes them)"
    )


def check_files(model: Path, params: Path) -> None:
    """Check that both files are whole, and that all that the model does is compute; parameters are
    passed over, not read.

    Raises:
        OctConvError: naming the file and what is wrong with it.
    """
    try:
        if model.suffix == ".pdmodel":
            _check_pdmodel(model)
        elif not check_pir(model):
            raise OctConvError(f"{model}: {_CUT}")
        check_params(params)
    except OSError as error:
        raise OctConvError(f"{model.parent}: cannot be read: {reason(error)}") from None


def input_shape(model: Path) -> list[int]:
    """The shape of the first input of a model that is whole; -1: any; [] where it does not say."""
    if model.suffix == ".json":
        for op in _blocks(model)[0].get("ops", []):
            if str(op.get("#")).endswith(".data"):
                attributes = {each["N"]: each["AT"].get("D") for each in op.get("A", [])}
                return attributes.get("shape") or []
        return []
    block = _program(model).blocks[0]
    fed = [op.outputs[0].arguments[0] for op in block.ops if op.type == "feed"]
    for kind in (each.type for each in block.vars if each.name in fed[-1:]):
        # Paddle 3 has another name for it.
        described = kind.dense_tensor if hasattr(kind, "dense_tensor") else kind.lod_tensor
        return list(described.tensor.dims)
    return []


def _blocks(model: Path) -> Any:
    """Those of a model in PIR."""
    return read_json(model, "", MOST_MODEL)["program"]["regions"][0]["blocks"]


def _check_pdmodel(model: Path) -> None:
    from google.protobuf.message import DecodeError  # Paddle needs it

    try:
        blocks = _program(model).blocks
    except DecodeError:
        blocks = None
    if not blocks:
        raise OctConvError(f"{model}: {_CUT}")
    check_paddle((op.type for block in blocks for op in block.ops), model)


def _program(model: Path) -> Any:
    """A model in the older format."""
    from paddle.base.proto import framework_pb2

    program = framework_pb2.ProgramDesc()
    program.ParseFromString(read_bytes(model, "model", MOST_MODEL))
    return program


def check_params(params: Path) -> None:
    """Check that a parameter file is whole; it is passed over, not read.

    Raises:
        OctConvError: it is not.
    """
    with open(params, "rb") as file:
        _pass_over(params, file)


def _pass_over(params: Path, file: BinaryIO) -> None:
    """Pass over the tensors, each a version, levels, a version, a description and its elements."""
    size = params.stat().st_size
    count = 0
    while file.tell() < size or not count:
        try:
            file.seek(_tensor_end(file))
        except (struct.error, ValueError, KeyError, IndexError, OverflowError):
            raise OctConvError(f"{params}: {_CUT}: tensor {count + 1} is none") from None
        count += 1
    if file.tell() > size:
        raise OctConvError(
            f"{params}: is cut {_HINT}: {size:,} bytes, of which tensor {count} needs "
            f"{file.tell() - size:,} more"
        )


def _tensor_end(file: BinaryIO) -> int:
    """Where the tensor ends that begins here."""
    version, levels = _unpack(file, "<IQ")
    for _ in range(levels if version == 0 and levels < 16 else 0):
        (length,) = _unpack(file, "<Q")
        file.seek(length, 1)
    tensor_version, length = _unpack(file, "<Ii")
    if version or tensor_version or not 0 < length < 4096:
        raise ValueError("another format")
    element, dims = _description(file.read(length))
    return file.tell() + math.prod(dims) * _ELEMENT_SIZES[element]


def _unpack(file: BinaryIO, form: str) -> tuple:
    return struct.unpack(form, file.read(struct.calcsize(form)))


def _description(content: bytes) -> tuple[int, list[int]]:
    """Type and shape from a ``VarType.TensorDesc``: field 1, and field 2 repeated."""
    element, dims, place = -1, [], 0
    while place < len(content):
        key, place = content[place], place + 1
        value, place = varint(content, place)
        if key == 0x08:
            element = value
        elif key == 0x10:
            dims.append(value)
        else:
            raise ValueError("another field")
    return element, dims
