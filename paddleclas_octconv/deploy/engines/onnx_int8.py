"""What ONNX Runtime is slow at in INT8, as what it is fast at; every number stays.

It convolves in INT8 channels last, and has no kernels of its own for the pooling and upsampling of
such maps: they go pixel by pixel, which took half of a light octave network's time.
"""

from __future__ import annotations

from typing import Any, Dict, List

#: By the name of a feature map: its sizes, 0 where one is not known.
Shapes = Dict[str, List[int]]


def speed_up(model: Any) -> None:
    """Change a model that is to be quantised, in place.

    Args:
        model: an ``onnx.ModelProto`` in float32 that tells the shapes of its feature maps.
    """
    graph = model.graph
    shapes = {
        value.name: [size.dim_value for size in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.value_info)
    }
    _pool_by_convolution(graph, shapes)
    _upsample_by_gathering(graph, shapes)


def _pool_by_convolution(graph: Any, shapes: Shapes) -> None:
    """Turn 2x2 average pooling of even maps into depthwise convolution.

    It takes half of the time.
    """
    import numpy as np
    from onnx import helper, numpy_helper

    kernels = set()
    for node in graph.node:
        attributes = _attributes(node)
        shape = shapes.get(node.input[0], []) if node.op_type == "AveragePool" else []
        if (
            len(shape) != 4
            or not all(size and size % 2 == 0 for size in shape[2:])
            or [attributes.get(key) for key in ("kernel_shape", "strides")] != [[2, 2]] * 2
            or any(attributes.get("pads", ()))
        ):
            continue
        channels = shape[1]
        name = f"average_of_{channels}"
        if name not in kernels:
            kernels.add(name)
            weights = np.full((channels, 1, 2, 2), 0.25, np.float32)
            graph.initializer.append(numpy_helper.from_array(weights, name))
        convolution = helper.make_node(
            "Conv",
            [node.input[0], name],
            node.output,
            name=node.name,
            group=channels,
            kernel_shape=[2, 2],
            strides=[2, 2],
        )
        node.CopyFrom(convolution)


def _upsample_by_gathering(graph: Any, shapes: Shapes) -> None:
    """Turn nearest upsampling by 2 into gathering each column twice, then each row.

    With the channels last that copies all channels of a pixel at once, and takes an eighth of the
    time. The transpositions meet those of the convolutions around, and vanish.
    """
    import numpy as np
    from onnx import helper, numpy_helper

    scales = {tensor.name: numpy_helper.to_array(tensor).tolist() for tensor in graph.initializer}
    nodes: list[Any] = []
    known: set[int] = set()
    for node in graph.node:
        shape = shapes.get(node.input[0], []) if _is_nearest(node) else []
        by_two = len(node.input) == 3 and scales.get(node.input[2]) == [1, 1, 2, 2]
        if not by_two or len(shape) != 4 or not all(shape[2:]):
            nodes.append(node)
            continue
        for side in set(shape[2:]) - known:
            known.add(side)
            twice = np.arange(2 * side) // 2
            graph.initializer.append(numpy_helper.from_array(twice, f"twice_{side}"))
        height, width = (f"twice_{side}" for side in shape[2:])
        last, wide, tall = (f"{node.output[0]}.{step}" for step in ("last", "wide", "tall"))
        make = helper.make_node
        nodes += [
            make("Transpose", [node.input[0]], [last], f"{last}.of", perm=[0, 2, 3, 1]),
            make("Gather", [last, width], [wide], f"{wide}.of", axis=2),
            make("Gather", [wide, height], [tall], f"{tall}.of", axis=1),
            make("Transpose", [tall], node.output, f"{tall}.back", perm=[0, 3, 1, 2]),
        ]
    del graph.node[:]
    graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]  # not all scales
    del graph.initializer[:]
    graph.initializer.extend(kept)


def _is_nearest(node: Any) -> bool:
    """Whether a node repeats numbers, beginning with the first."""
    given = _attributes(node) if node.op_type == "Resize" else {}
    how = [given.get(key) for key in ("mode", "coordinate_transformation_mode", "nearest_mode")]
    return how == [b"nearest", b"asymmetric", b"floor"]


def _attributes(node: Any) -> dict[str, Any]:
    from onnx import helper

    return {item.name: helper.get_attribute_value(item) for item in node.attribute}
