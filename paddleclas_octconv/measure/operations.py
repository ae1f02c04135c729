"""What is measured, in a process of its own: networks, predictions, training steps, memory."""

from __future__ import annotations

import contextlib
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, ContextManager

from ..common.errors import OctConvError
from ..patches import late_imports
from ..patches.python_eval import evaluate_names_and_numbers

if TYPE_CHECKING:
    from paddle import nn

    from ..deploy.predictor import Predictor

CALIBRATION_IMAGES = 16
_WEIGHTS = (".pdiparams", ".bin")  # beside a model's file; ONNX holds its own


class Operations:
    """What a worker can do. Sizes are in pixels, times in seconds, memory in bytes."""

    def __init__(self) -> None:
        late_imports.install()
        evaluate_names_and_numbers()  # networks are built of what a config says
        self.step: Callable[[], object] | None = None
        self.predictor: Predictor | None = None

    def describe(self, name: str, options: dict, image_size: int) -> dict:
        """Parameters, multiply-adds and the twin's name of a network."""
        from .. import registry
        from . import complexity

        counted = complexity.measure(registry.build(name, **options), (3, image_size, image_size))
        return {**counted._asdict(), "twin": registry.twin_of(name, options)[0]}

    def describe_folder(self, folder: str) -> dict:
        """Total parameters, multiply-adds and image shape of an exported model."""
        from . import program

        loaded = program.load(folder)
        return {
            "total_parameters": loaded.total_parameters,
            "multiply_adds": loaded.multiply_adds(),
            "image_shape": loaded.image_shape,
        }

    def export(self, name: str, options: dict, image_size: int, deploy: bool, folder: str) -> None:
        """Export a network with random weights."""
        from paddle.utils import unique_name

        from .. import registry
        from ..deploy import inference_form

        # Both formats share one file, in the order of the parameters' names, which count on from
        # those of the networks that were built before.
        with unique_name.guard():
            net = registry.build(name, **options)
            _settle(net, image_size)
            if deploy:
                inference_form.re_parameterize(net)
            inference_form.save(net, folder, [3, image_size, image_size])

    def quantize(self, engine: str, folder: str, image_size: int) -> None:
        """Add the INT8 model of an engine to an exported folder, calibrated on noise."""
        import numpy as np

        from ..deploy.engines import CONVERTED

        random = np.random.RandomState(0)
        images = (
            random.standard_normal((1, 3, image_size, image_size)).astype("float32")
            for _ in range(CALIBRATION_IMAGES)
        )
        CONVERTED[engine].quantize(Path(folder), images, CALIBRATION_IMAGES)

    def load(self, folder: str, image_size: int, batch_size: int, **options: Any) -> int:
        """Open an exported folder; a step is one prediction, input and output included.

        Returns:
            The size of the model's files, in bytes.
        """
        import numpy as np

        from ..deploy import predictor

        self.predictor = opened = predictor.create_predictor(folder, **options)
        shape = [batch_size, 3, image_size, image_size]
        images = np.random.RandomState(0).standard_normal(shape).astype("float32")
        self.step = lambda: opened.outputs(images)
        weights = (opened.model.with_suffix(suffix) for suffix in _WEIGHTS)
        return sum(path.stat().st_size for path in (opened.model, *weights) if path.is_file())

    def count_right(
        self, paths: list[str], labels: list, transform_ops: list, decode_image: dict
    ) -> int:
        """How many images the opened model classifies as they are labelled."""
        from ..deploy.images import Listed, Preprocess
        from ..deploy.int8.accuracy import top1

        assert self.predictor is not None  # load has been called
        listed = Listed([Path(path) for path in paths], labels, isinstance(labels[0], list))
        preprocess = Preprocess(transform_ops, decode_image)
        return top1([self.predictor], listed, preprocess, lambda items, *_: items)[0].right

    def train(
        self, name: str, options: dict, image_size: int, batch_size: int, gpu: bool, precision: str
    ) -> None:
        """Build a network; a step is forward, backward and an update by Adam."""
        import paddle

        from .. import registry
        from ..deploy.predictor import demand_gpu
        from ..patches import cpu_convolution

        if precision != "fp32" and not gpu:
            raise OctConvError(f"precision {precision!r}: training on a CPU is measured in fp32")
        if gpu:
            demand_gpu()
        paddle.set_device("gpu" if gpu else "cpu")
        cpu_convolution.install()  # as in a training
        net = registry.build(name, **options)
        net.train()
        optimizer = paddle.optimizer.Adam(0.001, parameters=net.parameters())
        paddle.seed(0)
        images = paddle.randn([batch_size, 3, image_size, image_size])
        labels = paddle.randint(0, 10, [batch_size])
        scaler = paddle.amp.GradScaler(enable=precision == "fp16")

        def step() -> None:
            with _auto_cast(precision):
                loss = paddle.nn.functional.cross_entropy(net(images), labels)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            optimizer.clear_grad()
            if gpu:
                paddle.device.synchronize()

        self.step = step

    def time(self, skipped: int, counted: int) -> list[float]:
        """The duration of ``counted`` steps in a row, after ``skipped`` others."""
        assert self.step is not None  # load or train has been called
        for _ in range(skipped):
            self.step()
        durations = []
        for _ in range(counted):
            start = time.perf_counter()
            self.step()
            durations.append(time.perf_counter() - start)
        return durations

    def operators(self) -> list[tuple[str, float]]:
        """The operators of one training step in their order, each with its milliseconds."""
        from paddle import profiler

        assert self.step is not None  # train has been called
        with profiler.Profiler(
            targets=[profiler.ProfilerTarget.CPU], on_trace_ready=lambda profile: None
        ) as profile:
            self.step()
        nodes = list(profile.profiler_result.get_data().values())
        found: list[tuple[int, str, float]] = []
        while nodes:
            node = nodes.pop()
            name = _operator(node.name)
            if name and str(node.type).endswith(".Operator"):
                found.append((node.start_ns, name, (node.end_ns - node.start_ns) / 1e6))
            else:
                nodes.extend(node.children_node)
        return [(name, milliseconds) for _, name, milliseconds in sorted(found)]

    def memory(self, gpu: bool) -> int:
        """The most memory the process has held so far, of the GPU if ``gpu``."""
        if gpu:
            import paddle

            return paddle.device.cuda.max_memory_reserved()
        if os.path.exists("/proc/self/status"):
            with open("/proc/self/status", encoding="ascii", errors="replace") as status:
                for line in status:
                    if line.startswith("VmHWM:"):
                        return int(line.split()[1]) * 1024
        import psutil

        info = psutil.Process().memory_info()
        return getattr(info, "peak_wset", info.rss)


def _operator(event: str) -> str | None:
    """The operator that an event of Paddle's profiler is about, with _grad where it goes back."""
    forward = re.fullmatch(r"(\w+?)_? dygraph", event)
    if forward:
        return forward[1]
    back = re.fullmatch(r"(?:Global_)?(?:GradNode)?(\w+?)(?:GradNode)?(?:Final)?", event)
    if not back or "GradNode" not in event:
        return None
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", back[1]).lower() + "_grad"


def _settle(network: nn.Layer, image_size: int) -> None:
    """Give batch norms the statistics of noise.

    Without, random weights of a deep network let everything fade: what conversions are checked by
    would be rounding.
    """
    import paddle

    for layer in network.sublayers():
        if isinstance(layer, paddle.nn.BatchNorm2D):
            layer._momentum = 0.0
    network.train()
    with paddle.no_grad():
        network(paddle.randn([2, 3, image_size, image_size]))


def _auto_cast(precision: str) -> ContextManager:
    """PaddleClas's AMP level O1 for a precision below float32."""
    import paddle

    if precision == "fp32":
        return contextlib.nullcontext()
    dtype = {"fp16": "float16", "bf16": "bfloat16"}[precision]
    return paddle.amp.auto_cast(level="O1", dtype=dtype)
