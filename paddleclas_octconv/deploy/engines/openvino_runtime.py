"""OpenVINO, which reads ``openvino/model.xml``: the fastest on an x86 CPU. NNCF makes its INT8."""

from __future__ import annotations

import contextlib
import io
import logging
import math
import os
import re
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterable

from ...common import machine
from ...common.errors import OctConvError
from ...common.say import described
from .base import ConvertedEngine, Predictor, Ranges
from .operators import check_openvino
from .paddle_files import model_files

if TYPE_CHECKING:
    import numpy as np

# What OpenVINO computes in where a precision is asked for. By itself it takes bfloat16 wherever
# the processor has it; what is not quantised in an INT8 network stays in float32.
_HINTS = {"fp32": "f32", "fp16": "f16", "bf16": "bf16", "int8": "f32"}
_CAPABILITIES = {"fp16": "FP16", "bf16": "BF16", "int8": "INT8"}
_SHAPES = 4
_CONVOLUTIONS = ("Convolution", "GroupConvolution")
_BYTES = {"fp32": 4, "fp16": 2, "bf16": 2, "int8": 1}  # of an element of a feature map
# Fewer images at once read the weights too often, in INT8 above all.
_LEAST_PIECE = 2
_UNKNOWN = re.compile(r"No creator found for (\w+) node")
_FIRST_ARRAY = threading.Lock()


class OpenVINO(ConvertedEngine):
    name = "openvino"
    title = "OpenVINO"
    module = "openvino"
    extra = "openvino"
    precisions = ("fp32", "fp16", "bf16", "int8")
    option = "openvino"
    read_by = "OpenVINO (Python, C++)"
    exported = ("openvino",)
    files = {"fp32": "openvino/model.xml", "int8": "openvino/model-int8.xml"}
    weights = ".bin"
    converters = ("openvino",)
    quantizers = ("openvino", "nncf")
    needs_pdmodel = True

    def note(self) -> str:
        return " (it needs Python 3.10 or newer)"

    def open(self, model: Path, precision: str, threads: int, **options: Any) -> Predictor:
        check_openvino(model)
        core = _core()
        _demand_capability(core, precision)
        try:
            network = core.read_model(str(model))
        except RuntimeError as error:
            raise OctConvError(f"{model}: OpenVINO cannot read it: {_reason(error)}") from None
        return OpenVINOPredictor(core, network, model, precision, threads)

    def demand_processor(self, precision: str) -> None:
        super().demand_processor(precision)
        _demand_capability(_core(), precision)

    def open_plainly(self, model: Path) -> Predictor:
        return PlainPredictor(_core().compile_model(str(model), "CPU"), model)

    def convert(self, folder: Path) -> None:
        import openvino
        from openvino._offline_transformations import apply_moc_transformations

        source, _ = model_files(folder, pir=False)
        target = folder / self.files["fp32"]
        try:
            network = _core().read_model(str(source))
            # Batch norms become part of the convolutions, as they do when OpenVINO opens the model.
            # NNCF takes the model as it is, and would quantise between the two.
            apply_moc_transformations(network, cf=False)
            _sum_pixels_flat(network)
            target.parent.mkdir(exist_ok=True)
            openvino.save_model(network, str(target), compress_to_fp16=False)
        except (RuntimeError, OSError) as error:
            reason = _reason(error)
            unknown = _UNKNOWN.search(reason)
            if unknown:  # PReLU, with OpenVINO 2026.4
                reason = f"OpenVINO has no operator {unknown[1]} of Paddle's; --onnx may have it"
            raise OctConvError(
                f"--{self.option}: {source.name} cannot be converted: {reason}"
            ) from None

    def quantize(
        self, folder: Path, images: Iterable[np.ndarray], count: int, ranges: Ranges = "mean"
    ) -> None:
        os.environ.setdefault("NNCF_CI", "1")  # or it would report each use to its makers, unasked
        with _quiet():
            import nncf
            import openvino
            from nncf.quantization.range_estimator import RangeEstimatorParametersSet

            nncf.set_log_level(logging.ERROR)
            estimators = {
                "mean": RangeEstimatorParametersSet.MEAN_MINMAX,
                "all": RangeEstimatorParametersSet.MINMAX,
            }
            try:
                model = _core().read_model(str(folder / self.files["fp32"]))
                # The images that come together count one by one: the mean of the batches' ranges
                # is another one.
                parameters = nncf.AdvancedQuantizationParameters(
                    activations_range_estimator_params=estimators[ranges],
                    batchwise_statistics=_input_shapes(model)[0][0] > 1,
                )
                quantized = nncf.quantize(
                    model,
                    nncf.Dataset(images),
                    subset_size=count,
                    advanced_parameters=parameters,
                )
                _leave_pixels(quantized)
                _sum_any_size_flat(quantized)
                openvino.save_model(
                    quantized, str(folder / self.files["int8"]), compress_to_fp16=False
                )
            except OctConvError:
                raise
            except Exception as error:  # those of NNCF and of OpenVINO have no class in common
                raise OctConvError(
                    f"--int8: NNCF cannot quantise this model: {described(error)}"
                ) from None


class PlainPredictor(Predictor):
    """A model compiled once for any batch, with OpenVINO's own settings, bfloat16 among them."""

    def __init__(self, compiled: Any, model: Path) -> None:
        super().__init__(OpenVINO.name, "fp32", model, _input_shapes(compiled))
        self._compiled = compiled

    def _outputs(self, images: np.ndarray) -> list[np.ndarray]:
        return list(self._compiled([images]).values())


class OpenVINOPredictor(Predictor):
    """A network that OpenVINO compiles for each shape of images that it is given.

    For a shape that is known an octave network is up to 15 % faster than for one that is not, in
    INT8 the most. Compiling takes a second, so after the first ``_SHAPES`` shapes the others share
    one network for any.

    A batch whose feature maps leave the processor's cache runs in pieces that stay in it, each on a
    thread of its own: what an octave network does besides convolutions (pooling, upsampling, sums)
    moves whole maps and computes little.

    Args:
        core, network: ``openvino.Core`` and a model that it has read.
        model, precision, threads: as of ``Engine.open``.
    """

    def __init__(self, core: Any, network: Any, model: Path, precision: str, threads: int) -> None:
        super().__init__(OpenVINO.name, precision, model, _input_shapes(network))
        self._core, self._network, self._threads = core, network, threads
        self._settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": _HINTS[precision],
        }
        self._queues: dict[tuple[tuple[int, ...] | None, int], Any] = {}
        self._most: dict[tuple[int, ...], int] = {}

    def _outputs(self, images: np.ndarray) -> list[np.ndarray]:
        pieces = self._pieces(images)
        if len(pieces) == 1:
            request = self._queue(pieces[0].shape, streams=1)[0]
            return list(request.infer(pieces, share_inputs=True).values())
        return self._at_once(pieces)

    def _at_once(self, pieces: list[np.ndarray]) -> list[np.ndarray]:
        """The outputs for all pieces, as many of them running at a time as there are threads."""
        import numpy as np

        done: dict[int, list[np.ndarray]] = {}
        queues = [self._queue(piece.shape, self._threads) for piece in pieces]
        for place, (queue, piece) in enumerate(zip(queues, pieces)):
            queue.start_async([piece], (done, place), share_inputs=True)
        for queue in queues:
            queue.wait_all()
        return [np.concatenate(parts) for parts in zip(*(done[place] for place in sorted(done)))]

    def _pieces(self, images: np.ndarray) -> list[np.ndarray]:
        """The batch, cut so that the maps of all that runs at once fit into the cache."""
        if self.batch_size is not None or len(images) <= _LEAST_PIECE:
            return [images]
        shape = images.shape[1:]
        if shape not in self._most:
            self._most[shape] = self._most_images(shape)
        count = -(-len(images) // self._most[shape])
        if count < self._threads:  # they would leave threads idle
            return [images]
        size = -(-len(images) // count)
        return [images[first : first + size] for first in range(0, len(images), size)]

    def _most_images(self, shape: tuple[int, ...]) -> int:
        """How many images a thread computes at once: what it reads and what it writes is cached."""
        cache = machine.last_level_cache()
        if cache is None:
            return sys.maxsize
        network = self._reshaped((1, *shape))
        sizes = [
            math.prod(op.output(0).get_shape())
            for op in network.get_ops()
            if op.get_type_name() in _CONVOLUTIONS
        ]
        held = 2 * max(sizes, default=1) * _BYTES[self.precision] * self._threads
        return max(_LEAST_PIECE, cache // held)

    def _queue(self, shape: tuple[int, ...], streams: int) -> Any:
        """What runs images of a shape, compiled if it is not yet."""
        import openvino

        key: tuple[tuple[int, ...] | None, int] = (shape, streams)
        if key not in self._queues and len(self._queues) >= _SHAPES and self._takes_any(shape):
            key = (None, streams)
        if key not in self._queues:
            network = self._network if key[0] is None else self._reshaped(shape)
            settings = {**self._settings, "NUM_STREAMS": str(streams)}
            compiled = self._core.compile_model(network, "CPU", settings)
            self._queues[key] = openvino.AsyncInferQueue(compiled, streams)
            self._queues[key].set_callback(_keep)
        return self._queues[key]

    def _takes_any(self, shape: tuple[int, ...]) -> bool:
        """Whether the network as it was read takes a batch: some are made for one size of it."""
        import openvino

        allowed = self._network.inputs[0].get_partial_shape()
        return allowed.compatible(openvino.PartialShape(list(shape)))

    def _reshaped(self, shape: tuple[int, ...]) -> Any:
        network = self._network.clone()
        network.reshape({network.inputs[0]: list(shape)})
        return network


def _core() -> Any:
    """A new ``openvino.Core``. From here on several threads may call what it compiles.

    At its first array OpenVINO's Python package (2026.4) fills tables of NumPy's types, by Python
    code, under a lock of C++. Were there two threads at that moment, one would hold that lock and
    wait for the interpreter's, and the other the reverse: the whole process would stand still. So
    one thread converts an array here, there and back, before any other can.
    """
    import numpy as np
    import openvino

    with _FIRST_ARRAY:
        openvino.Tensor(np.zeros(1, np.float32)).data.copy()
    return openvino.Core()


def _keep(request: Any, into: tuple[dict[int, list[np.ndarray]], int]) -> None:
    """Copy what a piece has given, before the request takes the next one."""
    done, place = into
    done[place] = [value.copy() for value in request.results.values()]


def _input_shapes(network: Any) -> list[list[int]]:
    """That of each input, (N, C, H, W) for images; -1: any."""
    shapes = [each.get_partial_shape() for each in network.inputs]
    return [
        [-1] * 4
        if shape.rank.is_dynamic
        else [size.get_length() if size.is_static else -1 for size in shape]
        for shape in shapes
    ]


def _demand_capability(core: Any, precision: str) -> None:
    needed = _CAPABILITIES.get(precision)
    capabilities = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if needed and needed not in capabilities:
        raise OctConvError(
            f"precision {precision!r}: this processor has none, as OpenVINO sees it "
            f"({', '.join(capabilities)})"
        )


def _reason(error: Exception) -> str:
    return str(error).strip().splitlines()[-1]


def _sum_pixels_flat(model: Any) -> None:
    """Write sums of feature maps of one pixel as sums of (N, C), in place.

    OpenVINO (2026.4) makes the others a part of the convolution before them, and computes that
    wrongly for one image where the batch is dynamic, in INT8 and in bfloat16.
    """
    from openvino import opset13 as ops

    for op in model.get_ops():
        maps = op.input_values()
        if op.get_type_name() == "Add" and all(_is_pixel(each) for each in maps):
            flat = ops.add(*(ops.reshape(each, [0, -1], True) for each in maps))
            channels = maps[0].get_partial_shape()[1].get_length()
            op.output(0).replace(ops.reshape(flat, [0, channels, 1, 1], True).output(0))


def _sum_any_size_flat(model: Any) -> None:
    """Write sums of feature maps of unknown size as sums of (N, C, H x W), in place.

    For images that are small enough their maps are of one pixel, and an INT8 model gives one image
    many times what is right, as in ``_sum_pixels_flat``.
    """
    from openvino import opset13 as ops

    for op in model.get_ops():
        maps = op.input_values()
        if op.get_type_name() == "Add" and all(_is_of_any_size(each) for each in maps):
            flat = ops.add(*(ops.reshape(each, [0, 0, -1], True) for each in maps))
            shaped = ops.reshape(flat, ops.shape_of(maps[0]), False)
            op.output(0).replace(shaped.output(0))


def _leave_pixels(model: Any) -> None:
    """Take the quantisation by channels off feature maps of one pixel or any size, in place.

    OpenVINO (2026.4) makes it a part of the INT8 convolution before it, and computes that wrongly
    for one image where the batch is dynamic. It stands before depthwise convolutions alone, which
    multiply each channel of such a map by one number: they stay in float32.
    """
    for op in model.get_ops():
        if op.get_type_name() != "FakeQuantize" or not _may_be_pixel(op.output(0)):
            continue
        if any(math.prod(op.input(place).get_shape()) > 1 for place in (1, 2, 3, 4)):
            op.output(0).replace(op.input_value(0))


def _is_pixel(output: Any) -> bool:
    """Whether it is a feature map of one pixel, for any batch."""
    batch, *image_shape = output.get_partial_shape().to_string().strip("[]").split(",")
    return batch == "?" and image_shape[1:] == ["1", "1"]


def _may_be_pixel(output: Any) -> bool:
    """Whether it is a feature map of one pixel, for images of some size."""
    return _is_pixel(output) or _is_of_any_size(output)


def _is_of_any_size(output: Any) -> bool:
    """Whether it is a feature map whose batch, height and width are unknown."""
    shape = output.get_partial_shape()
    return shape.rank.is_static and [size.is_dynamic for size in shape] == [True, False, True, True]


@contextlib.contextmanager
def _quiet():
    """Without NNCF's own progress bars, which would be drawn over ours."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield
