"""Weights files are read without running anything of them."""

from __future__ import annotations

import builtins
import io
import os
import pickle
import pickletools
import re
import struct
import tarfile
from collections import OrderedDict

import numpy as np
import paddle
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.common.safe_pickle import _Unpickler
from paddleclas_octconv.common.say import escaped
from paddleclas_octconv.patches.paddle_load import guard_paddle_load
from paddleclas_octconv.weights import TRUST_VARIABLE
from paddleclas_octconv.weights.match import check_weights
from paddleclas_octconv.weights.safe_load import check_weights_file, load_weights, shown


class Calls:
    """Unpickles to the result of a call."""

    def __init__(self, function, *args, state=None):
        self.reduced = (function, args) if state is None else (function, args, state)

    def __reduce__(self):
        return self.reduced


@pytest.fixture
def saved(tmp_path):
    """A file that holds an object, by ``pickle``."""

    def save(content, protocol=4):
        path = tmp_path / "file.pdparams"
        path.write_bytes(content if isinstance(content, bytes) else pickle.dumps(content, protocol))
        return path

    return save


def refusal(path) -> str:
    """The one line that the file is refused with."""
    with pytest.raises(OctConvError) as error:
        check_weights_file(path)
    with pytest.raises(OctConvError) as again:
        load_weights(path)
    assert str(error.value) == str(again.value)
    assert escaped(path) in str(error.value)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_loads_what_paddle_saves(tmp_path, protocol):
    network = paddle.nn.Sequential(paddle.nn.Conv2D(3, 4, 3), paddle.nn.BatchNorm2D(4))
    path = str(tmp_path / "network.pdparams")
    paddle.save(network.state_dict(), path, protocol=protocol)
    check_weights_file(path)
    weights = load_weights(path)
    assert list(weights) == list(network.state_dict())
    for key, value in network.state_dict().items():
        assert weights[key].dtype == np.float32
        np.testing.assert_array_equal(weights[key], value.numpy())


def test_optimizer_and_training_state_pass(tmp_path):
    layer = paddle.nn.Linear(3, 4)
    rate = paddle.optimizer.lr.CosineAnnealingDecay(0.1, 10)
    optimizer = paddle.optimizer.Momentum(rate, parameters=layer.parameters())
    layer(paddle.ones([1, 3])).sum().backward()
    optimizer.step()
    paddle.save([optimizer.state_dict()], str(tmp_path / "latest.pdopt"))
    paddle.save({"epoch": 3, "metric": np.float32(0.5)}, str(tmp_path / "latest.pdstates"))
    check_weights_file(tmp_path / "latest.pdopt")
    check_weights_file(tmp_path / "latest.pdstates")


def test_bfloat16_comes_as_float32(tmp_path):
    values = paddle.to_tensor([1.5, -2.0, 3e38])
    path = str(tmp_path / "half.pdparams")
    paddle.save({"weight": values.astype("bfloat16")}, path)
    loaded = load_weights(path)["weight"]
    np.testing.assert_array_equal(loaded, values.astype("bfloat16").astype("float32").numpy())


@pytest.mark.parametrize(
    "array",
    [
        np.zeros([0, 3], np.float32),
        np.array(2.5),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(4, dtype=">i8"),
        np.array([True, False]),
        np.arange(3, dtype=np.float16),
    ],
    ids=["empty", "scalar", "fortran", "big endian", "bool", "float16"],
)
@pytest.mark.parametrize("protocol", range(2, 5))
def test_arrays_of_every_kind(saved, array, protocol):
    loaded = load_weights(saved(OrderedDict(a=array, b=("name", array)), protocol))
    for key in "ab":
        assert loaded[key].dtype == array.dtype
        np.testing.assert_array_equal(loaded[key], array)


def test_large_arrays_that_paddle_cut_are_joined(saved):
    slices = {"w@@.0": np.arange(4.0), "w@@.1": np.arange(4.0, 6.0)}
    info = {"w": {"OriginShape": (2, 3), "slices": list(slices)}}
    loaded = load_weights(saved({**slices, "UnpackBigParamInfor@@": info}))
    assert list(loaded) == ["w"]
    np.testing.assert_array_equal(loaded["w"], np.arange(6.0).reshape(2, 3))


@pytest.mark.parametrize("protocol", range(2, 5))
def test_planted_code_does_not_run(saved, tmp_path, protocol):
    marker = tmp_path / "ran"
    payload = Calls(os.system, f"touch {marker}")
    path = saved({"fc.weight": np.zeros(2, np.float32), "fc.bias": payload}, protocol)
    assert f"refers to {os.system.__module__}.system" in refusal(path)
    load = paddle.load
    try:
        guard_paddle_load()
        with pytest.raises(OctConvError, match="--trust-weights"):
            paddle.load(str(path))
    finally:
        paddle.load = load
    assert not marker.exists()


def test_a_user_can_trust(saved, tmp_path, monkeypatch):
    payload = Calls(os.system, f"touch {tmp_path / 'ran'}")
    path = saved({"fc.weight": np.zeros(2, np.float32), "fc.bias": payload})
    with pytest.raises(OctConvError, match="expected arrays of numbers, but 'fc.bias' is a int"):
        load_weights(path, trust=True)
    assert (tmp_path / "ran").exists()
    monkeypatch.setenv(TRUST_VARIABLE, "1")
    check_weights_file(path)
    path = saved({"fc.weight": Calls(np.ones, 3)})
    np.testing.assert_array_equal(load_weights(path)["fc.weight"], np.ones(3))


@pytest.mark.parametrize(
    "content",
    [
        Calls(builtins.compile, "1", "", "eval"),
        Calls(getattr, "x", "upper"),
        Calls(np.fromfile, "/etc/hostname"),
        np.array([1, "x"], object),
        np.zeros(2, [("a", "f4"), ("b", "O")]),
        np.zeros(2, "S3"),
        np.zeros(2, "M8[s]"),
        range(3),
        slice(3),
        bytearray(3),
        OctConvError,
        np.ndarray,
    ],
    ids=lambda content: type(content).__name__,
)
def test_whatever_is_no_number_is_refused(saved, content):
    refusal(saved({"weight": content}, 4))


RECONSTRUCT = np.zeros(0).__reduce__()[0]


def array_of(shape=(2,), content=bytes(8), **dtype):
    state = dict(names=None, fields=None, size=-1, flags=0)
    state.update(dtype)
    state = (3, "<", None, state["names"], state["fields"], state["size"], -1, state["flags"])
    dtype = Calls(np.dtype, "f4", False, True, state=state)
    return Calls(RECONSTRUCT, np.ndarray, (0,), b"b", state=(1, shape, dtype, False, content))


def test_arrays_are_built_from_their_parts(saved):
    loaded = load_weights(saved({"weight": array_of(content=np.array([1, 2], "<f4").tobytes())}))
    np.testing.assert_array_equal(loaded["weight"], [1, 2])


@pytest.mark.parametrize(
    "array",
    [
        array_of(shape=(3,)),
        array_of(shape=(2**40,)),
        array_of(shape=(-2,)),
        array_of(content=[1.0, 2.0]),
        array_of(size=8),
        array_of(names=("a",), fields={"a": ("O", 0)}),
        array_of(flags=63),
        Calls(RECONSTRUCT, np.ndarray, (2**40,), b"b"),
        Calls(RECONSTRUCT, np.ndarray, (0,), b"b"),
    ],
)
def test_arrays_that_lie_about_themselves_are_refused(saved, array):
    assert "damaged" in refusal(saved({"weight": array}))


def test_containers_take_no_attributes(saved):
    refusal(saved(Calls(OrderedDict, state={"items": 1, "pop": 2})))


def test_hostile_sizes_end_at_once(saved):
    laughs = []
    for _ in range(12):
        laughs = [laughs] * 12
    deep = []
    for _ in range(200):
        deep = [deep]
    cycle = {}
    cycle["weight"] = cycle
    for content in (laughs, deep, cycle):
        refusal(saved({"weight": content}))
    memo = b"\x80\x02}r" + struct.pack("<I", 2**31 - 1) + b"."  # asks for 32 GiB
    refusal(saved(memo))
    refusal(saved(b"\x80\x04\x8e" + struct.pack("<Q", 2**50) + b"."))


def pickled(*instructions) -> bytes:
    """A pickle of a dictionary's ``weight``, written in instructions."""
    return b"".join([pickle.PROTO, b"\x04", *instructions, pickle.STOP])


DEEP = pickle.EMPTY_TUPLE + pickle.TUPLE1 * 200_000
FEW, NAME = pickle.BININT1 + b"\x01", pickle.SHORT_BINUNICODE + b"\x01w"


@pytest.mark.parametrize(
    "content",
    [
        pickled(pickle.EMPTY_DICT, DEEP, FEW, pickle.SETITEM),
        pickled(pickle.EMPTY_DICT, pickle.MARK, DEEP, FEW, pickle.SETITEMS),
        pickled(pickle.MARK, DEEP, FEW, pickle.DICT),
        pickled(pickle.EMPTY_SET, pickle.MARK, DEEP, pickle.ADDITEMS),
        pickled(pickle.MARK, DEEP, pickle.FROZENSET),
        pickled(
            *(pickle.GLOBAL, b"collections\nOrderedDict\n", pickle.EMPTY_LIST, DEEP, FEW),
            *(pickle.TUPLE2, pickle.APPEND, pickle.TUPLE1, pickle.REDUCE),
        ),
        pickled(
            *(pickle.GLOBAL, b"builtins\nset\n", pickle.EMPTY_LIST, DEEP, pickle.APPEND),
            *(pickle.TUPLE1, pickle.REDUCE),
        ),
        pickled(pickle.EMPTY_DICT, NAME, DEEP, pickle.SETITEM),
        pickled(pickle.GLOBAL, b"numpy\ndtype\n", DEEP, pickle.REDUCE),
        pickled(
            *(pickle.GLOBAL, b"numpy.core.multiarray\n_reconstruct\n", DEEP, DEEP, FEW),
            *(pickle.TUPLE3, pickle.REDUCE),
        ),
    ],
    ids=["item", "items", "dict", "set", "frozenset", "ordered", "call", "value", "call of", "of"],
)
def test_deep_tuples_end_in_one_line(saved, content):
    """The hash of nested tuples is computed by recursion: Python's own unpickler crashes."""
    assert re.search("damaged|refers to builtins.set", refusal(saved(content)))


@pytest.mark.parametrize(
    "content",
    [
        pickled(pickle.GLOBAL, b"builtins\nset\n", pickle.EMPTY_TUPLE, pickle.NEWOBJ),
        pickled(
            *(pickle.GLOBAL, b"numpy.core.multiarray\n_reconstruct\n"),
            *(pickle.EMPTY_TUPLE, pickle.NEWOBJ),
        ),
        pickled(pickle.MARK, pickle.GLOBAL, b"builtins\ntuple\n", pickle.OBJ),
        pickled(pickle.INST, b"builtins\nset\n"),
        # A state for one of our own functions would change it for the whole process.
        pickled(
            *(pickle.GLOBAL, b"_codecs\nencode\n", pickle.EMPTY_DICT, NAME, FEW),
            *(pickle.SETITEM, pickle.BUILD),
        ),
        pickled(pickle.INT, b"9" * 10**6, b"\n"),
        pickled(pickle.LONG, b"9" * 10**6, b"L\n"),
        pickled(pickle.LONG4, struct.pack("<i", 10**6), b"\x7f" * 10**6),
        pickled(pickle.BINPERSID),
        pickled(pickle.EXT1, b"\x01"),
        pickled(pickle.BYTEARRAY8, struct.pack("<Q", 2**40)),
        pickled(pickle.EMPTY_DICT, NAME, NAME, pickle.SETITEM, pickle.FRAME, b"\xff" * 8),
        # A hundred times a million copies of what a text holds.
        pickled(
            *(pickle.BINUNICODE, struct.pack("<I", 10**6), b"w" * 10**6, pickle.MEMOIZE),
            *(pickle.GLOBAL, b"_codecs\nencode\n", pickle.MEMOIZE, pickle.EMPTY_LIST),
            *(pickle.BINGET + b"\x01" + pickle.BINGET + b"\x00" + pickle.SHORT_BINUNICODE,),
            *(b"\x06latin1" + pickle.TUPLE2 + pickle.REDUCE + pickle.APPEND,),
            *[
                pickle.BINGET
                + b"\x01"
                + pickle.BINGET
                + b"\x00"
                + pickle.SHORT_BINUNICODE
                + b"\x06latin1"
                + pickle.TUPLE2
                + pickle.REDUCE
                + pickle.APPEND
            ]
            * 100,
        ),
    ],
    ids=range(13),
)
def test_instructions_that_weights_need_not_are_refused(saved, content):
    refusal(saved(content))


@pytest.mark.parametrize(
    "information",
    [
        1,
        [],
        {"w": None},
        {"w": {}},
        {"w": {"slices": ["missing"], "OriginShape": (2,)}},
        {"w": {"slices": ["a", "a"], "OriginShape": (4,)}},
        {"w": {"slices": [["a"]], "OriginShape": (2,)}},
        {"w": {"slices": "a", "OriginShape": (2,)}},
        {"w": {"slices": [], "OriginShape": (0,)}},
        {"w": {"slices": ["a"], "OriginShape": (3,)}},
        {"w": {"slices": ["a"], "OriginShape": (-1,)}},
        {"w": {"slices": ["a"], "OriginShape": (2**70, 2)}},
        {"w": {"slices": ["a"], "OriginShape": 2}},
        {"w": {"slices": ["text"], "OriginShape": (2,)}},
    ],
    ids=str,
)
def test_slices_that_lie_about_themselves_are_refused(saved, information):
    content = {"a": np.arange(2.0), "text": "text", "UnpackBigParamInfor@@": information}
    assert "damaged" in refusal(saved(content))


@pytest.mark.parametrize("code", ["O", "V8", "(2,)f4", "f4,f4", "(" * 1000, "M8", "U1", 3, None])
def test_data_types_that_are_no_numbers_are_refused(saved, code):
    state = (3, "<", None, None, None, -1, -1, 0)
    dtype = Calls(np.dtype, "f4", False, True, state=state)
    dtype.reduced = (np.dtype, (code, False, True), state)
    array = Calls(RECONSTRUCT, np.ndarray, (0,), b"b", state=(1, (1,), dtype, False, bytes(4)))
    assert "damaged" in refusal(saved({"weight": array}))


def test_keys_are_shown_short_and_on_one_line(saved):
    network = paddle.nn.Linear(1, 1)
    keys = ["a\nb", "a" * 5000, "\x1b[31m", "\ud800"]
    weights = load_weights(saved({key: np.ones(1) for key in keys}))
    for key in keys:
        line = shown(key)
        assert line.isprintable() and len(line) < 200
    with pytest.raises(OctConvError) as error:
        check_weights(network, weights, "w.pdparams")
    assert str(error.value) == "w.pdparams: missing weight, bias"


def test_what_is_no_regular_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.pdparams")
    (tmp_path / "loop.pdparams").symlink_to("loop.pdparams")
    for path, reason in [
        (tmp_path / "pipe.pdparams", "is a pipe"),
        ("/dev/zero", "is a device"),
        (tmp_path, "is a folder"),
        (tmp_path / "loop.pdparams", "symbolic links"),
        (tmp_path / ("a" * 300), "File name too long"),
        ("/proc/self/environ", "damaged"),
        ("/proc/self/mem", "damaged"),
        ("nul\0", "cannot be read"),
    ]:
        assert reason in refusal(path)


def test_other_files_are_refused(saved, tmp_path):
    for content in (b"", b"garbage", b"\x80\x04.", b"PK\x03\x04" + bytes(50), bytes(1000)):
        assert "damaged" in refusal(saved(content))
    assert "no such file" in refusal(tmp_path / "missing.pdparams")
    for content, found in (
        ([1], "a list"),
        ({1: np.ones(1)}, "1 is"),
        ({"a": "b"}, "'a' is a str"),
    ):
        with pytest.raises(OctConvError, match=found):
            load_weights(saved(content))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_no_numbers_are_refused(saved, value):
    for dtype in (np.float32, np.float64, np.float16):
        path = saved({"a": np.ones(3, dtype), "b": np.array([1, value], dtype)})
        with pytest.raises(OctConvError, match="b holds NaN or infinity"):
            load_weights(path)
    check_weights_file(path)  # of an optimizer's state that is its own business


def test_cifar_of_a_config_runs_no_code(tmp_path, monkeypatch):
    from paddle.vision.datasets import Cifar10, cifar

    def archive(batch) -> str:
        with tarfile.open(tmp_path / "cifar.tar", "w") as file:
            content = pickle.dumps(batch, 2)
            info = tarfile.TarInfo("cifar-10-batches-py/data_batch_1")
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
        return str(tmp_path / "cifar.tar")

    monkeypatch.setattr(paddle, "load", paddle.load)
    monkeypatch.setattr(cifar, "pickle", pickle)
    guard_paddle_load()
    pixels = np.arange(3072, dtype=np.uint8).reshape(1, 3072)
    whole = {b"data": pixels, b"labels": [7]}
    for batch in (whole, {"data": pixels, "labels": [7]}):
        image, label = Cifar10(archive(batch), download=False, backend="cv2")[0]
        assert label == 7 and image.size == 3072
    path = archive({**whole, b"x": Calls(os.system, f"touch {tmp_path / 'ran'}")})
    with pytest.raises(OctConvError, match=r"data_file: .*system"):
        Cifar10(path, download=False)
    assert not (tmp_path / "ran").exists()


def test_truncated_files_are_refused(saved):
    whole = pickle.dumps({f"layer{i}.weight": np.zeros(5, np.float32) for i in range(9)}, 4)
    for length in np.linspace(0, len(whole) - 1, 60).astype(int):
        assert "damaged" in refusal(saved(whole[:length]))


def test_mutated_files_load_or_end_in_one_line(saved):
    random = np.random.default_rng(0)
    whole = pickle.dumps({f"layer{i}.weight": np.zeros(5, np.float32) for i in range(300)}, 2)
    starts = [position for _, _, position in pickletools.genops(whole)]
    refused = 0
    for _ in range(300):
        content = bytearray(whole)
        for start in random.choice(starts, 3):
            content[start + random.integers(3)] = random.integers(256)
        path = saved(bytes(content))
        try:
            load_weights(path)
        except OctConvError as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused > 100


# Values as Paddle saves them, and others; keys of every kind that can be hashed.
NUMBERS = st.sampled_from(["?", "i1", "u2", "<i4", ">i8", "f2", "f4", "<f8", "c8"]).flatmap(
    lambda dtype: st.builds(np.zeros, st.lists(st.integers(0, 3), max_size=3), st.just(dtype))
)
LEAVES = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    *(st.binary(max_size=5), NUMBERS, NUMBERS.map(lambda array: ("name", array))),
)
KEYS = st.recursive(
    st.one_of(st.none(), st.integers(), st.text(max_size=3), st.floats()),
    lambda keys: st.one_of(st.tuples(keys), st.frozensets(keys, max_size=2)),
)
TREES = st.recursive(
    LEAVES,
    lambda trees: st.one_of(
        st.lists(trees, max_size=3),
        st.tuples(trees, trees),
        st.dictionaries(st.one_of(st.text(max_size=5), KEYS), trees, max_size=3),
        st.sets(KEYS, max_size=2),
    ),
    max_leaves=10,
)
KNOWN = _Unpickler(io.BytesIO())._known
FUZZ = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def loads_or_is_refused(path) -> None:
    for read in (check_weights_file, load_weights):
        try:
            read(path)
        except OctConvError as error:
            assert str(error).startswith(str(path)) and str(error).isprintable()


@FUZZ
@given(
    tree=st.dictionaries(
        st.one_of(st.text(max_size=5), st.just("UnpackBigParamInfor@@")), TREES, max_size=4
    ),
    protocol=st.integers(0, 5),
)
def test_any_tree_loads_or_is_refused(saved, tree, protocol):
    loads_or_is_refused(saved(tree, protocol))


@FUZZ
@given(
    parts=st.lists(
        st.one_of(
            st.sampled_from([opcode.code.encode("latin1") for opcode in pickletools.opcodes]),
            st.sampled_from([f"{module}\n{name}\n".encode() for module, name in KNOWN]),
            st.sampled_from([b"\x00", b"\x01", b"\x02\x00\x00\x00", b"1\n", b"\x01w"]),
            st.binary(max_size=4),
        ),
        max_size=30,
    )
)
def test_any_instructions_load_or_are_refused(saved, parts):
    loads_or_is_refused(saved(pickled(*parts)))
