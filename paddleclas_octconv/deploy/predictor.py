"""Open an exported folder in Paddle Inference, in the faster of its formats."""

from __future__ import annotations

import os
from pathlib import Path

from ..common import machine
from ..common.errors import OctConvError

PRECISIONS = ("fp32", "fp16", "bf16")
# How many GB of tensors that are no longer needed Paddle gathers before it frees them; negative:
# it frees none.
_GARBAGE_FLAG = "FLAGS_eager_delete_tensor_gb"


def model_files(
    folder: str | Path, prefix: str = "inference", pir: bool = True
) -> tuple[Path, Path]:
    """The model and parameter files that the running Paddle reads fastest from a folder.

    pir: False prefers ``.pdmodel`` where both formats are there.
    A folder without files of that name may hold those of PaddleSlim, ``<prefix>_int8``.
    Raises OctConvError if the folder holds no exported model that this Paddle can read.
    """
    suffixes = [".json", ".pdmodel"] if machine.paddle_writes_pir() else [".pdmodel"]
    for stem in (prefix, f"{prefix}_int8"):
        params = Path(folder, f"{stem}.pdiparams")
        for suffix in suffixes if pir else reversed(suffixes):
            model = params.with_suffix(suffix)
            if model.is_file() and params.is_file():
                return model, params
    names = " or ".join(prefix + suffix for suffix in suffixes)
    raise OctConvError(
        f"{folder} holds no exported model: {names}, with {prefix}.pdiparams "
        "(paddleclas export writes them)"
    )


def demand_gpu() -> None:
    """Raises OctConvError where Paddle has no GPU to run on."""
    import paddle

    if not paddle.is_compiled_with_cuda() or paddle.device.cuda.device_count() == 0:
        raise OctConvError("the device gpu: Paddle sees no GPU here")


def create_predictor(
    folder: str | Path,
    *,
    threads: int = 1,
    onednn: bool = True,
    gpu: bool = False,
    precision: str = "fp32",
    memory_optim: bool = True,
    keep_tensors: bool = True,
):
    """A ``paddle.inference.Predictor`` for an exported folder.

    threads: CPU threads; onednn: use oneDNN on the CPU; gpu: run on GPU 0 instead.
    precision: "fp32"; "bf16" (CPU with oneDNN, or GPU); "fp16" (GPU).
    keep_tensors: on the CPU, keep the memory of intermediate tensors for the next prediction:
    faster, since Paddle otherwise wakes a thread after each operator to free them, for more
    memory. Set for the whole process, by ``FLAGS_eager_delete_tensor_gb``; that variable in the
    environment wins.
    """
    from paddle import inference

    if precision not in PRECISIONS:
        raise OctConvError(f"precision {precision!r} should be one of {', '.join(PRECISIONS)}")
    model, params = model_files(folder)
    config = inference.Config(str(model), str(params))
    config.disable_glog_info()
    if gpu:
        demand_gpu()
        kinds = {
            "fp32": inference.PrecisionType.Float32,
            "fp16": inference.PrecisionType.Half,
            "bf16": inference.PrecisionType.Bfloat16,
        }
        config.enable_use_gpu(256, 0, kinds[precision])
    else:
        config.disable_gpu()
        if keep_tensors:
            keep_intermediate_tensors()
        config.set_cpu_math_library_num_threads(threads)
        if onednn:
            config.enable_mkldnn()
        elif hasattr(config, "disable_mkldnn"):
            config.disable_mkldnn()  # Paddle 3 has it on by default
        if precision == "bf16" and onednn:
            config.enable_mkldnn_bfloat16()
        elif precision != "fp32":
            raise OctConvError(f"precision {precision!r} on a CPU: fp32, or bf16 with oneDNN")
    if memory_optim:
        if model.suffix == ".json":
            # Under PIR the pass that enable_memory_optim asks for runs in this executor only.
            config.enable_new_executor()
        config.enable_memory_optim()
    return inference.create_predictor(config)


def keep_intermediate_tensors() -> None:
    """Let predictors created from now on keep the memory of their intermediate tensors."""
    import paddle

    if _GARBAGE_FLAG not in os.environ:
        paddle.set_flags({_GARBAGE_FLAG: -1.0})


def run(predictor, images):
    """The first output for a float32 NCHW array of images."""
    return outputs(predictor, images)[0]


def outputs(predictor, images) -> list:
    """All outputs for a float32 NCHW array of images."""
    handle = predictor.get_input_handle(predictor.get_input_names()[0])
    handle.copy_from_cpu(images)
    predictor.run()
    names = predictor.get_output_names()
    return [predictor.get_output_handle(name).copy_to_cpu() for name in names]
