"""What an exported model consists of: its operators, weights and multiply-adds."""

from __future__ import annotations

import contextlib
import math
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import paddle

from ..common import machine
from ..deploy.engines.base import image_input
from ..deploy.predictor import check_files, model_files
from .complexity import of_convolution, of_product


class Operator(NamedTuple):
    """An operator. name: "conv2d", "pool2d", …; shapes of inputs and first output, -1: any."""

    name: str
    inputs: list[list[int]]
    output: list[int]


class Program(NamedTuple):
    """A model.

    Attributes:
        operators: in order.
        total_parameters: elements of all that its file holds.
        image_shape: channels, height and width of its input; -1: any.
    """

    operators: list[Operator]
    total_parameters: int
    image_shape: list[int]

    def counts(self) -> Counter[str]:
        """How often each operator occurs."""
        return Counter(operator.name for operator in self.operators)

    def multiply_adds(self) -> int | None:
        """Of convolutions and matrix products, for one image; None if the sizes are not fixed."""
        total = 0
        for name, inputs, output in self.operators:
            if name not in ("conv2d", "depthwise_conv2d", "matmul", "matmul_v2"):
                continue
            if -1 in output[1:]:
                return None
            # A product of two feature maps, as in attention, has no weight: what it sums over is
            # the last axis of the first.
            weight = next((shape for shape in inputs if -1 not in shape), inputs[0][-1:])
            if -1 in weight:
                return None
            of = of_product if name.startswith("matmul") else of_convolution
            total += of(math.prod(output[1:]), weight)
        return total


def load(folder: str | Path) -> Program:
    """The model in an exported folder, in the format that this Paddle reads fastest."""
    model, params = model_files(folder)
    check_files(model, params)
    dynamic = paddle.in_dynamic_mode()
    if dynamic:
        paddle.enable_static()
    try:
        executor = paddle.static.Executor(paddle.CPUPlace())
        with paddle.static.scope_guard(paddle.static.Scope()), _reading(model):
            path = str(model.with_suffix(""))
            program, feeds, _ = paddle.static.load_inference_model(path, executor)
    finally:
        if dynamic:
            paddle.disable_static()
    block = program.global_block()
    if model.suffix == ".json":
        sizes = [op.results()[0].shape for op in block.ops if op.name() == "builtin.parameter"]
        operators = [_read_pir(op) for op in block.ops]
        inputs = [list(op.results()[0].shape) for op in block.ops if op.name() == "pd_op.data"]
    else:
        kept = [var for var in program.list_vars() if var.persistable]
        sizes = [var.shape for var in kept if var.name not in ("feed", "fetch")]
        operators = [_read_old(op, block) for op in block.ops]
        inputs = [list(block.var(feed).shape) for feed in feeds]
    shape = [size or -1 for size in image_input(inputs, model)]
    parameters = sum(math.prod(size) for size in sizes)
    return Program([operator for operator in operators if operator], parameters, shape[1:])


def _reading(model: Path) -> contextlib.AbstractContextManager:
    """In which a model of this format can be read: Paddle 3 takes every one for its own."""
    if model.suffix == ".pdmodel" and machine.paddle_writes_pir():
        return paddle.pir_utils.OldIrGuard()
    return contextlib.nullcontext()


def _read_pir(op) -> Operator | None:
    name = op.name().rpartition(".")[2]
    if name == "parameter" or not op.num_results():
        return None
    operands = [op.operand_source(i) for i in range(op.num_operands())]
    inputs = [_shape(value) for value in operands if value.initialized()]  # some are optional
    return Operator(name, inputs, _shape(op.results()[0]))


def _shape(value) -> list[int]:
    """The shape of a tensor; [] of a list of tensors, which holds what was measured of shapes."""
    return list(value.shape) if value.is_dense_tensor_type() else []


def _read_old(op, block) -> Operator | None:
    if op.type in ("feed", "fetch"):
        return None
    inputs = [list(block.var(name).shape) for key in op.input_names for name in op.input(key)]
    outputs = [name for key in op.output_names for name in op.output(key)]
    return Operator(op.type, inputs, list(block.var(outputs[0]).shape))
