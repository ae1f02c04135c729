"""The plain form of an ONNX graph, which every runtime and converter takes.

What paddle2onnx writes is right, but many programs that read ONNX on a phone or in a browser lack a
part of it: padding by rule (``auto_pad``), sizes that are rounded up (``ceil_mode``), shapes that
are computed from the batch. Each of these is said outright where the sizes are known, which changes
no number. ONNX Runtime, which is installed to check the model, then does what needs arithmetic:
biases and batch norms become part of the convolutions, equal operators one.
"""

from __future__ import annotations

import math
import os
import tempfile
from typing import Any, Dict, Iterable, List, NamedTuple, Sequence

_WINDOWED = ("Conv", "AveragePool", "MaxPool")
_POOLS = ("AveragePool", "MaxPool")
_ERRORS_ONLY = 3
_OWN_DOMAINS = ("", "ai.onnx")  # ONNX Runtime declares others too, used or not
_SOME_BATCH = 7919  # no other size of a network is that prime

Shapes = Dict[str, List[int]]  # by the name of a tensor: its sizes, 0 where one is not known


def plain(model: Any) -> Any:
    """The same network in plain operators.

    Args:
        model: an ``onnx.ModelProto`` of opset 13 of image classification; it is changed.

    Returns:
        A new one. Where height and width are known it has neither ``auto_pad`` nor ``ceil_mode``.
    """
    shapes = _shapes_of(model)
    for node in list(model.graph.node):
        if node.op_type in _WINDOWED:
            _say_windows(model.graph, node, shapes)
        elif node.op_type == "Reshape":
            _say_shape(model.graph, node, shapes)
    return _folded(model)


class Window(NamedTuple):
    """A kernel that slides along one side of a feature map.

    Attributes:
        kernel, stride, dilation: as the attributes of a convolution.
        begin, end: padding.
        rule: the attribute ``auto_pad``.
        ceil: whether the output's size is rounded up.
    """

    kernel: int
    stride: int
    dilation: int
    begin: int
    end: int
    rule: str
    ceil: bool

    @property
    def reach(self) -> int:
        """From the first number it takes to behind the last."""
        return self.dilation * (self.kernel - 1) + 1

    def places(self, size: int) -> tuple[int, int]:
        """The padding before a side of that size, and the output's size (ONNX, AveragePool)."""
        if self.rule in ("SAME_UPPER", "SAME_LOWER"):
            out = -(-size // self.stride)
            total = max((out - 1) * self.stride + self.reach - size, 0)
            return (total + (self.rule == "SAME_LOWER")) // 2, out
        begin, end = (0, 0) if self.rule == "VALID" else (self.begin, self.end)
        steps, rest = divmod(size + begin + end - self.reach, self.stride)
        if self.ceil and rest and (steps + 1) * self.stride < size + begin:
            steps += 1
        return begin, steps + 1

    def said(self, sizes: Iterable[int]) -> Window | None:
        """The same with all of its padding said, for sides of any of these sizes; None: there is
        no such padding."""
        if self.rule == "NOTSET" and not self.ceil:
            return self
        wanted = {size: self.places(size) for size in sizes}
        (begin, *others) = {begin for begin, _ in wanted.values()}
        if others:
            return None
        end = max(
            (out - 1) * self.stride + self.reach - size - begin for size, (_, out) in wanted.items()
        )
        window = self._replace(begin=begin, end=max(end, 0), rule="NOTSET", ceil=False)
        return window if {size: window.places(size) for size in wanted} == wanted else None

    def taps(self, size: int) -> tuple[int, int]:
        """The first number of the kernel that ever meets a side of that size, and behind the last.

        The others meet padding alone. Where all do, so it stays.
        """
        begin, out = self.places(size)
        met = [
            tap
            for tap in range(self.kernel)
            if any(
                0 <= place * self.stride - begin + tap * self.dilation < size
                for place in range(out)
            )
        ]
        return (met[0], met[-1] + 1) if met else (0, self.kernel)

    def ends_on_one(self, size: int) -> bool:
        """Whether all padding is behind a side of that size, and meets one place of the kernel
        alone, which meets but one number, the side's last."""
        _, out = self.places(size)
        return (
            (self.begin, self.end, self.dilation) == (0, self.kernel - 1, 1)
            and (out - 1) * self.stride == size - 1
            and self.stride >= self.kernel - 1
        )


def _shapes_of(model: Any) -> Shapes:
    """The shapes in a network for any batch, by those in the same for one batch.

    With that known, ONNX Runtime computes the shapes that are computed from it.
    """
    import onnx

    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    for value in fixed.graph.input:
        batch = value.type.tensor_type.shape.dim[0]
        if not batch.dim_value:
            batch.dim_value = _SOME_BATCH
    shapes: Shapes = {}
    for each in (fixed, _folded(fixed)):  # what the second one joins with others has another name
        graph = onnx.shape_inference.infer_shapes(each).graph
        for value in (*graph.input, *graph.value_info, *graph.output):
            if value.type.tensor_type.HasField("shape"):
                sizes = [size.dim_value for size in value.type.tensor_type.shape.dim]
                shapes[value.name] = [size if size != _SOME_BATCH else 0 for size in sizes]
    return shapes


def _say_windows(graph: Any, node: Any, shapes: Shapes) -> None:
    """Say the padding of a convolution or pooling, and leave out of its kernel what meets padding
    alone.

    On a map of one pixel that is all of a depthwise kernel but its centre; OpenCV 4.11 reads beyond
    such maps.
    """
    from onnx import helper

    attributes = {item.name: helper.get_attribute_value(item) for item in node.attribute}
    sizes = shapes.get(node.input[0], [])[2:]
    counts_padding = bool(attributes.get("count_include_pad"))
    if len(sizes) != 2 or "kernel_shape" not in attributes or len(node.output) > 1:
        return
    windows = _windows(attributes)
    found = [
        window.said([size] if size else range(window.reach, window.reach + 2 * window.stride))
        for window, size in zip(windows, sizes)
    ]
    said = [window for window in found if window is not None]
    if len(said) < len(found) or (counts_padding and said != windows):
        return
    if all(sizes) and not counts_padding:
        said = _cropped(graph, node, said, sizes)
        if node.op_type == "AveragePool":
            said = _repeated(graph, node, said, sizes)
    for name in ("auto_pad", "ceil_mode", "pads", "kernel_shape"):
        _remove(node, name)
    pads = [window.begin for window in said] + [window.end for window in said]
    node.attribute.append(helper.make_attribute("kernel_shape", [w.kernel for w in said]))
    node.attribute.append(helper.make_attribute("pads", pads))
    one = Window(1, 1, 1, 0, 0, "NOTSET", False)
    if node.op_type in _POOLS and all(window._replace(dilation=1) == one for window in said):
        del node.attribute[:]
        node.op_type = "Identity"


def _windows(attributes: dict[str, Any]) -> list[Window]:
    """Those of a node along height and width."""
    ones, zeros = [1, 1], [0, 0, 0, 0]
    pads = attributes.get("pads", zeros)
    rule = attributes.get("auto_pad", b"NOTSET").decode()
    return [
        Window(kernel, stride, dilation, begin, end, rule, bool(attributes.get("ceil_mode")))
        for kernel, stride, dilation, begin, end in zip(
            attributes["kernel_shape"],
            attributes.get("strides", ones),
            attributes.get("dilations", ones),
            pads[:2],
            pads[2:],
        )
    ]


def _cropped(graph: Any, node: Any, windows: Any, sizes: Sequence[int]) -> list[Window]:
    """The windows without what meets padding alone; so is the node's kernel."""
    from onnx import numpy_helper

    taps = [window.taps(size) for window, size in zip(windows, sizes)]
    if all(stop - first == window.kernel for (first, stop), window in zip(taps, windows)):
        return windows
    if node.op_type == "Conv":
        kernel = next((each for each in graph.initializer if each.name == node.input[1]), None)
        if kernel is None:
            return windows
        (top, bottom), (left, right) = taps
        values = numpy_helper.to_array(kernel)[:, :, top:bottom, left:right]
        cropped = numpy_helper.from_array(values.copy(), f"{node.output[0]}.kernel")
        graph.initializer.append(cropped)
        node.input[1] = cropped.name
    return [
        # A window that stands at one place alone has no stride.
        window._replace(
            kernel=stop - first,
            stride=window.stride if window.places(size)[1] > 1 else 1,
            begin=window.begin - first * window.dilation,
            end=window.end - (window.kernel - stop) * window.dilation,
        )
        for window, size, (first, stop) in zip(windows, sizes, taps)
    ]


def _repeated(graph: Any, node: Any, windows: list[Window], sizes: Sequence[int]) -> list[Window]:
    """The windows of an average that leaves its padding out, with the map's last row or column
    repeated in the padding's place: the same average, which pnnx and onnx2torch know.

    So a 2x2 average of a map of odd size is said. Where padding is another, it stays.
    """
    import numpy as np
    from onnx import helper, numpy_helper

    padded = [window.begin + window.end > 0 for window in windows]
    if not all(
        window.ends_on_one(size) for window, size, pads in zip(windows, sizes, padded) if pads
    ):
        return windows
    for axis, (window, size, pads) in enumerate(zip(windows, sizes, padded), 2):
        if not pads:
            continue
        stem = f"{node.output[0]}.last{axis}"
        names = []
        for name, value in (("start", size - 1), ("stop", size), ("axis", axis)):
            names.append(f"{stem}.{name}")
            graph.initializer.append(numpy_helper.from_array(np.array([value]), names[-1]))
        whole, last, longer = node.input[0], stem, f"{stem}.repeated"
        place = list(graph.node).index(node)
        graph.node.insert(
            place, helper.make_node("Concat", [whole, *[last] * window.end], [longer], axis=axis)
        )
        graph.node.insert(place, helper.make_node("Slice", [whole, *names], [last]))
        node.input[0] = longer
    return [window._replace(end=0) if pads else window for window, pads in zip(windows, padded)]


def _say_shape(graph: Any, node: Any, shapes: Shapes) -> None:
    """Say the shape that keeps the batch and is known otherwise; to two sides it is a Flatten."""
    import numpy as np
    from onnx import helper, numpy_helper

    before, after = (shapes.get(name, []) for name in (node.input[0], node.output[0]))
    known = before and after and all(before[1:]) and all(after[1:])
    if not known or before[0] != after[0] or math.prod(before[1:]) != math.prod(after[1:]):
        return
    del node.attribute[:]
    if len(after) == 2:
        node.op_type = "Flatten"
        node.attribute.append(helper.make_attribute("axis", 1))
        del node.input[1:]
        return
    shape = numpy_helper.from_array(np.array([0, *after[1:]]), f"{node.output[0]}.shape")
    graph.initializer.append(shape)
    node.input[1] = shape.name


def _folded(model: Any) -> Any:
    """The model as ONNX Runtime simplifies it in operators of ONNX alone."""
    import onnx
    import onnxoptimizer
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    settings.log_severity_level = _ERRORS_ONLY
    with tempfile.TemporaryDirectory(prefix="onnx-") as scratch:
        settings.optimized_model_filepath = os.path.join(scratch, "folded.onnx")
        onnxruntime.InferenceSession(
            model.SerializeToString(), settings, providers=["CPUExecutionProvider"]
        )
        folded = onnx.load(settings.optimized_model_filepath)
    own = [opset for opset in folded.opset_import if opset.domain in _OWN_DOMAINS]
    del folded.opset_import[:]
    folded.opset_import.extend(own)
    return onnxoptimizer.optimize(folded, ["eliminate_deadend", "eliminate_unused_initializer"])


def _remove(node: Any, name: str) -> None:
    for place, attribute in enumerate(node.attribute):
        if attribute.name == name:
            del node.attribute[place]
            return
