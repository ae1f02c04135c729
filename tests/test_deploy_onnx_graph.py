"""``deploy/engines/onnx_graph.py``: the graph is plain, and every number of it stays."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxoptimizer")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from paddleclas_octconv.deploy.engines import onnx_graph  # noqa: E402

CHANNELS = 4
SIZES = (1, 2, 3, 4, 5, 6, 7, 8)


def model_of(nodes, shape, rank=4, **tensors):
    """A network of one input "x" and one output "y", which has so many axes."""
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * rank)],
        [numpy_helper.from_array(value, name) for name, value in tensors.items()],
    )
    opsets = [helper.make_opsetid("", 13)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=7)


def window(kind, channels=CHANNELS, **attributes):
    """A network of one convolution of each channel alone, or one pooling, and a ReLU."""
    random = np.random.RandomState(0)
    tensors = {}
    if kind == "Conv":
        kernel = attributes["kernel_shape"]
        tensors["kernel"] = random.randn(channels, 1, *kernel).astype(np.float32)
        tensors["bias"] = random.randn(channels).astype(np.float32)
        attributes["group"] = channels
    nodes = [
        helper.make_node(kind, ["x", *tensors], ["window"], **attributes),
        helper.make_node("Relu", ["window"], ["y"]),
    ]
    return nodes, tensors


def run(model, images):
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"x": images})[0]


def images(height, width, batch=2, channels=CHANNELS):
    random = np.random.RandomState(1)
    return random.randn(batch, channels, height, width).astype(np.float32)


def ruled(model):
    """The nodes whose padding or size is left to a rule."""
    found = []
    for node in model.graph.node:
        given = {item.name: helper.get_attribute_value(item) for item in node.attribute}
        if given.get("auto_pad", b"NOTSET") != b"NOTSET" or given.get("ceil_mode"):
            found.append(node.op_type)
    return found


WINDOWS = [
    ("AveragePool", {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1}),
    ("AveragePool", {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1] * 4, "ceil_mode": 1}),
    ("AveragePool", {"kernel_shape": [2, 2], "strides": [2, 2], "auto_pad": "SAME_UPPER"}),
    ("AveragePool", {"kernel_shape": [2, 2], "auto_pad": "SAME_UPPER"}),
    ("AveragePool", {"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_LOWER"}),
    ("MaxPool", {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1] * 4, "ceil_mode": 1}),
    ("MaxPool", {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1}),
    ("Conv", {"kernel_shape": [3, 3], "auto_pad": "SAME_UPPER"}),
    ("Conv", {"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_UPPER"}),
    ("Conv", {"kernel_shape": [5, 3], "pads": [2, 1, 2, 1]}),
    ("Conv", {"kernel_shape": [5, 5], "strides": [2, 2], "pads": [2] * 4}),
    ("Conv", {"kernel_shape": [3, 3], "dilations": [2, 2], "pads": [2] * 4}),
    ("Conv", {"kernel_shape": [3, 3], "strides": [2, 2], "dilations": [3, 3], "pads": [3] * 4}),
]


@pytest.mark.parametrize("kind, attributes", WINDOWS)
def test_windows_of_known_size_have_their_padding_said(kind, attributes):
    nodes, tensors = window(kind, **attributes)
    for height, width in ((side, 8 - side + 1) for side in SIZES):
        x = images(height, width)
        model = model_of(nodes, ["N", *x.shape[1:]], **tensors)
        plain = onnx_graph.plain(model_of(nodes, ["N", *x.shape[1:]], **tensors))
        assert not ruled(plain)
        np.testing.assert_allclose(run(plain, x), run(model, x), atol=1e-5)


def test_an_average_of_an_odd_map_has_no_padding_and_is_the_same_to_the_bit():
    for attributes in (attributes for _, attributes in WINDOWS[:4] if "pads" not in attributes):
        nodes, _ = window("AveragePool", **attributes)
        for height, width in ((7, 7), (7, 8), (8, 7), (1, 5), (3, 1)):
            x = images(height, width)
            plain = onnx_graph.plain(model_of(nodes, ["N", *x.shape[1:]]))
            pads = [
                list(item.ints)
                for node in plain.graph.node
                for item in node.attribute
                if item.name == "pads"
            ]
            assert pads in ([], [[0, 0, 0, 0]])
            np.testing.assert_array_equal(
                run(plain, x), run(model_of(nodes, ["N", *x.shape[1:]]), x)
            )


@pytest.mark.parametrize("kind, attributes", WINDOWS)
def test_windows_of_any_size_stay_right(kind, attributes):
    nodes, tensors = window(kind, **attributes)
    model = model_of(nodes, ["N", CHANNELS, "H", "W"], **tensors)
    plain = onnx_graph.plain(model_of(nodes, ["N", CHANNELS, "H", "W"], **tensors))
    if attributes["kernel_shape"] == [2, 2]:
        assert not ruled(plain)  # one padding is right for all sizes
    for height, width in ((side, 9 - side + 1) for side in SIZES[1:]):
        x = images(height, width)
        np.testing.assert_allclose(run(plain, x), run(model, x), atol=1e-5)


@pytest.mark.parametrize("side", [1, 2, 5, 6])
@pytest.mark.parametrize("options", [{"ceil_mode": 1}, {"pads": [1] * 4}])
def test_an_average_that_counts_its_padding_is_left_alone(options, side):
    options = {"kernel_shape": [3, 3], "strides": [2, 2], "count_include_pad": 1, **options}
    if side < 3 and "pads" not in options:
        pytest.skip("the kernel is larger than the map")
    nodes, _ = window("AveragePool", **options)
    x = images(side, side, 1)
    plain = onnx_graph.plain(model_of(nodes, x.shape))
    np.testing.assert_allclose(run(plain, x), run(model_of(nodes, x.shape), x), atol=1e-6)


@pytest.mark.parametrize("sides", [(6,), (6, 5), (3, 4, 5)])
def test_a_convolution_that_leaves_its_kernels_shape_out_stays_right(sides):
    """It is that of the kernel, along as many sides as there are."""
    random = np.random.RandomState(0)
    kernel = random.randn(CHANNELS, CHANNELS, *[3] * len(sides)).astype(np.float32)
    options = {"auto_pad": "SAME_UPPER", "strides": [2] * len(sides)}
    nodes = [helper.make_node("Conv", ["x", "kernel"], ["y"], **options)]
    x = random.randn(2, CHANNELS, *sides).astype(np.float32)
    model, changed = (
        model_of(nodes, ["N", *x.shape[1:]], rank=x.ndim, kernel=kernel) for _ in range(2)
    )
    np.testing.assert_allclose(run(onnx_graph.plain(changed), x), run(model, x), atol=1e-5)


def test_what_meets_padding_alone_is_no_part_of_a_kernel():
    nodes, tensors = window("Conv", kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    plain = onnx_graph.plain(model_of(nodes, ["N", CHANNELS, 1, 2], **tensors))
    kernels = [list(tensor.dims) for tensor in plain.graph.initializer if len(tensor.dims) == 4]
    assert kernels == [[CHANNELS, 1, 1, 2]]


def test_biases_and_batch_norms_are_in_the_convolutions_and_the_batch_stays_any():
    random = np.random.RandomState(0)
    tensors = {
        "kernel": random.randn(6, CHANNELS, 3, 3).astype(np.float32),
        "bias": random.randn(6).astype(np.float32),
        "spread": np.array([1, 6, 1, 1]),
        **{name: random.rand(6).astype(np.float32) + 0.5 for name in ("s", "b", "m", "v")},
        "first": np.array([0]),
        "last": np.array([1]),
        "rest": np.array([-1]),
        "weight": random.randn(6, 5).astype(np.float32),
        "shift": random.randn(5).astype(np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["x", "kernel"], ["conv"], kernel_shape=[3, 3]),
        helper.make_node("Reshape", ["bias", "spread"], ["column"]),
        helper.make_node("Add", ["conv", "column"], ["biased"]),
        helper.make_node("BatchNormalization", ["biased", "s", "b", "m", "v"], ["normed"]),
        helper.make_node("GlobalAveragePool", ["normed"], ["pooled"]),
        helper.make_node("Shape", ["pooled"], ["shape"]),
        helper.make_node("Slice", ["shape", "first", "last"], ["batch"]),
        helper.make_node("Concat", ["batch", "rest"], ["sides"], axis=0),
        helper.make_node("Reshape", ["pooled", "sides"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weight"], ["product"]),
        helper.make_node("Add", ["product", "shift"], ["y"]),
    ]
    shape = ["N", CHANNELS, 5, 5]
    plain = onnx_graph.plain(model_of(nodes, shape, rank=2, **tensors))
    kinds = [node.op_type for node in plain.graph.node]
    assert kinds == ["Conv", "GlobalAveragePool", "Flatten", "Gemm"]
    assert [opset.domain for opset in plain.opset_import] == [""]
    for batch in (1, 3):
        x = images(5, 5, batch)
        wanted = run(model_of(nodes, shape, rank=2, **tensors), x)
        np.testing.assert_allclose(run(plain, x), wanted, rtol=1e-4, atol=1e-5)


def test_opencv_reads_no_further_than_maps_of_one_pixel():
    cv2 = pytest.importorskip("cv2")
    channels = 16
    nodes, tensors = window("Conv", channels, kernel_shape=[3, 3], pads=[1] * 4)
    x = images(1, 1, 3, channels)
    shape = ["N", *x.shape[1:]]
    plain = onnx_graph.plain(model_of(nodes, shape, **tensors))
    network = cv2.dnn.readNetFromONNX(np.frombuffer(plain.SerializeToString(), np.uint8))
    network.setInput(x)
    wanted = run(model_of(nodes, shape, **tensors), x)
    np.testing.assert_allclose(network.forward(), wanted, atol=1e-5)


def test_a_pool_of_one_pixel_is_none():
    nodes, _ = window("AveragePool", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)
    plain = onnx_graph.plain(model_of(nodes, ["N", CHANNELS, 1, 1]))
    assert [node.op_type for node in plain.graph.node] == ["Relu"]


def test_a_shape_keeps_the_batch_and_says_the_rest():
    """As of a shuffle of channels, whose shapes paddle2onnx computes from the batch."""
    sizes = {"first": [-1, 2, CHANNELS // 2, 6], "second": [-1, CHANNELS, 2, 3]}
    tensors = {name: np.array(each) for name, each in sizes.items()}
    nodes = [
        helper.make_node("Reshape", ["x", "first"], ["groups"]),
        helper.make_node("Transpose", ["groups"], ["turned"], perm=[0, 2, 1, 3]),
        helper.make_node("Reshape", ["turned", "second"], ["y"]),
    ]
    shape = ["N", CHANNELS, 2, 3]
    plain = onnx_graph.plain(model_of(nodes, shape, **tensors))
    said = {tuple(numpy_helper.to_array(each)) for each in plain.graph.initializer}
    assert said == {(0, *each[1:]) for each in sizes.values()}
    for batch in (1, 3):
        x = images(2, 3, batch)
        np.testing.assert_array_equal(run(plain, x), run(model_of(nodes, shape, **tensors), x))
