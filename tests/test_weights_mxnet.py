"""The reader of MXNet's files: the format in all its versions, and files that are none."""

from __future__ import annotations

import random
import struct
import tarfile
import time
import tracemalloc

import numpy as np
import pytest
from mxnet_files import FIXTURES, V1, V2, V3, archive, params

from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.weights.mxnet_arrays import is_mxnet, load_mxnet

ARRAYS = {
    "conv.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2),
    "bn.gamma": np.array([0.5, -1.0], np.float16),
    "steps": np.array([7], np.int64),
}


@pytest.fixture
def read(tmp_path):
    def read(content, name="w.params"):
        (tmp_path / name).write_bytes(content)
        return load_mxnet(tmp_path / name)

    return read


def test_reads_what_mxnet_has_written():
    arrays = load_mxnet(FIXTURES / "arrays.params")
    assert list(arrays) == ["float32", "float64", "float16", "uint8", "int32", "int8", "int64"]
    for name, array in arrays.items():
        assert array.dtype == ("float32" if name.startswith("float") else name)
        np.testing.assert_array_equal(array, np.arange(6).reshape(2, 3))


@pytest.mark.parametrize("magic", [V3, V2, V1, 0])
def test_reads_every_version_alone_and_in_an_archive(read, magic):
    content = params(ARRAYS, magic)
    for arrays in (
        read(content),
        read(archive({"a/": b"", "a/n.json": b"{}", "a/n-0000.params": content}), "w.tar"),
    ):
        assert list(arrays) == list(ARRAYS)
        for name, array in ARRAYS.items():
            np.testing.assert_array_equal(arrays[name], array)
            arrays[name][...] = 0  # it may be written to


def patched(position, form, *values):
    content = bytearray(params(ARRAYS))
    struct.pack_into(f"<{form}", content, position, *values)
    return bytes(content)


@pytest.mark.parametrize(
    "content, reason",
    [
        (b"", "neither a list of MXNet arrays nor a tar archive"),
        (b"text", "neither a list of MXNet arrays nor a tar archive"),
        (patched(0, "Q", 0x113), "neither a list of MXNet arrays nor a tar archive"),
        (params(ARRAYS)[:-1], "it is cut: 5 bytes should follow, 4 do"),
        (params(ARRAYS)[:60], "it is cut"),
        (params(ARRAYS)[:24], "it is cut"),
        (patched(16, "Q", 2**63), "an array in it has the shape [0, 11, 0]"),
        (patched(16, "Q", 2), "has 2 arrays and"),
        (patched(28, "i", 1), "sparse"),
        (patched(32, "i", 0), "0 dimensions"),
        (patched(32, "i", -1), "-1 dimensions"),
        (patched(32, "i", 2**31 - 1), "2147483647 dimensions"),
        (patched(36, "q", 2**62), "it is cut: "),
        (patched(36, "qqqq", *[2**62] * 4), "it is cut: "),
        (patched(36, "q", -1), "has the shape [-1, "),
        (patched(36, "q", 0), "has the shape [0, "),
        (patched(76, "i", 99), "is of type 99"),
        (patched(24, "I", 2**32 - 1), "dimensions"),
        (params({"a\nb": ARRAYS["steps"]}), r"'a\nb' is not the name"),
        (params({"": ARRAYS["steps"]}), "'' is not the name"),
        (params({"a" * 2000: ARRAYS["steps"]}), "a name in it has 2000 bytes"),
        (
            params({"aa": ARRAYS["steps"], "ab": ARRAYS["steps"]})[:-1] + b"a",
            "two arrays called aa",
        ),
        (archive({}), "the archive holds 0 .params files, not one"),
        (archive({"readme": b"text"}), "the archive holds 0 .params files, not one"),
        (archive({"a.params": b"", "b.params": b""}), "the archive holds 2 .params files, not one"),
        (archive({"a.params": b"text" * 99}), "it starts with"),
        (archive({"a.params": params(ARRAYS)[:-9]}), "it is cut"),
        (archive({"a.params": params(ARRAYS)})[:640], "it is cut"),
        (archive({f"{number}": b"" for number in range(1100)}), "more than 1024 members"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(read, content, reason):
    with pytest.raises(OctConvError) as error:
        read(content, "w.tar")
    assert reason in str(error.value) and "w.tar is damaged" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, b"S"])
def test_a_member_that_is_no_plain_file_is_refused(read, kind):
    content = bytearray(archive({"a.params": params(ARRAYS)}))
    content[156:157] = kind
    content[148:156] = b" " * 8
    content[148:156] = b"%06o\0 " % sum(content[:512])
    with pytest.raises(OctConvError, match="damaged"):
        read(bytes(content))


def test_missing_files_and_folders_are_named(tmp_path):
    for path, reason in ((tmp_path / "none", "no such file"), (tmp_path, "is a folder")):
        with pytest.raises(OctConvError, match=reason):
            load_mxnet(path)


@pytest.mark.parametrize("packed", [False, True])
def test_any_damage_ends_in_one_line_or_in_arrays(read, packed):
    """Cut anywhere, and with random bytes changed: quickly, in no more memory than the file."""
    whole = params(ARRAYS)
    whole = archive({"a.params": whole}) if packed else whole
    dice = random.Random(0)
    damaged = [whole[:size] for size in range(0, len(whole), 7 if packed else 1)]
    for _ in range(300):
        content = bytearray(whole)
        for _ in range(dice.choice([1, 1, 4])):
            content[dice.randrange(min(len(content), 900))] = dice.choice([0, 1, 127, 128, 255])
        damaged.append(bytes(content))
    tracemalloc.start()
    started = time.process_time()
    refused = 0
    for content in damaged:
        try:
            read(content)
        except OctConvError as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused > 100
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()
    assert time.process_time() - started < 60


def test_what_is_as_large_as_may_be_is_read(read):
    ones = np.ones(1, np.float32)
    name, deep = "a" * 1024, np.ones([1] * 32, np.float32)
    assert list(read(params({name: ones, "deep": deep}))) == [name, "deep"]
    with pytest.raises(OctConvError, match="a name in it has 1025 bytes"):
        read(params({f"{name}a": ones}))
    members = {f"{number}": b"" for number in range(1023)}
    content = params({"w": ones})
    assert list(read(archive({**members, "w.params": content}), "w.tar")) == ["w"]
    with pytest.raises(OctConvError, match="more than 1024 members"):
        read(archive({**members, "w.params": content, "more": b""}), "w.tar")


@pytest.mark.parametrize(
    "name, content, is_theirs",
    [
        ("w.params", b"", True),
        ("w.tar", archive({"w.params": b""}), True),
        ("w.pth.tar", b"PK\x03\x04", False),
        ("w.pth.tar", b"\x80\x02", False),
        ("w.pdparams", b"", False),
    ],
)
def test_a_file_of_mxnet_is_known_by_its_name(tmp_path, name, content, is_theirs):
    (tmp_path / name).write_bytes(content)
    assert is_mxnet(tmp_path / name) == is_theirs
    assert not is_mxnet(tmp_path / "none.tar")
