"""Octavises PaddleClas's networks of convolutions: ``python benchmarks/octavize/coverage.py``.

Each network, or each that is named, is octavised at alpha 0.5, run forward and backward, and
exported; ``coverage.json`` beside this file gets a line for each, of which the table of
docs/octavize.md is made. With ``--families`` one small network of each family is tried.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

DATA = Path(__file__).with_name("coverage.json")
# Files of PaddleClas whose networks are transformers.
TRANSFORMERS = frozenset(
    """
    cae cswin_transformer cvt distilled_vision_transformer dsnet foundation_vit
    foundation_vit_variant levit mobilevit mobilevit_v2 mobilevit_v3 nextvit pvt_v2 svtrnet
    swin_transformer swin_transformer_v2 swin_transformer_variant tnt twins uniformer
    vision_transformer
    """.split()  # noqa: SIM905
)
# Networks that share a file with others and are transformers in part.
HYBRIDS = ("MobileNetV4_hybrid_medium", "MobileNetV4_hybrid_large")
# Not networks but parts of them, or none that the registry can build by name alone.
NO_NETWORKS = ("PPLCNetBaseNet", "get_apis")
OPTIONS = {
    "WideResNet": {"depth": 16, "widen_factor": 2, "dropout": 0.0, "num_classes": 10},
}
# Side of the images where a network does not run on small ones.
SIZES = {
    "vgg": 224,
    "vgg_variant": 224,
    "alexnet": 224,
    "inception_v3": 224,
    "inception_v4": 224,
    "googlenet": 224,
    "mobilefacenet": 112,
    "adaface_ir_net": 112,
    "mixnet": 224,
    "efficientnet_v2": 128,
}
SIZE = 64
# A small network of each family whose first name is not that of one.
SMALL = """
    AdaFace_IR_18 DLA34 DPN68 DSNet_tiny DenseNet121 EfficientNetB0_small FasterNet_T0 GhostNet_x0_5
    HRNet_W18_C HarDNet39_ds MobileNetV1_x0_25 MobileNetV2_x0_25 MobileNetV3_small_x0_35
    MobileNetV4_conv_small MobileNeXt_x0_35 PPHGNetV2_B0 PPHGNet_tiny PPLCNetV2_small PPLCNet_x0_25
    RedNet26 RegNetX_200MF ResNeSt50_fast_1s1x64d ResNeXt50_32x4d ResNeXt50_vd_32x4d
    ResNeXt101_32x8d_wsl ResNet18 Res2Net50_26w_4s Res2Net50_vd_26w_4s RepVGG_A0 SE_ResNet18_vd
    SE_ResNeXt50_32x4d SE_ResNeXt50_vd_32x4d ShuffleNetV2_x0_25 StarNet_S1 TinyNet_A VAN_B0
    ConvNeXt_tiny MixNet_S MicroNet_M0 ESNet_x0_25
    """.split()  # noqa: SIM905


def families() -> dict[str, list[str]]:
    """The networks of convolutions of the installed PaddleClas, by the file that they are in."""
    import paddleclas.ppcls.arch.backbone as zoo

    from paddleclas_octconv import registry

    registry.register()
    found: dict[str, list[str]] = {}
    for name in zoo.__all__:
        function = getattr(zoo, name, None)
        if function is None or hasattr(function, "octconv") or name in (*HYBRIDS, *NO_NETWORKS):
            continue
        family = function.__module__.rpartition(".")[2]
        if function.__module__.startswith(zoo.__name__) and family not in TRANSFORMERS | {
            "backbone"
        }:
            found.setdefault(family, []).append(name)
    return found


def small(names: list[str]) -> str:
    """The network that stands for a family."""
    return next((name for name in names if name in SMALL), names[0])


def attempt(name: str, family: str, export: bool = True) -> dict:
    """Octavise a network, run it forward and backward, and compare its export with it.

    Returns:
        What ``octave_report`` counts, and the largest difference of the export's output, relative
        to the largest output, beside that of a nudge of the input by a millionth.
    """
    import paddle
    import paddleclas.ppcls.arch.backbone as zoo
    from paddleclas.ppcls.utils import logger

    from paddleclas_octconv import octavize
    from paddleclas_octconv.deploy import inference_form

    logger.init_logger()
    paddle.seed(0)
    size = SIZES.get(family, SIZE)
    network = getattr(zoo, name)(
        **OPTIONS.get(name, {} if "adaface" in family else {"class_num": 10})
    )
    start = time.perf_counter()
    octavize(network, input_size=112 if size == 112 else 224)
    seconds = time.perf_counter() - start
    report = network.octave_report
    images = paddle.randn([2, report.channels, size, size])
    for layer in network.sublayers():  # the statistics of these images, as if it were trained
        if isinstance(layer, (paddle.nn.BatchNorm, paddle.nn.BatchNorm2D)):
            layer._momentum = 0.0
    network.train()
    for output in _tensors(network(images)):
        output.sum().backward(retain_graph=True)
    without = [
        key
        for key, parameter in network.named_parameters()
        if parameter.trainable and ".hh." in key and parameter.grad is None
    ]
    result = {
        "network": name,
        "family": family,
        **{key: getattr(report, key) for key in ("convolutions", "octave", "share", "ratio")},
        "multiply_adds": [report.vanilla_multiply_adds, report.multiply_adds],
        "joins": sum(count for _, count in report.joins),
        "opaque": len(report.opaque),
        "without_gradient": len(without),
        "seconds": round(seconds, 1),
    }
    if export:
        network.eval()
        with paddle.no_grad():
            expected = _tensors(network(images))[0].numpy()
            # What a millionth of the input does to the output: some random networks blow it up.
            nudged = images + 1e-6 * paddle.randn(images.shape)
            rounding = _difference(_tensors(network(nudged))[0].numpy(), expected)
        with tempfile.TemporaryDirectory() as folder:
            spec = paddle.static.InputSpec([None, *images.shape[1:]], "float32")
            inference_form.re_parameterize(network)
            static = paddle.jit.to_static(network, input_spec=[spec], full_graph=True)
            paddle.jit.save(static, f"{folder}/model")
            loaded = paddle.jit.load(f"{folder}/model")
            loaded.eval()
            got = _tensors(loaded(images))[0].numpy()
        result["rounding"] = float(f"{rounding:.1e}")
        result["export_difference"] = float(f"{_difference(got, expected):.1e}")
    return result


def _difference(output, expected) -> float:
    """The largest difference, relative to the largest output."""
    return abs(output - expected).max() / max(1e-12, abs(expected).max())


def _tensors(output) -> list:
    if isinstance(output, dict):
        output = list(output.values())
    return list(output) if isinstance(output, (list, tuple)) else [output]


def main() -> None:
    """Try networks, and keep what is found of each."""
    import paddle

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", help="networks (default: all)")
    parser.add_argument("--families", action="store_true", help="a small one of each family")
    parser.add_argument("--output", type=Path, default=DATA, help="default: %(default)s")
    args = parser.parse_args()
    found = families()
    family_of = {name: family for family, names in found.items() for name in names}
    names = args.names or [name for names in found.values() for name in names]
    if args.families:
        names = [small(of) for of in found.values()]
    for name in names:
        try:
            with paddle.utils.unique_name.guard():
                result = attempt(name, family_of[name])
        except Exception as error:
            said = " ".join(str(error).split())[-200:]
            result = {"network": name, "family": family_of[name], "error": said}
        kept = json.loads(args.output.read_text("utf-8")) if args.output.exists() else []
        kept = [row for row in kept if row["network"] != name] + [result]
        kept.sort(key=lambda row: (row["family"], row["network"]))
        args.output.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
