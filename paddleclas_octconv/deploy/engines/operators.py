"""What an exported model may hold. It may come from anybody, and some operators write files, load
libraries or never end: only those that compute are let through, before an engine opens the file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Iterable, Iterator
from xml.parsers import expat

from ...common.documents import read_json
from ...common.errors import OctConvError
from ...common.files import MOST_MODEL, read_bytes

# Of Paddle, as pdmodel and as PIR name them, without the "_" of those that work in place.
_PADDLE = frozenset(
    re.findall(
        r"\w+",
        """
    abs acos acosh add add_n addmm affine_channel affine_grid all amax amin any arange arg_max
    arg_min argmax argmin argsort as_strided asin asinh assign assign_out assign_value atan atan2
    atanh batch_norm bicubic_interp bicubic_interp_v2 bilinear_interp bilinear_interp_v2
    bitwise_and bitwise_not bitwise_or bitwise_xor bmm broadcast_tensors cast ceil celu
    channel_shuffle clip combine concat constant constant_tensor conv2d conv2d_transpose conv3d
    conv3d_transpose cos cosh crop crop_tensor cummax cummin cumprod cumsum data deformable_conv
    deformable_conv_v1 depthwise_conv2d depthwise_conv2d_transpose dequantize_abs_max
    dequantize_linear diag_embed diag_v2 diagonal dist divide dot dropout einsum elementwise_add
    elementwise_div elementwise_floordiv elementwise_fmax elementwise_fmin elementwise_max
    elementwise_min elementwise_mod elementwise_mul elementwise_pow elementwise_sub elu embedding
    empty equal equal_all erf exp expand expand_as expand_as_v2 expand_v2 expm1 eye
    fake_channel_wise_dequantize_max_abs fake_channel_wise_quantize_abs_max
    fake_channel_wise_quantize_dequantize_abs_max fake_dequantize_max_abs fake_quantize_abs_max
    fake_quantize_dequantize_abs_max fake_quantize_dequantize_moving_average_abs_max
    fake_quantize_moving_average_abs_max fake_quantize_range_abs_max feed fetch fill_any_like
    fill_constant fill_constant_batch_size_like fill_zeros_like flash_attn flatten flatten2
    flatten_contiguous_range flip floor floor_divide fmax fmin fold frobenius_norm full
    full_batch_size_like full_int_array full_like full_with_tensor fused_softmax_mask gather
    gather_nd gelu greater_equal greater_than grid_sample grid_sampler group_norm hard_shrink
    hard_sigmoid hard_swish hardshrink hardsigmoid hardswish hardtanh increment index_add
    index_put index_sample index_select instance_norm isfinite isfinite_v2 isinf isinf_v2 isnan
    isnan_v2 kron layer_norm leaky_relu lerp less_equal less_than linear_interp linear_interp_v2
    linspace log log10 log1p log2 log_softmax logical_and logical_not logical_or logical_xor logit
    logsigmoid logsumexp lookup_table lookup_table_v2 lrn masked_fill masked_select matmul
    matmul_v2 max max_pool2d_v2 max_pool2d_with_index max_pool3d_with_index max_with_index maximum
    maxout mean memory_efficient_attention meshgrid min minimum mish moving_average_abs_max_scale
    mul multi_dot multiply mv nearest_interp nearest_interp_v2 nonzero norm not_equal numel
    one_hot one_hot_v2 p_norm pad pad3d parameter pixel_shuffle pixel_unshuffle pool2d pool3d pow
    prelu prod put_along_axis quantize_linear range range_v2 reciprocal reduce_all reduce_amax
    reduce_amin reduce_any reduce_max reduce_mean reduce_min reduce_prod reduce_sum relu relu6
    remainder repeat_interleave reshape reshape2 reverse rms_norm rnn roi_align roll round rsqrt
    scale scatter scatter_nd_add selu set_parameter set_value set_value_with_tensor shadow_output
    shape shape64 share_data shuffle_channel sigmoid sign silu sin sinh size slice softmax
    softplus softshrink softsign spectral_norm split split_with_num sqrt square squeeze squeeze2
    stack stanh strided_slice subtract sum swiglu swish sync_batch_norm take_along_axis tan tanh
    tanh_shrink temporal_shift tensor_unfold thresholded_relu tile top_k top_k_v2 topk transpose
    transpose2 tril tril_triu trilinear_interp trilinear_interp_v2 triu trunc unbind unfold
    unsqueeze unsqueeze2 unstack variance view_dtype view_shape view_slice where where_index
    """,
    )
)
# All that ONNX defines computes; of ONNX Runtime's own, those that its quantisation writes.
_OF_ONNX_RUNTIME = re.compile(
    r"QLinear\w+|QGemm|QAttention|(Dynamic)?QuantizeMatMul|MatMulIntegerToFloat|(De)?QuantizeLinear"
    r"|Fused(Conv|MatMul|Gemm)|(Fast|Bias|Quick)?Gelu|(Skip)?LayerNormalization|NhwcConv"
)
# These hold programs of their own, or remember something.
_WITH_BODIES = ("If", "Loop", "Scan", "SequenceMap", "TensorIterator", "Assign", "ReadValue")
_OPENVINO = re.compile(r"opset[0-9]{1,2}")


def check_paddle(operators: Iterable[str], model: Path) -> None:
    """See that Paddle's operators, as a ``.pdmodel`` names them, only compute.

    Raises:
        OctConvError: naming the file and the first that does something else.
    """
    for name in operators:
        if name.rstrip("_") not in _PADDLE:
            raise _refusal(model, name)


def check_pir(model: Path) -> bool:
    """See that the operators of an ``inference.json`` only compute; whether it is a model at all.

    Raises:
        OctConvError: as ``check_paddle``.
    """
    try:
        content = read_json(model, "", MOST_MODEL)
        (region,) = content["program"]["regions"]
        (block,) = region["blocks"]
        names = [operator["#"] for operator in block["ops"]]
    except (ValueError, KeyError, TypeError):  # OctConvError is a ValueError
        return False
    for name in names:
        # A parameter, or one of the dialects builtin (0) and pd_op (1).
        dialect, _, operator = str(name).rpartition(".")
        if name != "p" and dialect not in ("0", "1", "builtin", "pd_op"):
            raise _refusal(model, str(name))
        check_paddle([operator] if name != "p" else [], model)
    return bool(names)


def check_onnx(model: Path) -> None:
    """See that an ONNX model holds operators that compute, and all of its data.

    Raises:
        OctConvError: as ``check_paddle``; or it is no model, or names files.
    """
    content = memoryview(read_bytes(model, "model", MOST_MODEL))
    try:
        if _has(content, 25):
            raise OctConvError(f"{model}: it defines functions, which no export does")
        for graph in _messages(content, 7):
            for node in _messages(graph, 1):
                _check_node(node, model)
            _demand_own_data(_messages(graph, 5), model)
    except (IndexError, UnicodeDecodeError):
        raise OctConvError(f"{model}: is cut or damaged: not an ONNX model") from None


def check_openvino(model: Path) -> None:
    """See that an OpenVINO model holds operators that compute.

    Raises:
        OctConvError: as ``check_paddle``, or it is no XML.
    """

    def begin(tag: str, attributes: dict[str, str]) -> None:
        kind = attributes.get("type", "")
        if tag == "layer":
            of_openvino = _OPENVINO.fullmatch(attributes.get("version", ""))
            if not of_openvino or kind in _WITH_BODIES:
                raise _refusal(model, kind)

    def refuse_types(*declared: Any) -> None:
        raise OctConvError(f"{model}: it declares a document type, which no export does")

    parser = expat.ParserCreate()
    parser.StartElementHandler = begin
    parser.StartDoctypeDeclHandler = refuse_types
    try:
        parser.Parse(read_bytes(model, "model", MOST_MODEL), True)
    except expat.ExpatError as error:
        raise OctConvError(f"{model}: OpenVINO cannot read it: not XML: {error}") from None


def _check_node(node: memoryview, model: Path) -> None:
    names = [bytes(name).decode() for name in _messages(node, 4)]
    domains = [bytes(domain).decode() for domain in _messages(node, 7)]
    for name in names:
        own = all(domain in ("", "ai.onnx") for domain in domains)
        if not own and domains != ["com.microsoft"]:
            raise _refusal(model, f"{domains[-1]}.{name}")
        if name in _WITH_BODIES or not (own or _OF_ONNX_RUNTIME.fullmatch(name)):
            raise _refusal(model, name)
    for attribute in _messages(node, 5):
        if _has(attribute, 6) or _has(attribute, 11):
            raise _refusal(model, names[-1] if names else "")
        _demand_own_data((*_messages(attribute, 5), *_messages(attribute, 10)), model)


def _demand_own_data(tensors: Iterable[memoryview], model: Path) -> None:
    if any(_has(tensor, 13) for tensor in tensors):
        raise OctConvError(f"{model}: a tensor of it is in another file, which no export does")


def _messages(content: memoryview, wanted: int) -> Iterator[memoryview]:
    """The fields of a number in a message of Protocol Buffers that hold bytes.

    Raises:
        IndexError: it is none.
    """
    place = 0
    while place < len(content):
        key, place = varint(content, place)
        kind, length = key & 7, 0
        if kind == 0:
            _, place = varint(content, place)
        elif kind == 2:
            length, place = varint(content, place)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            raise IndexError
        if place + length > len(content):
            raise IndexError
        if kind == 2 and key >> 3 == wanted:
            yield content[place : place + length]
        place += length


def _has(content: memoryview, wanted: int) -> bool:
    return next(_messages(content, wanted), None) is not None


def varint(content: bytes | memoryview, place: int) -> tuple[int, int]:
    """The number of Protocol Buffers at a place, and the place behind it.

    Raises:
        IndexError: it is cut, or longer than 64 bits.
    """
    value = 0
    for shift in range(0, 70, 7):
        byte = content[place]
        value, place = value | (byte & 0x7F) << shift, place + 1
        if byte < 0x80:
            return value, place
    raise IndexError


def _refusal(model: Path, name: str) -> OctConvError:
    return OctConvError(
        f"{model}: the operator {name!r} is none that a network needs to classify images: it could "
        f"do anything, and the model is not opened"
    )
