"""Reading a config: found by path or name, overridden as PaddleClas does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.config import find_config, load_config, shipped_configs

DIGITS = "Digits/OctMobileNetV1.yaml"


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "config.yaml"
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize("name", [DIGITS, DIGITS[: -len(".yaml")]])
def test_shipped_config_is_found_by_name(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_config(name) == shipped_configs()[DIGITS]


def test_path_goes_before_a_shipped_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own = tmp_path / DIGITS
    own.parent.mkdir()
    own.write_text("Arch: {}")
    assert find_config(DIGITS) == own.resolve()


@pytest.mark.parametrize(
    "name, message",
    [
        ("Digits/OctMobilNetV1", "did you mean Digits/OctMobileNetV1?"),
        ("digits/octmobilenetv1.yml", "did you mean Digits/OctMobileNetV1.yaml?"),
        ("quite/different", "'paddleclas configs' lists them"),
        (".", "is a folder"),
    ],
)
def test_unknown_config_is_told_with_near_names(name, message):
    with pytest.raises(OctConvError) as error:
        find_config(name)
    assert message in str(error.value)
    assert name in str(error.value)


@pytest.mark.parametrize(
    "overrides",
    [
        ["Global.epochs=3"],
        ["Arch.alpha=1/4"],
        ["Arch.name=ResNet50", "Arch.new=None", "New.deep.key=True"],
        ["Global.image_shape=[3, 64, 64]"],
        ["Global.output_dir=./some/where-else"],
        ["DataLoader.Train.dataset.transform_ops.1.ResizeImage.size=64"],
        ["Metric.Eval.0.TopkAcc.topk=[1]"],
        ["Optimizer.lr.learning_rate=1e-3"],
        ["Infer.infer_imgs="],
        ["Global.date=2024-01-02"],
    ],
)
def test_overrides_mean_what_they_mean_to_paddleclas(overrides):
    from paddleclas.ppcls.utils.config import get_config

    path = find_config(DIGITS)
    assert load_config(path, overrides) == get_config(str(path), overrides)


def test_strings_that_are_literals_are_read_as_paddleclas_does(write):
    from paddleclas.ppcls.utils.config import get_config

    path = write("A:\n  rate: 1e-3\n  name: '3'\n  text: 1e-x\n  list: ['4', 5]\n")
    assert (
        load_config(path)
        == get_config(str(path))
        == {"A": {"rate": 1e-3, "name": 3, "text": "1e-x", "list": ["4", 5]}}
    )


@pytest.mark.parametrize(
    "override, message",
    [
        ("Global.epochs", "should be KEY.KEY=VALUE"),
        ("=3", "should be KEY.KEY=VALUE"),
        ("A..b=c", "should be KEY.KEY=VALUE"),
        ("Metric.Eval.²=2", "an index from 0 to 0"),
        ("Metric.Eval.-1=2", "an index from 0 to 0"),
        ("Metric.Eval.1.x=2", "an index from 0 to 0"),
        ("Metric.Eval.first=2", "an index from 0 to 0"),
        ("Global.epochs.more=2", "not of a mapping"),
    ],
)
def test_malformed_override_is_named(override, message):
    with pytest.raises(OctConvError) as error:
        load_config(find_config(DIGITS), [override])
    assert f"-o {override}: " in str(error.value)
    assert message in str(error.value)


def test_overrides_run_no_code(write, tmp_path):
    target = tmp_path / "touched"
    value = f"__import__('pathlib').Path({str(target)!r}).touch()"
    assert load_config(write("A: 1"), [f"A={value}"])["A"] == value
    assert not target.exists()


@pytest.mark.parametrize(
    "text, message",
    [
        ("Global:\n  epochs: [1, 2\nArch: x\n", "line 3"),
        ("Global:\n\tepochs: 1\n", "line 2"),
        ("A: !!python/object/apply:os.getcwd []", "line 1"),
        ("- a\n- b\n", "is a mapping"),
        ("", "is a mapping"),
        ("just text", "is a mapping"),
    ],
)
def test_broken_yaml_is_told_with_its_line(write, text, message):
    path = write(text)
    with pytest.raises(OctConvError) as error:
        load_config(path)
    assert message in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_value_may_hold_an_equals_sign_and_brackets():
    path = find_config(DIGITS)
    config = load_config(path, ["Global.output_dir=runs/lr=0.1 [a](b)"])
    assert config["Global"]["output_dir"] == "runs/lr=0.1 [a](b)"


@pytest.mark.parametrize(
    "text, value",
    [
        ("2**10", 1024),
        ("-(1+2)*3/4", -2.25),
        ("7//2 + 7%4", 6),
        ("2**-1", 0.5),
        ("[1, (2, 3), {'a': 4}]", [1, (2, 3), {"a": 4}]),
        ("'a'*3", "'a'*3"),
        ("1/0", "1/0"),
        ("abs(-1)", "abs(-1)"),
        ("print", "print"),
        ("[x for x in (1, 2)]", "[x for x in (1, 2)]"),
        ("(-1)**0.5", "(-1)**0.5"),
        ("{**{}}", "{**{}}"),
        ("²", "²"),
        ("--1", 1),
        ("(" * 500, "(" * 500),
        ("-" * 9_000 + "1", "-" * 9_000 + "1"),
        ("[" * 20_000, "[" * 20_000),
    ],
)
def test_literals_and_arithmetic_are_evaluated_and_nothing_else(text, value):
    config = {}
    config = load_config(find_config(DIGITS), [f"Arch.x={text}"])
    assert config["Arch"]["x"] == value


@pytest.mark.parametrize(
    "text",
    [
        "9**9**9",
        "9**9**9**9",
        "10**18",
        "(10**9)*(10**9)",
        "10**17*10**17*10**17",
        "1" * 19,
        "-" + "9" * 5000,
        "[[7**64]]",
    ],
)
def test_a_number_beyond_all_bounds_is_refused_at_once(text):
    with pytest.raises(OctConvError, match=r"-o Global.epochs: .*too large a number"):
        load_config(find_config(DIGITS), [f"Global.epochs={text}"])


BOMB = "a: &a [1, 2, 3]\n" + "".join(
    f"{x}: &{x} [{', '.join(['*' + y] * 9)}]\n" for y, x in zip("abcdefgh", "bcdefghi")
)
MERGES = "a: &a {x: 1}\n" + "".join(
    f"{x}: &{x} {{<<: [{', '.join(['*' + y] * 9)}]}}\n" for y, x in zip("abcdefgh", "bcdefghi")
)


@pytest.mark.parametrize(
    "text, told",
    [
        (BOMB, "values, with its aliases written out"),
        (MERGES, "values, with its aliases written out"),
        ("a: &a\n  b: *a\n", "line 1, column 4: YAML syntax error: this part of the config holds"),
        ("- &a [*a]", "holds itself"),
        ("a: " + "[" * 100 + "]" * 100, "nested deeper than 64"),
        ("a: " + "[" * 5000, "nested"),
        ("a: " + "9" * 5000, "line 1, column 4: YAML syntax error: 9999"),
        ("a: '" + "9" * 5000 + "'", "a: 9999"),
        ("a: 2024-13-45", "2024-13-45 is not a date that exists"),
        ("a: 2024-02-30 10:00:00", "is not a date that exists"),
        ("a: {[1, 2]: 3}", "line 1"),
        ('a: !!int ""', "line 1, column 4: YAML syntax error: '' is not a number"),
        ("a: !!bool ja", "line 1, column 4: YAML syntax error: ja is not true or false"),
        ("a: !!timestamp abc", "line 1, column 4: YAML syntax error: abc is not a date"),
        ('a: "\\UFFFFFFFF"', "line 1, column"),
        ("a:\n  b: 1\n  c: 2\n  'b': 3", "line 4, column 3: YAML syntax error: the key b is given"),
        ("epochs: 1:30", "1:30 means 90 in YAML"),
        ("a: -1:30.5", "-1:30.5 means -90.5 in YAML"),
        ("a: 010", "010 means 8 in YAML"),
        ("a: [0_7]", "0_7 means 7 in YAML"),
    ],
)
def test_what_a_file_asks_for_is_bounded(write, text, told):
    with pytest.raises(OctConvError) as error:
        load_config(write(text))
    assert told in str(error.value)
    assert len(str(error.value)) < 400


def test_aliases_that_are_written_out_once_are_kept_apart(write):
    config = load_config(write("a: &a {b: 1}\nc: *a\n"), ["a.b=2"])
    assert config == {"a": {"b": 2}, "c": {"b": 1}}


@pytest.mark.parametrize("make", ["fifo", "folder", "large", "device"])
def test_a_path_that_is_no_config_is_told_and_not_waited_for(tmp_path, make):
    path = tmp_path / "config.yaml"
    if make == "fifo":
        os.mkfifo(path)
    elif make == "folder":
        path.mkdir()
    elif make == "large":
        path.write_bytes(b"a" * (2 << 20))
    else:
        path = Path("/dev/zero")
    with pytest.raises(OctConvError, match="-c .*(is a pipe|is a folder|more than|is a device)"):
        load_config(path)


def test_binary_file_is_no_config(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(OctConvError, match="UTF-8"):
        load_config(path)


def test_every_shipped_config_is_yaml():
    assert len(shipped_configs()) >= 5
    for path in shipped_configs().values():
        assert load_config(path) == load_config(path, [])
        assert yaml.safe_load(path.read_text())["Arch"]["name"]
