"""One folder, three engines: exported, checked, quantised, opened and used for prediction."""

import csv
import json
import re
import shutil
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import PathFinder
from pathlib import Path

import numpy as np
import paddle
import pytest
import yaml
from conftest import error_line, export, run_python
from paddle import nn

from paddleclas_octconv import cli, registry
from paddleclas_octconv.common import machine
from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.config import check
from paddleclas_octconv.deploy import (
    agreement,
    classify,
    conversion,
    engines,
    images,
    inference_form,
    metadata,
)
from paddleclas_octconv.deploy.engines import CONVERTED, openvino_runtime, paddle_inference
from paddleclas_octconv.deploy.engines.base import image_input
from paddleclas_octconv.deploy.int8 import add
from paddleclas_octconv.deploy.predictor import create_predictor, outputs, run
from paddleclas_octconv.measure import program

IMAGES = np.random.RandomState(0).randn(3, 3, 32, 32).astype("float32")


@pytest.fixture(scope="module")
def folder(exported):
    """An export with everything in it."""
    return exported


@pytest.fixture()
def copy(folder, tmp_path):
    """A copy of it to damage."""
    return shutil.copytree(folder, tmp_path / "copy")


@pytest.mark.parametrize("engine", engines.ENGINES)
def test_every_engine_computes_the_same_in_float32(folder, engine):
    wanted = create_predictor(folder, engine="paddle")
    given = create_predictor(folder, engine=engine, precision="f32")
    assert (given.engine, given.precision) == (engine, "fp32")
    found = agreement.demand("x", wanted.outputs, given.outputs, [3, 32, 32])
    assert found.relative < 1e-5
    assert run(given, IMAGES).shape == (3, 4)
    assert len(outputs(given, IMAGES)) == 1


@pytest.mark.parametrize("threads, cut", [(1, [3, 3, 1]), (2, [3, 3, 1]), (4, [7])])
def test_a_batch_beyond_the_cache_runs_in_pieces_and_stays_in_order(
    folder, threads, cut, monkeypatch
):
    given = create_predictor(folder, engine="openvino", threads=threads)
    batch = np.random.RandomState(1).randn(7, 3, 32, 32).astype("float32") * np.arange(1, 8)[
        :, None, None, None
    ].astype("float32")
    wanted = [run(given, batch[place : place + 1])[0] for place in range(7)]
    np.testing.assert_allclose(run(given, batch), wanted, rtol=1e-5)

    largest = given._most[3, 32, 32]
    cache = machine.last_level_cache()
    if cache is None:
        pytest.skip("the system does not say how large the cache is")
    # So small a cache that three images a thread fit into it; four threads would have three pieces.
    monkeypatch.setattr(machine, "last_level_cache", lambda: cache * 3 // largest)
    given._most.clear()
    assert [len(piece) for piece in given._pieces(batch)] == cut
    np.testing.assert_allclose(run(given, batch), wanted, rtol=1e-5)
    # An image alone is computed by all threads, and a batch is whole where the cache is unknown.
    assert len(given._pieces(batch[:1])) == 1
    monkeypatch.setattr(machine, "last_level_cache", lambda: None)
    given._most.clear()
    assert len(given._pieces(batch)) == 1


@pytest.mark.parametrize("precision, size", [("fp32", 4), ("bf16", 2), ("int8", 1)])
@pytest.mark.parametrize(
    "images, short, threads, pieces",
    [
        (5, 0, 1, [5, 5, 5, 5]),
        (5, 1, 1, [4, 4, 4, 4, 4]),  # a byte is missing
        (5, 0, 4, [5, 5, 5, 5]),
        (5, 0, 5, [20]),  # one of five threads would be idle
        (1, 0, 1, [2] * 10),  # fewer at once would read the weights too often
        (30, 0, 1, [20]),
    ],
)
def test_what_a_thread_reads_and_writes_stays_in_the_cache(
    monkeypatch, precision, size, images, short, threads, pieces
):
    """Of the largest map that a convolution gives, here the first one's."""
    openvino = pytest.importorskip("openvino")
    from openvino import opset13 as ops

    image = ops.parameter([-1, 3, 32, 32], np.float32, name="image")
    x = image
    for channels, of in ((8, 3), (2, 8)):
        kernel = ops.constant(np.ones([channels, of, 1, 1], np.float32))
        x = ops.convolution(x, kernel, [1, 1], [0, 0], [0, 0], [1, 1])
    wider = ops.concat([x] * 9, 1)
    model = openvino.Model([ops.reduce_mean(wider, [2, 3])], [image])
    given = openvino_runtime.OpenVINOPredictor(
        openvino.Core(), model, Path("model.xml"), precision, threads
    )
    held = 2 * 8 * 32 * 32 * size  # what is read, what is written
    monkeypatch.setattr(machine, "last_level_cache", lambda: images * held * threads - short)
    batch = np.zeros([20, 3, 32, 32], np.float32)
    assert [len(piece) for piece in given._pieces(batch)] == pieces


@pytest.mark.parametrize("engine", engines.ENGINES)
def test_threads_that_share_a_predictor_get_their_own_answers(folder, engine):
    predictor = create_predictor(folder, engine=engine)
    batches = [np.random.RandomState(i).randn(2, 3, 32, 32).astype("float32") for i in range(4)]
    expected = [predictor(batch).copy() for batch in batches]

    def ask(number: int) -> bool:
        return all(
            np.allclose(predictor(batches[number]), expected[number], atol=1e-5) for _ in range(50)
        )

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(ask, range(4)))


FORK = """
import os, sys
import numpy as np
from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.deploy.predictor import create_predictor

predictor = create_predictor(sys.argv[1], engine=sys.argv[2], threads=2)
images = np.ones((1, 3, 32, 32), "float32")
predictor(images)
child = os.fork()
if not child:
    try:
        predictor(images)
    except OctConvError as error:
        os._exit(7 if "open one in each process" in str(error) else 1)
    os._exit(1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
predictor(images)
"""


@pytest.mark.skipif(sys.version_info < (3, 9), reason="os.waitstatus_to_exitcode")
@pytest.mark.parametrize("engine", engines.ENGINES)
def test_a_forked_process_is_told_to_open_its_own(folder, engine):
    """As the workers of a web server that loads the application first: else they would hang."""
    done = run_python("-c", FORK, folder, engine, timeout=120)
    assert done.returncode == 0, done.stderr


FIRST = """
import faulthandler, sys, threading
import numpy as np
from paddleclas_octconv.deploy.predictor import create_predictor

faulthandler.dump_traceback_later(60, exit=True)
images = np.ones((1, 3, 32, 32), "float32")
predictors = [create_predictor(sys.argv[1], engine="openvino") for _ in range(8)]
for predictor in predictors:
    predictor._queue(images.shape, streams=1)  # compiled: what is left of the first call is short
ready, found = [], []

def ask(predictor):
    ready.append(predictor)
    while len(ready) < len(predictors):
        pass
    found.append(predictor(images))

sys.setswitchinterval(1e-6)  # threads take turns at nearly every step
threads = [threading.Thread(target=ask, args=[each]) for each in predictors]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
wanted = create_predictor(sys.argv[1], engine="paddle")(images)
np.testing.assert_allclose(found, [wanted] * len(predictors), atol=1e-5)
"""


def test_predictors_may_be_called_first_at_the_same_moment(folder):
    """As those of a web server: in OpenVINO's Python package each would wait for another."""
    done = run_python("-c", FIRST, folder, timeout=120)
    assert done.returncode == 0, done.stderr


def test_a_folder_called_as_an_engine_is_none(tmp_path, monkeypatch):
    """An export has a folder openvino/, which Python takes for a package."""
    (tmp_path / "openvino").mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.setattr(sys, "meta_path", [PathFinder])
    monkeypatch.delitem(sys.modules, "openvino", raising=False)
    assert not engines.ENGINES["openvino"].is_installed()


@pytest.mark.parametrize(
    "section, said",
    [
        ({"PostProcess": {"Topk": {"topk": "5"}}}, "PostProcess.Topk.topk: '5' should be"),
        ({"PostProcess": {"Topk": {"label_list": "a.txt"}}}, "label_list should be a list"),
        ({"PostProcess": ["Topk"]}, "PostProcess: ['Topk'] should be a section"),
        ({"Global": {"decode_image": True}}, "Global.decode_image: True should be a section"),
    ],
)
def test_a_description_that_cannot_be_used_is_one_line(copy, section, said, tiny_data, capsys):
    file = copy / "inference.yml"
    described = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump({**described, **section}))
    assert cli.main(["predict", str(copy), str(tiny_data)]) == 2
    assert said in error_line(capsys.readouterr().err)


@pytest.mark.skipif(not machine.paddle_writes_pir(), reason="Paddle 2 writes pdmodel alone")
def test_a_folder_with_pdmodel_alone_is_counted_the_same(copy):
    both = program.load(copy)
    (copy / "inference.json").unlink()
    old = program.load(copy)
    assert (old.multiply_adds(), old.total_parameters) == (
        both.multiply_adds(),
        both.total_parameters,
    )


def test_bfloat16_is_not_taken_for_float32(folder):
    capabilities = (
        pytest.importorskip("openvino").Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    )
    if "BF16" not in capabilities:
        pytest.skip("this processor has no bfloat16")
    wanted = create_predictor(folder, engine="openvino")
    given = create_predictor(folder, engine="openvino", precision="bf16")
    found = agreement.difference(wanted.outputs, given.outputs, [("noise", IMAGES)])
    assert 1e-4 < found.relative < 0.1


@pytest.mark.parametrize("engine", CONVERTED)
def test_int8_is_int8_and_near(folder, engine):
    wanted = create_predictor(folder, engine=engine)
    given = create_predictor(folder, engine=engine, precision="int8")
    found = agreement.difference(wanted.outputs, given.outputs, [("noise", IMAGES)])
    assert found.cosine > 0.97
    assert found.relative > 1e-4


def test_int8_is_noted_with_its_top1(folder):
    described = yaml.safe_load((folder / "inference.yml").read_text())
    assert set(described["INT8"]) == set(CONVERTED)
    noted = described["INT8"]["openvino"]
    assert (noted["calibration_images"], noted["evaluation_images"]) == (8, 16)
    assert 0 <= noted["top1_int8"] <= 100
    assert noted["top1_fp32"] == described["INT8"]["onnxruntime"]["top1_fp32"]


def test_auto_takes_the_fastest_that_is_there_and_says_so(folder, copy, monkeypatch, capsys):
    assert create_predictor(folder).engine == "openvino"
    assert "paddleclas: engine: openvino, fp32, " in capsys.readouterr().err
    shutil.rmtree(copy / "openvino")
    assert create_predictor(copy).engine == "onnxruntime"
    (copy / "inference.onnx").unlink()
    assert create_predictor(copy).engine == "paddle"
    assert create_predictor(copy, precision="int8").engine == "onnxruntime"
    monkeypatch.setattr(engines.ENGINES["openvino"], "module", "no_such_module")
    assert create_predictor(folder).engine == "onnxruntime"
    for path in (*copy.glob("inference.json"), *copy.glob("inference.pdmodel")):
        path.unlink()
    shutil.copytree(folder / "openvino", copy / "openvino")
    with pytest.raises(OctConvError, match="openvino is not installed"):  # whose file is there
        create_predictor(copy)


def test_options_of_paddle_mean_paddle(folder):
    predictor = create_predictor(folder, memory_optim=False)
    assert predictor.engine == "paddle"
    assert predictor.get_input_names()  # the methods of Paddle Inference are there
    raw = predictor.raw
    np.testing.assert_array_equal(run(raw, IMAGES), run(predictor, IMAGES))


def test_images_of_many_shapes(tmp_path):
    openvino = pytest.importorskip("openvino")
    net = registry.build("OctMobileNetV1_x0_25", class_num=4)
    inference_form.re_parameterize(net)
    with paddle.pir_utils.DygraphOldIrGuard():
        inference_form.save(net, tmp_path, [3, None, None])
    (tmp_path / "openvino").mkdir()
    model = openvino.Core().read_model(str(tmp_path / "inference.pdmodel"))
    openvino.save_model(model, str(tmp_path / "openvino/model.xml"), compress_to_fp16=False)
    wanted = create_predictor(tmp_path, engine="paddle")
    given = create_predictor(tmp_path, engine="openvino")
    for height, width in ((32, 32), (33, 47), (64, 32), (40, 41), (55, 37), (37, 55), (33, 47)):
        image = np.random.RandomState(height).randn(1, 3, height, width).astype("float32")
        found = agreement.difference(wanted.outputs, given.outputs, [("noise", image)])
        assert found.relative < agreement.TOLERANCE
    # One for each of the first shapes, and one for all others.
    assert len(given._queues) == openvino_runtime._SHAPES + 1


def test_what_a_model_takes_is_one_batch_of_images():
    def taken(*shapes) -> list:
        return image_input(shapes, Path("model"))

    assert taken([-1, 3, 0, "width"]) == [None, 3, None, None]
    for others in ((), ([1, 3, 8],), ([1, 3, 8, 8], [1, 2])):
        with pytest.raises(OctConvError, match="model: its network takes something else than"):
            taken(*others)


WRONG_IMAGES = {
    "none": np.zeros((0, 3, 32, 32), "float32"),
    "one without its batch": np.zeros((3, 32, 32), "float32"),
    "no dimension": np.float32(1),
    "five dimensions": np.zeros((1, 1, 3, 32, 32), "float32"),
    "channels last": np.zeros((1, 32, 32, 3), "float32"),
    "one channel": np.zeros((1, 1, 32, 32), "float32"),
    "another size": np.zeros((1, 3, 40, 40), "float32"),
    "no pixels": np.zeros((1, 3, 0, 32), "float32"),
    "pixels": np.zeros((1, 3, 32, 32), "uint8"),
    "integers": np.zeros((1, 3, 32, 32), "int64"),
    "truths": np.zeros((1, 3, 32, 32), "bool"),
    "complex": np.zeros((1, 3, 32, 32), "complex64"),
    "objects": np.full((1, 3, 32, 32), None),
    "text": "images",
    "nothing": None,
    "a path": Path("image.png"),
    "rows of different lengths": [[1.0], [2.0, 3.0]],
    "NaN": np.full((1, 3, 32, 32), np.nan, "float32"),
    "infinite": np.full((1, 3, 32, 32), -np.inf, "float32"),
    "beyond float32": np.full((1, 3, 32, 32), 1e300),
}


@pytest.mark.parametrize("kind", WRONG_IMAGES)
def test_every_engine_refuses_images_in_the_same_words(folder, kind, predictors):
    said = set()
    for engine in engines.ENGINES:
        with pytest.raises(OctConvError) as error:
            predictors[engine](WRONG_IMAGES[kind])
        said.add(str(error.value))
        assert predictors[engine](IMAGES).shape == (3, 4)  # and goes on
    (line,) = said
    assert line.startswith("images: ") and "(N, 3, 32, 32)" in line and "\n" not in line


@pytest.mark.skipif(not machine.paddle_writes_pir(), reason="Paddle 2 writes pdmodel alone")
def test_both_formats_of_paddle_know_the_size_of_their_images(folder, copy):
    (copy / "inference.json").unlink()
    for opened in (folder, copy):
        assert create_predictor(opened, engine="paddle").image_shape == (3, 32, 32)


@pytest.mark.parametrize("engine", engines.ENGINES)
def test_every_engine_takes_any_floating_type_and_layout(predictors, engine):
    wanted = predictors[engine](IMAGES)
    turned = IMAGES.astype("float64").transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2)
    for given in (turned, IMAGES.tolist(), paddle.to_tensor(IMAGES)):
        np.testing.assert_array_equal(predictors[engine](given), wanted)


def probabilities(config, tmp, batch):
    """What the network that ``export`` has exported gives for a batch, in Paddle."""
    net = registry.build(**yaml.safe_load(config.read_text())["Arch"])
    net.set_state_dict(paddle.load(f"{tmp}/weights.pdparams"))
    net.eval()
    return paddle.nn.functional.softmax(net(paddle.to_tensor(batch))).numpy()


@pytest.mark.parametrize(
    "option, names",
    [
        (("--dynamic-size",), tuple(engines.ENGINES)),
        (("-o", "Global.image_shape=[3,-1,-1]", "--format", "pdmodel"), ("paddle",)),
    ],
    ids=["option", "key"],
)
def test_a_model_of_any_size_runs_in_every_engine(
    tiny_config, fetched_trainer, tmp_path, option, names
):
    for package in ("openvino", "onnxruntime", "paddle2onnx"):
        pytest.importorskip(package)
    options = [f"--{CONVERTED[name].option}" for name in names if name in CONVERTED]
    assert export(tiny_config, fetched_trainer, tmp_path, *option, *options) == 0
    batch = np.random.RandomState(0).randn(2, 3, 45, 38).astype("float32")
    wanted = probabilities(tiny_config, tmp_path, batch)
    for engine in names:
        predictor = create_predictor(tmp_path / "inference", engine=engine)
        np.testing.assert_allclose(predictor(batch), wanted, atol=1e-5)
        with pytest.raises(OctConvError, match=r"shape \(N, 3, H, W\)"):
            predictor(batch[:, :1])


def test_a_model_for_so_many_images_at_a_time_takes_any_number(
    tiny_config, fetched_trainer, tmp_path
):
    for package in ("openvino", "nncf", "onnxruntime", "paddle2onnx"):
        pytest.importorskip(package)
    options = [f"--{engine.option}" for engine in CONVERTED.values()]
    options += ["--int8", "--max-drop", "100", "--calibration-images", "8", "--batch-size", "3"]
    assert export(tiny_config, fetched_trainer, tmp_path, *options) == 0
    batch = np.random.RandomState(0).randn(7, 3, 32, 32).astype("float32")
    wanted = probabilities(tiny_config, tmp_path, batch)

    folder = tmp_path / "inference"
    shutil.copytree(folder, tmp_path / "old")
    (tmp_path / "old" / "inference.json").unlink()
    opened = [create_predictor(folder, engine=engine, threads=2) for engine in engines.ENGINES]
    opened.append(create_predictor(tmp_path / "old", engine="paddle"))
    for predictor in opened:
        assert predictor.batch_size == 3
        for count in (7, 1, 3, 2, 7):
            np.testing.assert_allclose(predictor(batch[:count]), wanted[:count], atol=1e-5)
    for engine in CONVERTED:
        predictor = create_predictor(folder, engine=engine, precision="int8")
        given = predictor(batch)
        assert predictor.batch_size == 3 and given.shape == wanted.shape
        np.testing.assert_allclose(predictor(batch[3:6]), given[3:6], atol=1e-6)


@pytest.fixture(scope="module")
def predictors(folder):
    """One of each engine."""
    return {engine: create_predictor(folder, engine=engine) for engine in engines.ENGINES}


def test_paddle_runs_in_one_thread_whoever_calls(folder, monkeypatch):
    """Its kernels are kept for each thread that calls: new ones would be slow."""
    seen = set()
    run = paddle_inference._run

    def noted(*arguments):
        seen.add(threading.get_ident())
        return run(*arguments)

    monkeypatch.setattr(paddle_inference, "_run", noted)
    predictor = create_predictor(folder, engine="paddle")
    for _ in range(3):
        caller = threading.Thread(target=predictor, args=[IMAGES])
        caller.start()
        caller.join()
    assert len(seen) == 1 and threading.get_ident() not in seen


def vanilla(folder, activation):
    """A folder with a network of convolutions and batch norms, in the older format."""
    convolutions = [nn.Conv2D(channels, 4, 3, bias_attr=False) for channels in (3, 4)]
    layers = [convolutions[0], nn.BatchNorm2D(4), activation, convolutions[1], nn.BatchNorm2D(4)]
    net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(64, 5))
    for layer in net.sublayers():
        if isinstance(layer, nn.BatchNorm2D):
            layer._mean.set_value(paddle.randn([4]))
            layer._variance.set_value(paddle.rand([4]) + 0.5)
    with paddle.pir_utils.DygraphOldIrGuard():
        inference_form.save(net, folder, [3, 8, 8])
    return folder


@pytest.fixture
def in_openvino(tmp_path):
    """OpenVINO, with a vanilla network converted in the folder."""
    pytest.importorskip("openvino")
    pytest.importorskip("nncf")
    paddle.seed(4)
    engine = CONVERTED["openvino"]
    conversion.add(engine, vanilla(tmp_path, nn.ReLU()), [3, 8, 8])
    return engine


def test_batch_norms_are_in_the_convolutions_before_they_are_quantised(tmp_path, in_openvino):
    import openvino

    in_openvino.quantize(tmp_path, iter(IMAGES[:, None, :, :8, :8]), len(IMAGES))
    for file in in_openvino.files.values():
        operations = openvino.Core().read_model(str(tmp_path / file)).get_ops()
        after = {
            user.get_node().get_type_name()
            for operation in operations
            if operation.get_type_name() == "Convolution"
            for user in operation.output(0).get_target_inputs()
        }
        assert after == {"Add"}  # of the bias, nothing is multiplied


def test_a_model_for_batches_of_one_size_is_calibrated_on_images_not_batches(tmp_path, in_openvino):
    import openvino

    core = openvino.Core()
    images = np.random.RandomState(0).randn(8, 3, 8, 8).astype("float32")
    images *= np.arange(1, 9).reshape(-1, 1, 1, 1)  # so that each has a range of its own
    ranges = []
    for size in (1, 4):
        if size > 1:
            model = core.read_model(str(tmp_path / in_openvino.files["fp32"]))
            model.reshape([size, 3, 8, 8])
            (tmp_path / "fixed/openvino").mkdir(parents=True)
            target = str(tmp_path / "fixed" / in_openvino.files["fp32"])
            openvino.save_model(model, target, compress_to_fp16=False)
        folder = tmp_path if size == 1 else tmp_path / "fixed"
        in_openvino.quantize(folder, iter(images.reshape(-1, size, 3, 8, 8)), 8 // size, "mean")
        operations = core.read_model(str(folder / in_openvino.files["int8"])).get_ops()
        ends = (op.input_values()[1:3] for op in operations if op.get_type_name() == "FakeQuantize")
        values = [end.get_node().get_data().ravel() for pair in ends for end in pair]
        ranges.append(sorted(float(value) for each in values for value in each))
    np.testing.assert_allclose(*ranges, rtol=1e-5)


def test_what_openvino_has_no_operator_for_is_one_clear_error(tmp_path):
    pytest.importorskip("openvino")
    with pytest.raises(OctConvError) as caught:
        conversion.add(CONVERTED["openvino"], vanilla(tmp_path, nn.PReLU(4)), [3, 8, 8])
    assert str(caught.value) == (
        "--openvino: inference.pdmodel cannot be converted: OpenVINO has no operator prelu of "
        "Paddle's; --onnx may have it"
    )


def test_a_model_that_is_a_little_wrong_is_refused(copy):
    conversion.check(CONVERTED["openvino"], copy, [3, 32, 32])
    weights = copy / "openvino" / "model.bin"
    values = np.fromfile(weights, np.float32, count=weights.stat().st_size // 4)
    values[2000:2400] *= 1.01
    values.tofile(weights)
    with pytest.raises(OctConvError, match="--openvino: openvino/model.xml differs"):
        conversion.check(CONVERTED["openvino"], copy, [3, 32, 32])


def test_a_float_model_that_is_wrong_as_others_open_it_is_refused(copy, monkeypatch):
    """As OpenVINO 2026.4 is in bfloat16 where ``_sum_pixels_flat`` is left out."""
    outputs = openvino_runtime.PlainPredictor._outputs

    def wrong_for_one(predictor, images):
        found = outputs(predictor, images)
        return [scores[:, ::-1] for scores in found] if len(images) == 1 else found

    monkeypatch.setattr(openvino_runtime.PlainPredictor, "_outputs", wrong_for_one)
    with pytest.raises(OctConvError, match="model.xml gives other classes in batches of 1 than"):
        conversion.check(CONVERTED["openvino"], copy, [3, 32, 32])


@pytest.mark.parametrize(
    "options, said",
    [
        (dict(engine="tensorrt"), "'tensorrt' should be one of auto, openvino"),
        (dict(engine="opnvino"), "did you mean openvino"),
        (dict(engine="onnxruntime", precision="bf16"), "'bf16': the engine onnxruntime has fp32"),
        (dict(precision="int4"), "'int4' should be one of"),
        (dict(engine="openvino", gpu=True), "the engine openvino has no option 'gpu'"),
        (dict(engine="paddle", precision="int8"), "holds no network trained with Slim.quant"),
        (dict(threads=0), "threads: 0 should be"),
        (dict(threads=True), "threads: True should be"),
        (dict(engine=None), "the engine None should be one of auto"),
        (dict(engine=["paddle"]), r"the engine \['paddle'\] should be one of auto"),
        (dict(precision=32), "precision 32 should be one of fp32"),
        (dict(precision={}), "precision {} should be one of fp32"),
        (dict(threads=2.0), "threads: 2.0 should be"),
        (dict(gpu="no"), "gpu: 'no' should be True or False"),
        (dict(engine="paddle", gpus=True), "the engine paddle has no option 'gpus'"),
    ],
)
def test_what_cannot_be_is_one_clear_error(folder, options, said):
    with pytest.raises(OctConvError, match=said):
        create_predictor(folder, **options)


@pytest.mark.parametrize("folder", [None, 5, b"inference", ["inference"]])
def test_what_is_no_path_is_no_folder(folder):
    with pytest.raises(OctConvError, match="folder: .* should be the path of a folder"):
        create_predictor(folder)


@pytest.mark.parametrize(
    "engine, precision, said",
    [
        ("openvino", "fp32", r"holds no openvino/model.xml \(paddleclas export --openvino\)"),
        ("openvino", "int8", r"holds no openvino/model-int8.xml .*--openvino --int8"),
        ("onnxruntime", "fp32", r"holds no inference.onnx \(paddleclas export --onnx\)"),
        ("auto", "int8", "holds no model for int8: openvino: .*; onnxruntime: .*; paddle: "),
    ],
)
def test_a_folder_without_an_engines_file(copy, engine, precision, said):
    shutil.rmtree(copy / "openvino")
    for path in copy.glob("*.onnx"):
        path.unlink()
    with pytest.raises(OctConvError, match=said):
        create_predictor(copy, engine=engine, precision=precision)


@pytest.mark.parametrize("engine", engines.ENGINES)
def test_an_engine_that_is_missing_names_its_extra(folder, engine, monkeypatch):
    monkeypatch.setattr(engines.ENGINES[engine], "module", "no_such_module")
    extra = engines.ENGINES[engine].extra
    with pytest.raises(OctConvError, match=rf"{engine} is not installed: .*octconv\[{extra}\]"):
        create_predictor(folder, engine=engine)


@pytest.mark.parametrize("name", ["openvino/model.xml", "inference.onnx"])
def test_a_damaged_file_is_one_clear_error(copy, name):
    (copy / name).write_bytes(b"no model")
    engine = "openvino" if "openvino" in name else "onnxruntime"
    with pytest.raises(OctConvError, match=f"{name}: .*(cannot read it|not an ONNX model)"):
        create_predictor(copy, engine=engine)


def capabilities_with_avx2() -> str:
    program = "import openvino; print(openvino.Core().get_property('CPU', sys.argv[1]))"
    name = "OPTIMIZATION_CAPABILITIES"
    return run_python("-c", f"import sys; {program}", name, OV_CPU_MAX_ISA="AVX2").stdout


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_a_precision_that_the_processor_lacks(folder, precision, tmp_path):
    program = (
        "import sys; from paddleclas_octconv import cli; "
        "sys.exit(cli.main(['predict', *sys.argv[1:]]))"
    )
    options = ["--engine", "openvino", "--precision", precision]
    image = tmp_path / "image.png"
    image.write_bytes(b"")
    done = run_python("-c", program, folder, image, *options, OV_CPU_MAX_ISA="AVX2")
    if precision.upper() in capabilities_with_avx2():
        pytest.skip(f"OpenVINO computes in {precision} here, whatever OV_CPU_MAX_ISA says")
    assert done.returncode == 2
    assert f"precision '{precision}': this processor has none" in error_line(done.stderr)


def test_bfloat16_in_paddle_without_avx512(folder, monkeypatch):
    monkeypatch.setattr(paddle.base.core, "supports_bfloat16", lambda: False)
    with pytest.raises(OctConvError, match="'bf16': this processor has none"):
        create_predictor(folder, engine="paddle", precision="bf16")
    assert paddle_inference.PaddleInference.name == "paddle"


# The command ``predict``


def test_predictions_are_those_of_the_trainer_to_the_bit(
    folder, tiny_config, fetched_trainer, tiny_data, tmp_path
):
    """The preprocessed image is the very one that the trainer evaluates on."""
    program = (
        "import sys, yaml, numpy as np\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "from ppcls.data.dataloader.imagenet_dataset import ImageNetDataset\n"
        "dataset = yaml.safe_load(open(sys.argv[2]))['DataLoader']['Eval']['dataset']\n"
        "dataset.pop('name')\n"
        "np.save(sys.argv[3], np.stack([image for image, _ in ImageNetDataset(**dataset)]))\n"
    )
    config = yaml.safe_load(tiny_config.read_text())
    resized = [{"ResizeImage": {"resize_short": 37}}, {"CropImage": {"size": 32}}]
    for steps in (
        config["DataLoader"]["Eval"]["dataset"]["transform_ops"],
        config["Infer"]["transforms"],
    ):
        steps[1:1] = resized
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    saved = tmp_path / "images.npy"
    done = run_python("-c", program, fetched_trainer, tmp_path / "config.yaml", saved)
    assert done.returncode == 0, done.stderr
    trained = np.load(saved)
    paths = [tiny_data / "images" / f"{number}.png" for number in range(24, 40)]
    preprocess = images.preprocess_of(config)
    np.testing.assert_array_equal(np.stack([preprocess.read(path) for path in paths]), trained)


def test_blue_green_red_stays_that(tiny_config, tiny_data):
    config = yaml.safe_load(tiny_config.read_text())
    path = tiny_data / "images" / "0.png"
    right = images.preprocess_of(config).read(path)
    config["Infer"]["transforms"][0]["DecodeImage"]["to_rgb"] = False
    assert metadata.describe(config)["Global"]["decode_image"] == {"to_rgb": False}
    np.testing.assert_array_equal(images.preprocess_of(config).read(path), right[::-1])


@pytest.mark.parametrize("engine", engines.ENGINES)
def test_a_classifier_gives_the_likeliest_classes(folder, tiny_data, engine):
    paths = [tiny_data / "images" / f"{number}.png" for number in range(24, 40)]
    predictor = create_predictor(folder, engine=engine)
    read = images.preprocess_of(yaml.safe_load((tiny_data / "tiny.yaml").read_text())).read
    wanted = predictor(np.stack([read(path) for path in paths]))
    sizes = []

    def noted(batch):
        sizes.append(len(batch))
        return predictor(batch)

    found = list(classify.Classifier(folder, noted)(paths, topk=4, batch_size=5))
    assert sizes == [5, 5, 5, 1]
    assert [prediction.file_name for prediction in found] == list(map(str, paths))
    for prediction, scores in zip(found, wanted):
        assert prediction.class_ids[0] == scores.argmax()
        assert prediction.label_names == [f"class{i}" for i in prediction.class_ids]
        np.testing.assert_allclose(prediction.scores, np.sort(scores)[::-1], rtol=1e-4)
        assert prediction.error is None


def test_predict_writes_json_and_csv_and_tells_of_the_unreadable(
    folder, tiny_data, tmp_path, capsys
):
    images = shutil.copytree(tiny_data / "images", tmp_path / "images")
    (images / "10.png").write_bytes(b"no image")
    options = ["--json", str(tmp_path / "p.json"), "--csv", str(tmp_path / "p.csv")]
    command = ["predict", str(folder), str(images), "--batch-size", "16", "--topk", "9"]
    assert cli.main([*command, *options, "--engine", "openvino"]) == 2
    said = capsys.readouterr().err
    assert "warning: " in said and "10.png: cannot be read as an image" in said
    assert "1 of 40 images could not be read" in error_line(said)
    rows = json.loads((tmp_path / "p.json").read_text())
    assert len(rows) == 40 and sum("error" in row for row in rows) == 1
    whole = [row for row in rows if "error" not in row]
    assert all(sorted(row["class_ids"]) == [0, 1, 2, 3] for row in whole)
    with open(tmp_path / "p.csv", newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 39 * 4 + 1
    first = next(line for line in lines if line["file_name"].endswith("/0.png"))
    assert first["rank"] == "1" and first["label_name"] == f"class{first['class_id']}"


def test_predict_prints_the_table_of_infer(folder, tiny_data, capsys):
    image = tiny_data / "images" / "0.png"
    assert cli.main(["predict", str(folder), str(image), "--precision", "int8"]) == 0
    printed = capsys.readouterr()
    rows = [row for row in printed.out.splitlines() if re.search(r"class\d \(\d\)", row)]
    assert len(rows) == 2  # the config's topk
    assert image.name in printed.out and "score" in printed.out
    assert "engine: openvino, int8" in printed.err


def test_images_are_found_by_what_they_are_called_in_any_case(tmp_path):
    names = ["a.png", "b.PNG", "c.Jpeg", "d.webp", "e.tif", "f/g.BMP"]
    for name in [*names, "h.txt", "png"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    found = [str(path.relative_to(tmp_path)) for path in classify.find_images(tmp_path)]
    assert found == sorted(names)


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["nowhere", "IMAGE"], "nowhere: no such folder"),
        (["FOLDER", "nowhere"], "nowhere: no such image or folder"),
        (["FOLDER", ""], "'' should be a path"),
        (["FOLDER", "FOLDER"], "holds no images"),
        (["FOLDER", "IMAGE", "--precision", "int3"], "precision 'int3' should be one of"),
        (["FOLDER", "IMAGE", "--json", "nowhere/p.json"], "its folder does not exist"),
        (
            ["FOLDER", "IMAGE", "--threads", "3000000000"],
            "should be a whole number from 1 to 1,024",
        ),
        (["FOLDER", "IMAGE", "--topk", "0"], "'0' should be a whole number from 1"),
        (["DATA", "IMAGE"], "inference.yml: no such file: it says how images are preprocessed"),
        (["FOLDER", "LIST"], "cannot be read as an image"),
    ],
)
def test_predict_answers_bad_input_in_one_line(folder, tiny_data, arguments, said, capsys):
    places = {
        "FOLDER": folder,
        "IMAGE": tiny_data / "images" / "0.png",
        "DATA": tiny_data,
        "LIST": tiny_data / "val.txt",
    }
    assert cli.main(["predict", *(str(places.get(word, word)) for word in arguments)]) == 2
    assert said in error_line(capsys.readouterr().err)


@pytest.mark.parametrize(
    "op, said",
    [
        ({"partial": {"func": 1}}, "'partial' should be one of ResizeImage"),
        ({"NormalizeImage": {"scale": "__import__('os').mkdir('x')"}}, "scale: .* be a number"),
        ({"ResizeImage": {}}, "ResizeImage: "),
        ({"CropImage": {"sise": 3}}, "CropImage: .*sise"),
        ("ToCHWImage", "should be one step"),
    ],
)
def test_a_hostile_description_runs_nothing(copy, op, said, tiny_data, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    described = yaml.safe_load((copy / "inference.yml").read_text())
    described["PreProcess"]["transform_ops"].insert(0, op)
    (copy / "inference.yml").write_text(yaml.safe_dump(described))
    with pytest.raises(OctConvError, match=said):
        classify.Classifier(copy, create_predictor(copy))
    assert not (tmp_path / "x").exists()


# INT8 at export


@pytest.fixture
def small_files():
    """No file takes more than a quarter of the parameters, as where a disk fills."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("engine", CONVERTED)
def test_what_finds_no_room_says_so(copy, tiny_config, small_files, engine):
    """Not what each library makes of it."""
    data = add.data_of(yaml.safe_load(tiny_config.read_text()), 4)
    with pytest.raises(OSError, match="File too large"):
        add.add(copy, [CONVERTED[engine]], data, lambda items, *_: items, 100)
    with pytest.raises(OSError, match="File too large"):
        conversion.add(CONVERTED[engine], copy, [3, 32, 32])


def test_an_export_that_finds_no_room_leaves_nothing(
    folder, tiny_config, fetched_trainer, tmp_path, small_files, capfd
):
    """Paddle cuts its parameters there, and says nothing."""
    (tmp_path / "weights.pdparams").symlink_to(folder.with_name("weights.pdparams"))
    with pytest.raises(SystemExit) as ended:
        export(tiny_config, fetched_trainer, tmp_path, "--format", "pir")
    assert ended.value.code == 2
    line = capfd.readouterr().err.strip().splitlines()[-1]
    assert "error: Global.save_inference_dir" in line and "cannot be written: File too" in line
    assert not (tmp_path / "inference").exists()


def test_a_loss_above_the_limit_is_refused(copy, tiny_config, monkeypatch):
    def ruin(self, folder, images, count, ranges):
        """Say it is quantised, and give what is likely for unlikely."""
        assert len(list(images)) == count == 5
        model = openvino.Core().read_model(str(folder / "openvino" / "model.xml"))
        scores = model.outputs[0].get_node().input_value(0)
        turned = openvino.opset13.subtract(np.float32(1), scores)
        turned = openvino.Model([turned], model.get_parameters())
        openvino.save_model(turned, str(folder / "openvino" / "model-int8.xml"))

    import openvino

    monkeypatch.setattr(openvino_runtime.OpenVINO, "quantize", ruin)
    config = yaml.safe_load(tiny_config.read_text())
    data = add.data_of(config, 5)
    float32 = create_predictor(copy, engine="openvino")
    classes = float32(np.stack([data.preprocess.read(path) for path in data.evaluation.paths]))
    # What the float network says is right, so that it loses nothing and the other must.
    data = data._replace(evaluation=data.evaluation._replace(labels=classes.argmax(1).tolist()))
    results, (error,) = add.add(copy, [CONVERTED["openvino"]], data, lambda items, *_: items, 2.5)
    assert not results
    assert re.search("falls from 100.00 % to .* more than --max-drop 2.5", str(error))
    assert not list(copy.glob("openvino/*int8*"))  # and the float model stays
    assert (create_predictor(copy, engine="openvino")(IMAGES) == float32(IMAGES)).all()
    (result,), refused = add.add(copy, [CONVERTED["openvino"]], data, lambda items, *_: items, 100)
    assert not refused and create_predictor(copy, engine="openvino", precision="int8")
    assert (result.top1_fp32, result.top1_int8, result.drop) == (100, 0, 100)


def test_int8_is_right_however_it_is_loaded_and_called(folder):
    """OpenVINO itself computes one image of a dynamic batch wrongly on feature maps of a pixel."""
    openvino = pytest.importorskip("openvino")
    core = openvino.Core()
    model = core.read_model(folder / "openvino" / "model-int8.xml")
    plain = core.compile_model(folder / "openvino" / "model-int8.xml", "CPU")
    for size in (1, 2, 3, 17, 1, 5, 7, 1):
        batch = np.random.RandomState(size).randn(size, 3, 32, 32).astype("float32")
        fixed = model.clone()
        fixed.reshape(list(batch.shape))
        wanted = agreement.logits(core.compile_model(fixed, "CPU")([batch])[0])
        found = agreement.logits(plain([batch])[0])
        assert np.abs(found - wanted).max() < 0.1 * np.abs(wanted).max()


@pytest.mark.parametrize(
    "size, mend", [(8, "_sum_pixels_flat"), (-1, "_sum_any_size_flat")], ids=["known", "any"]
)
def test_sums_of_maps_of_a_pixel_are_right_for_one_image_of_any_batch(size, mend):
    """OpenVINO itself gives many times what is right, where it adds them in the convolution."""
    openvino = pytest.importorskip("openvino")
    from openvino import opset13 as ops

    random = np.random.RandomState(0)

    def quantized(x, least, most, levels=256):
        ends = [np.asarray(least, np.float32), np.asarray(most, np.float32)]
        return ops.fake_quantize(x, *ends, *ends, levels)

    def convolution(x, channels, of):
        weight = (random.randn(channels, of, 1, 1) / np.sqrt(of)).astype("float32")
        most = np.abs(weight).max(axis=(1, 2, 3), keepdims=True)
        weight = quantized(ops.constant(weight), -most, most, 255)
        return ops.convolution(x, weight, [1, 1], [0, 0], [0, 0], [1, 1])

    image = ops.parameter([-1, 3, size, size], np.float32, name="image")
    pooled = ops.avg_pool(image, [8, 8], [0, 0], [0, 0], [8, 8], False)
    x = quantized(convolution(pooled, 32, 3), -1, 1)
    hidden = quantized(ops.relu(convolution(x, 52, 32)), 0, 2)
    x = quantized(ops.add(x, convolution(hidden, 32, 52)), -3, 3)
    x = ops.reshape(convolution(x, 32, 32), [0, -1], True)
    model = openvino.Model([x], [image])
    fixed = model.clone()
    fixed.reshape([1, 3, 8, 8])
    getattr(openvino_runtime, mend)(model)
    found, wanted = (
        openvino.Core().compile_model(each, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        for each in (model, fixed)
    )
    for _ in range(4):
        one = random.randn(1, 3, 8, 8).astype("float32")
        np.testing.assert_allclose(found([one])[0], wanted([one])[0], atol=0.1)


def test_int8_that_is_wrong_for_some_batches_is_refused(copy, tiny_config, monkeypatch):
    """As OpenVINO 2026.4 is for maps of one pixel where ``_leave_pixels`` is left out."""
    outputs = openvino_runtime.PlainPredictor._outputs

    def wrong_for_one(predictor, images):
        found = outputs(predictor, images)
        return [scores[:, ::-1] for scores in found] if len(images) == 1 else found

    monkeypatch.setattr(openvino_runtime.PlainPredictor, "_outputs", wrong_for_one)
    data = add.data_of(yaml.safe_load(tiny_config.read_text()), 5)
    results, (error,) = add.add(copy, [CONVERTED["openvino"]], data, lambda items, *_: items, 100)
    assert not results
    assert "--int8: openvino/model-int8.xml gives other classes in batches of 1" in str(error)


@pytest.mark.parametrize("better", ["mean", "all"])
def test_the_ranges_that_come_nearest_to_float_are_kept(copy, tiny_config, monkeypatch, better):
    import openvino

    def pretend(self, folder, images, count, ranges):
        """A float model as the better one, and one that gives the same for all as the other."""
        assert len(list(images)) == count
        model = openvino.Core().read_model(str(folder / "openvino" / "model.xml"))
        if ranges != better:
            scores = model.outputs[0].get_node().input_value(0)
            none = openvino.opset13.multiply(scores, np.float32(0))
            model = openvino.Model([none], model.get_parameters())
        openvino.save_model(
            model, str(folder / "openvino" / "model-int8.xml"), compress_to_fp16=False
        )

    monkeypatch.setattr(openvino_runtime.OpenVINO, "quantize", pretend)
    data = add.data_of(yaml.safe_load(tiny_config.read_text()), 5)
    add.add(copy, [CONVERTED["openvino"]], data, lambda items, *_: items, 100)
    wanted, given = (
        create_predictor(copy, engine="openvino", precision=precision)(IMAGES)
        for precision in ("fp32", "int8")
    )
    np.testing.assert_allclose(given, wanted, rtol=1e-5)


def test_images_are_taken_from_all_classes_of_a_list_that_takes_turns():
    paths = [f"{index}.jpg" for index in range(1000)]
    listed = images.Listed(paths, [index % 10 for index in range(1000)])
    for count in (20, 50, 100):
        assert len(set(listed.spread(count).labels)) > 7
    assert listed.spread(50) == listed.spread(50)
    assert listed.spread(1000) is listed


@pytest.mark.parametrize("count, there", [(23, 23), (24, 24), (25, 24)])
def test_fewer_images_to_calibrate_on_than_asked_for_are_told(tiny_config, count, there, capsys):
    data = add.data_of(yaml.safe_load(tiny_config.read_text()), count)
    assert len(data.training.paths) == there
    said = "--int8: the config trains on 24 images alone"
    assert (said in capsys.readouterr().err) == (there < count)


@pytest.mark.parametrize(
    "options, values, said",
    [
        (["--int8"], {}, "--int8 should go with --openvino or --onnx"),
        (
            ["--openvino", "--int8"],
            {"DataLoader.Train.dataset.cls_label_path": "nowhere.txt"},
            "nowhere.txt",
        ),
        (["--openvino", "--format", "pir"], {}, "--openvino with --format pir"),
        (["--openvino", "--int8", "--max-drop", "-1"], {}, "'-1' should be a number from 0"),
        (["--openvino", "--int8", "--max-drop", "nan"], {}, "'nan' should be a number from 0"),
        (["--openvino", "--int8", "--calibration-images", "0"], {}, "'0' should be a whole number"),
    ],
)
def test_export_answers_bad_input_in_one_line(
    tiny_config, fetched_trainer, tmp_path, options, values, said, capsys
):
    assert export(tiny_config, fetched_trainer, tmp_path, *options, **values) == 2
    assert said in error_line(capsys.readouterr().err)
    assert not (tmp_path / "inference").exists()


@pytest.mark.parametrize(
    "options, package, said",
    [
        (["--openvino"], "openvino", r"--openvino needs openvino: .*octconv\[openvino\]"),
        (["--openvino", "--int8"], "nncf", r"--int8 needs nncf: .*octconv\[int8\]"),
    ],
)
def test_export_without_an_engine_names_the_extra(
    tiny_config, tmp_path, options, package, said, monkeypatch, capsys
):
    monkeypatch.setitem(sys.modules, package, None)
    assert cli.main(["export", "-c", str(tiny_config), *options]) == 2
    assert re.search(said, error_line(capsys.readouterr().err))


def test_what_paddleslim_has_quantised_is_not_converted(
    tiny_config, fetched_trainer, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(check, "check_slim", lambda section: None)  # PaddleSlim may be missing
    config = tmp_path / "slim.yaml"
    section = {"Slim": {"quant": {"name": "pact"}}}
    config.write_text(yaml.safe_dump({**yaml.safe_load(tiny_config.read_text()), **section}))
    assert export(config, fetched_trainer, tmp_path, "--openvino") == 2
    said = error_line(capsys.readouterr().err)
    assert "--openvino: this config trains for INT8 by PaddleSlim" in said
