"""``deploy/engines/onnx_int8.py``: other operators, the same numbers."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from paddleclas_octconv.deploy.engines import onnx_int8  # noqa: E402


def network(scales=(1, 1, 2, 2), sizes=(6, 10), pool=None, **how):
    """A map without what is negative, pooled, upsampled, and added to itself."""
    pool = pool or {"kernel_shape": [2, 2], "strides": [2, 2]}
    how = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor", **how}
    nodes = [
        helper.make_node("Relu", ["x"], ["relu"]),
        helper.make_node("AveragePool", ["relu"], ["low"], **pool),
        helper.make_node("Resize", ["low", "", "scales"], ["up"], mode="nearest", **how),
        helper.make_node("Add", ["x", "up"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, *sizes])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 3, *sizes])],
        [numpy_helper.from_array(np.array(scales, np.float32), "scales")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    return onnx.shape_inference.infer_shapes(model)


def run(model, images):
    content = model.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": images})[0]


def changed(model):
    """The operators of a model that is prepared for INT8."""
    onnx_int8.speed_up(model)
    onnx.checker.check_model(model, full_check=True)
    used = {name for node in model.graph.node for name in node.input}
    assert {tensor.name for tensor in model.graph.initializer} <= used
    return {node.op_type for node in model.graph.node}


def test_pooling_and_upsampling_are_others_of_the_same_numbers():
    images = np.random.RandomState(0).randn(2, 3, 6, 10).astype(np.float32)
    wanted = run(network(), images)
    model = network()
    assert changed(model) == {"Relu", "Conv", "Transpose", "Gather", "Add"}
    np.testing.assert_allclose(run(model, images), wanted, atol=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        dict(sizes=("H", "W")),
        dict(coordinate_transformation_mode="half_pixel", nearest_mode="ceil"),
    ],
)
def test_what_is_not_known_or_something_else_stays(options):
    assert "Resize" in changed(network(**options))


@pytest.mark.parametrize(
    "pool, sizes, scales",
    [
        ({"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}, (6, 10), (2, 2)),
        ({"kernel_shape": [3, 3], "strides": [1, 1], "pads": [1, 1, 1, 1]}, (6, 10), (1, 1)),
        ({"kernel_shape": [2, 2], "strides": [2, 2], "pads": [0, 0, 1, 0]}, (7, 10), (1.75, 2)),
        ({"kernel_shape": [2, 2], "strides": [2, 2], "pads": [1, 1, 1, 1]}, (6, 10), (1.5, 5 / 3)),
        ({"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1}, (7, 10), (1.75, 2)),
        ({"kernel_shape": [2, 1], "strides": [2, 1]}, (6, 10), (2, 1)),
    ],
    ids=str,
)
def test_a_pool_or_a_scale_that_is_another_stays(pool, sizes, scales):
    images = np.random.RandomState(0).randn(2, 3, *sizes).astype(np.float32)
    options = {"pool": pool, "sizes": sizes, "scales": (1, 1, *scales)}
    model = network(**options)
    assert "AveragePool" in changed(model)
    np.testing.assert_allclose(run(model, images), run(network(**options), images), atol=1e-6)
