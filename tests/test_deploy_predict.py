"""What ``paddleclas export`` writes, read by Paddle Inference and by PaddleClas's predictor."""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import paddle
import paddleclas
import paddleclas.paddleclas as predictor_module
import pytest
import yaml
from conftest import error_line
from test_images import png

from paddleclas_octconv import cli
from paddleclas_octconv.common import machine
from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.deploy import inference_form, metadata
from paddleclas_octconv.deploy.predictor import create_predictor, model_files, run
from paddleclas_octconv.patches import paddleclas_predictor

NAMES = ["cat", "sea lion", "dog"]
SIZE = 32
FORMATS = [".json", ".pdmodel"] if machine.paddle_writes_pir() else [".pdmodel"]


def without_flags() -> dict:
    """The environment, in which no flag of Paddle is set."""
    return {name: value for name, value in os.environ.items() if "FLAGS" not in name}


@pytest.fixture(scope="module", params=["fetched_trainer", "checkout"])
def trainer(request):
    """The root of a trainer: its exporter writes the folder."""
    return str(request.getfixturevalue(request.param))


@pytest.fixture(scope="module")
def network():
    """An OctMobileNetV1 in evaluation mode, its batch norm statistics away from 0 and 1."""
    paddle.seed(1)
    network = paddleclas.OctMobileNetV1(class_num=len(NAMES))
    for name, statistic in network.named_buffers():
        spread = paddle.rand(statistic.shape)
        statistic.set_value(0.5 + spread if name.endswith("_variance") else spread - 0.5)
    network.eval()
    return network


@pytest.fixture(scope="module")
def exported(trainer, network, tmp_path_factory):
    """The folder that the command writes for the network's weights."""
    work = tmp_path_factory.mktemp("export")
    paddle.save(network.state_dict(), str(work / "weights.pdparams"))
    (work / "labels").write_text("".join(f"{i} {name}\n" for i, name in enumerate(NAMES)))
    config = yaml.safe_load(Path("ppcls_configs/Digits/OctMobileNetV1.yaml").read_text())
    config["Global"].update(
        pretrained_model=str(work / "weights"), save_inference_dir=str(work / "inference")
    )
    config["Arch"]["class_num"] = len(NAMES)
    config["Infer"]["PostProcess"].update(topk=2, class_id_map_file=str(work / "labels"))
    (work / "config.yaml").write_text(yaml.safe_dump(config))
    assert cli.main(["export", "-c", str(work / "config.yaml"), "--paddleclas", trainer]) == 0
    return work / "inference"


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """The path of an image that has to be resized."""
    path = tmp_path_factory.mktemp("image") / "image.png"
    cv2.imwrite(str(path), np.random.RandomState(0).randint(0, 256, (40, 50, 3), np.uint8))
    return str(path)


def batch(size):
    return np.random.RandomState(size).randn(size, 3, SIZE, SIZE).astype("float32")


def eager(network, images):
    with paddle.no_grad():
        return paddle.nn.functional.softmax(network(paddle.to_tensor(images))).numpy()


def expected(network, image):
    """The probabilities for an image file, by the preprocessing of the training config."""
    pixels = cv2.resize(cv2.imread(image)[:, :, ::-1], (SIZE, SIZE)).astype("float32")
    return eager(network, ((pixels / 255 - 0.5) / 0.5).transpose(2, 0, 1)[None])[0]


def test_folder_holds_every_format_over_one_parameter_file(exported):
    assert sorted(path.suffix for path in exported.glob("inference.*")) == sorted(
        [*FORMATS, ".pdiparams", ".info", ".yml"]
    )


@pytest.mark.parametrize("onednn", [True, False])
@pytest.mark.parametrize("suffix", FORMATS)
def test_paddle_inference_agrees_with_eager(exported, network, tmp_path, suffix, onednn):
    for name in ("inference" + suffix, "inference.pdiparams"):
        shutil.copy(exported / name, tmp_path)
    predictor = create_predictor(tmp_path, onednn=onednn)
    for size in (1, 3, 1):  # the batch is dynamic
        images = batch(size)
        np.testing.assert_allclose(run(predictor, images), eager(network, images), atol=1e-4)


KEPT = """
import sys, paddle
from paddleclas_octconv.deploy.predictor import create_predictor
create_predictor(sys.argv[1], keep_tensors=sys.argv[2] == "keep")
print(paddle.get_flags("FLAGS_eager_delete_tensor_gb")["FLAGS_eager_delete_tensor_gb"])
"""


@pytest.mark.parametrize(
    "argument, variable, kept", [("keep", None, -1.0), ("free", None, 0.0), ("keep", "1.5", 1.5)]
)
def test_intermediate_tensors_are_kept_unless_told_otherwise(exported, argument, variable, kept):
    environ = without_flags()
    if variable:
        environ["FLAGS_eager_delete_tensor_gb"] = variable
    command = [sys.executable, "-c", KEPT, str(exported), argument]
    said = subprocess.run(command, env=environ, text=True, stdout=subprocess.PIPE, check=True)
    assert float(said.stdout.split()[-1]) == kept


@pytest.mark.parametrize("size", [8, None])
def test_paddleclas_keeps_tensors_of_models_for_one_image_size(tmp_path, monkeypatch, size):
    inference_form.save(paddle.nn.Conv2D(3, 4, 1), tmp_path, [3, size, size])
    kept = []
    monkeypatch.setattr(paddleclas_predictor, "keep_intermediate_tensors", lambda: kept.append(1))
    folder = str(tmp_path)
    paddleclas_predictor._config_class(paddle.inference.Config, folder, pir=True, keeps=True)(
        folder
    )
    assert bool(kept) == (size is not None or not machine.paddle_writes_pir())


def test_the_faster_format_is_read(exported):
    assert model_files(exported)[0].suffix == FORMATS[0]


@pytest.mark.parametrize("onednn", ["True", "False"])
def test_paddleclas_command_predicts(exported, network, image, onednn):
    """No flag is set, and the label names and the preprocessing are those of the training."""
    command = [str(Path(sys.executable).with_name("paddleclas"))]
    options = [f"--inference_model_dir={exported}", f"--infer_imgs={image}"]
    environ = without_flags()
    output = subprocess.run(
        [*command, *options, f"--enable_mkldnn={onednn}"],
        env=environ,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ).stdout
    found = re.search(r"class_ids: (\[.*\]), scores: (\[.*\]), label_names: (\[.*\]), f", output)
    assert found and "ccache" not in output, output
    check(dict(zip(("class_ids", "scores", "label_names"), map(ast.literal_eval, found.groups()))),
          expected(network, image), topk=2)  # fmt: skip


def test_paddleclas_command_names_an_image_beyond_the_bound(exported, tmp_path):
    """By its header, before it takes gigabytes."""
    (tmp_path / "bomb.png").write_bytes(png(1 << 14, (1 << 13) + 1))
    environ = without_flags()
    environ.pop("OPENCV_IO_MAX_IMAGE_PIXELS", None)
    command = [str(Path(sys.executable).with_name("paddleclas"))]
    options = [f"--inference_model_dir={exported}", f"--infer_imgs={tmp_path / 'bomb.png'}"]
    result = subprocess.run([*command, *options], env=environ, text=True, capture_output=True)
    assert result.returncode == 2, result.stderr
    assert "bomb.png: cannot be read: error: OpenCV" in error_line(result.stderr)


def check(prediction, probabilities, topk):
    best = probabilities.argsort()[::-1][:topk]
    assert prediction["class_ids"] == best.tolist()
    assert prediction["label_names"] == [NAMES[i] for i in best]
    np.testing.assert_allclose(prediction["scores"], probabilities[best], atol=1e-4)


def predict(image, **options):
    engine = paddleclas.PaddleClas(use_gpu=False, **options)
    (((prediction,),)) = list(engine.predict(image))
    return prediction


def test_paddleclas_in_python_predicts(exported, network, image):
    prediction = predict(image, inference_model_dir=str(exported))
    check(prediction, expected(network, image), topk=2)


def test_options_of_the_user_win(exported, image, tmp_path):
    (tmp_path / "labels").write_text("0 a\n1 b\n2 c\n")
    prediction = predict(
        image,
        inference_model_dir=str(exported),
        topk=3,
        class_id_map_file=str(tmp_path / "labels"),
        resize_short=SIZE + 8,
        crop_size=SIZE,
    )
    assert sorted(prediction["label_names"]) == ["a", "b", "c"]
    config = predictor_module.init_config(
        "custom", None, str(exported), resize_short=40, crop_size=32, topk=1
    )
    assert config.PreProcess.transform_ops[:2] == [
        {"ResizeImage": {"resize_short": 40}},
        {"CropImage": {"size": 32}},
    ]
    assert config.PostProcess.Topk.topk == 1


def test_an_override_of_the_preprocessing_is_of_paddleclas_own(exported):
    config = predictor_module.init_config(
        "custom", None, str(exported), override=["PreProcess.transform_ops.1.CropImage.size=32"]
    )
    assert config.PreProcess.transform_ops[1] == {"CropImage": {"size": 32}}
    assert config.PreProcess.transform_ops[0] == {"ResizeImage": {"resize_short": 256}}
    assert config.PostProcess.Topk.label_list == NAMES


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_folder_from_elsewhere_is_read_with_paddleclas_own_settings(
    exported, image, tmp_path, suffix
):
    """Such as tools/export_model.py of a checkout writes: one format, and nothing about itself."""
    for name in ("inference" + suffix, "inference.pdiparams"):
        shutil.copy(exported / name, tmp_path)
    ours = predictor_module.init_config("custom", None, str(tmp_path))
    theirs = predictor_module.init_config.__wrapped__("custom", None, str(tmp_path))
    assert ours == theirs
    prediction = predict(
        image, inference_model_dir=str(tmp_path), resize_short=SIZE, crop_size=SIZE
    )
    assert len(prediction["class_ids"]) == len(NAMES)
    assert not set(prediction["label_names"]) & set(NAMES)


def test_without_label_names_none_are_made_up(exported, image, tmp_path):
    folder = shutil.copytree(exported, tmp_path / "inference")
    described = metadata.read(folder)
    del described["PostProcess"]
    metadata.write(folder, described)
    assert predict(image, inference_model_dir=str(folder))["label_names"] == []


def test_a_folder_without_a_model_is_one_clear_error(tmp_path):
    with pytest.raises(OctConvError, match="holds no exported model"):
        create_predictor(tmp_path)


def test_a_precision_that_a_cpu_has_not_is_one_clear_error(exported):
    with pytest.raises(OctConvError, match="'fp16' on a CPU"):
        create_predictor(exported, precision="fp16")
    with pytest.raises(OctConvError, match="precision 'int4' should be one of"):
        create_predictor(exported, precision="int4")
