"""Paddle Inference, which reads what PaddleClas's exporter writes."""

from __future__ import annotations

import contextlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Iterator

from ...common.errors import OctConvError
from .base import Engine, Predictor, checked_images
from .paddle_files import QUANTIZED, check_files, input_shape, model_files

if TYPE_CHECKING:
    import numpy as np

# How many GB of tensors that are no longer needed Paddle gathers before it frees them; negative:
# it frees none.
_GARBAGE_FLAG = "FLAGS_eager_delete_tensor_gb"
_CHANGING_FLAG = threading.Lock()


class PaddleInference(Engine):
    """It reads what the exporter writes, so nothing is converted. Options of ``open``:

    onednn: use oneDNN on the CPU; gpu: run on GPU 0 instead.
    memory_optim: let tensors that are never in use together share memory.
    keep_tensors: on the CPU, keep the memory of intermediate tensors for the next prediction:
        faster, since Paddle otherwise wakes a thread after each operator to free them, for more
        memory. Set for the whole process, by ``FLAGS_eager_delete_tensor_gb``; that variable in
        the environment wins. A model of any image size never does it: see ``may_keep_tensors``.
    """

    name = "paddle"
    title = "Paddle Inference"
    module = "paddle"
    extra = "cpu"
    precisions = ("fp32", "fp16", "bf16", "int8")
    options = ("onednn", "gpu", "memory_optim", "keep_tensors")
    exported = tuple(
        stem + suffix
        for stem in ("inference", f"inference{QUANTIZED}")
        for suffix in (".json", ".pdmodel", ".pdiparams", ".pdiparams.info")
    )

    def measured(self, gpu: bool) -> tuple[str, ...]:
        return ("fp32", "fp16", "bf16") if gpu else ("fp32", "bf16")

    def find(self, folder: Path, precision: str) -> Path | None:
        try:
            model, _ = model_files(folder)
        except OctConvError:
            return None
        # A network that PaddleSlim has quantised computes in INT8 whatever is asked for.
        is_quantized = model.stem.endswith(QUANTIZED)
        return None if precision == "int8" and not is_quantized else model

    def wanted(self, precision: str) -> str:
        if precision == "int8":
            return "network trained with Slim.quant (its export is inference_int8.*)"
        return "exported model that this Paddle reads: inference.json or .pdmodel, with .pdiparams"

    def missing(self, folder: Path, precision: str) -> str:
        try:
            model_files(folder)
        except OctConvError as error:
            return str(error)
        return super().missing(folder, precision)

    def open(
        self,
        model: Path,
        precision: str,
        threads: int,
        *,
        onednn: bool = True,
        gpu: bool = False,
        memory_optim: bool = True,
        keep_tensors: bool = True,
        **options: Any,
    ) -> Predictor:
        from paddle import inference

        params = model.with_suffix(".pdiparams")
        check_files(model, params)
        config = inference.Config(str(model), str(params))
        config.disable_glog_info()
        if gpu:
            demand_gpu()
            kinds = {
                "fp32": inference.PrecisionType.Float32,
                "fp16": inference.PrecisionType.Half,
                "bf16": inference.PrecisionType.Bfloat16,
                "int8": inference.PrecisionType.Float32,  # its quantisation is in the model
            }
            config.enable_use_gpu(256, 0, kinds[precision])
        else:
            config.disable_gpu()
            if keep_tensors and may_keep_tensors(model):
                keep_intermediate_tensors()
            config.set_cpu_math_library_num_threads(threads)
            if onednn:
                config.enable_mkldnn()
            elif hasattr(config, "disable_mkldnn"):
                config.disable_mkldnn()  # Paddle 3 has it on by default
            if precision == "bf16" and onednn:
                _demand_bfloat16()
                config.enable_mkldnn_bfloat16()
            elif precision in ("fp16", "bf16"):
                raise OctConvError(f"precision {precision!r} on a CPU: fp32, or bf16 with oneDNN")
        if memory_optim:
            if model.suffix == ".json":
                # Under PIR the pass that enable_memory_optim asks for runs in this executor only.
                config.enable_new_executor()
            config.enable_memory_optim()
        try:
            return PaddlePredictor(lambda: inference.create_predictor(config), precision, model)
        except OctConvError:
            raise
        except Exception as error:  # of any kind, and with a trace of C++ before its last line
            said = [line for line in str(error).splitlines() if line.strip()] or [repr(error)]
            reason = next((line for line in said if line.startswith("(")), said[-1]).strip()
            raise OctConvError(f"{model}: Paddle Inference cannot read it: {reason}") from None


class PaddlePredictor(Predictor):
    """A predictor of Paddle Inference, whose own methods (``get_input_handle``, …) it has too.

    It runs in one thread of its own: oneDNN and OpenMP keep kernels and workers for each thread
    that calls them, so calls from new threads, as of a web server, would take several times as
    long.

    Args:
        create: makes the ``paddle.inference.Predictor``; called in that thread.
        precision, model: as of ``Engine.open``.
    """

    def __init__(self, create: Callable[[], Any], precision: str, model: Path) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="paddle-inference")
        self.raw = self._thread.submit(create).result()
        self._must_free = not may_keep_tensors(model)  # in the first run
        inputs = [input_shape(model) or [-1] * 4] * len(self.raw.get_input_names())
        super().__init__(PaddleInference.name, precision, model, inputs)

    def __getattr__(self, name: str) -> Any:
        if name == "raw":  # not set yet
            raise AttributeError(name)
        return getattr(self.raw, name)

    def run(self) -> Any:
        """Run what the input handles hold.

        Paddle reads from the flag whether tensors are kept when a predictor first runs.
        """
        with _tensors_freed() if self._must_free else contextlib.nullcontext():
            done = self.raw.run()
        self._must_free = False
        return done

    def _outputs(self, images: np.ndarray) -> list[np.ndarray]:
        return self._thread.submit(_run, self, images).result()


def raw_outputs(raw: Any, images: np.ndarray) -> list[np.ndarray]:
    """All outputs of a ``paddle.inference.Predictor`` for preprocessed images (N, C, H, W).

    Raises:
        OctConvError: they are something else.
    """
    return _run(raw, checked_images(images))


def _run(raw: Any, images: np.ndarray) -> list[np.ndarray]:
    handle = raw.get_input_handle(raw.get_input_names()[0])
    handle.copy_from_cpu(images)
    raw.run()
    return [raw.get_output_handle(name).copy_to_cpu() for name in raw.get_output_names()]


def demand_gpu() -> None:
    """Raises OctConvError where Paddle has no GPU to run on."""
    import paddle

    if not paddle.is_compiled_with_cuda() or paddle.device.cuda.device_count() == 0:
        raise OctConvError("the device gpu: Paddle sees no GPU here")


def keep_intermediate_tensors() -> None:
    """Let predictors created from now on keep the memory of their intermediate tensors."""
    import paddle

    if _GARBAGE_FLAG not in os.environ:
        with _CHANGING_FLAG:
            paddle.set_flags({_GARBAGE_FLAG: -1.0})


def may_keep_tensors(model: Path) -> bool:
    """Whether a model gives the same if its intermediate tensors are kept.

    Paddle 3 with oneDNN keeps with them how they lay in memory. Where a map had one pixel, the next
    prediction, of larger images, gets its channels in a wrong order. (Not in the older format.)
    """
    return model.suffix != ".json" or min(input_shape(model)[2:], default=-1) > 0


@contextlib.contextmanager
def _tensors_freed() -> Iterator[None]:
    """Without what ``keep_intermediate_tensors`` has set."""
    import paddle

    with _CHANGING_FLAG:
        before = paddle.get_flags(_GARBAGE_FLAG)[_GARBAGE_FLAG]
        paddle.set_flags({_GARBAGE_FLAG: max(before, 0.0)})
        try:
            yield
        finally:
            paddle.set_flags({_GARBAGE_FLAG: before})


def _demand_bfloat16() -> None:
    from paddle.base import core

    if not core.supports_bfloat16():
        raise OctConvError("precision 'bf16': this processor has none (it lacks AVX-512)")
