"""Configs and images as people bring them: what PaddleClas honours works, the rest is one line."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from conftest import run_here
from PIL import Image

from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.config import Config, load_config
from paddleclas_octconv.config.check import check_sections
from paddleclas_octconv.config.data_sets import check_data_sets
from paddleclas_octconv.config.image_size import misfit
from paddleclas_octconv.data.list_files import read_label_map
from paddleclas_octconv.deploy.classify import Classifier
from paddleclas_octconv.deploy.images import pixels_of


def check(sections: dict) -> None:
    """Make the checks of a training on a config and its data sets."""
    config = Config(sections, Path("tiny.yaml"))
    check_sections(config, "train")
    check_data_sets(config, ("train",))


@pytest.fixture
def config(tiny_config) -> dict:
    return yaml.safe_load(tiny_config.read_text())


def test_the_number_of_classes_may_stand_in_global(config, tmp_path):
    classes = config["Arch"].pop("class_num")
    config["Global"]["class_num"] = classes
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(config))
    assert load_config(tmp_path / "c.yaml")["Arch"]["class_num"] == classes
    given = load_config(tmp_path / "c.yaml", ["Arch.class_num=7"])
    assert given["Arch"]["class_num"] == 7


@pytest.mark.parametrize(
    "spoil, told",
    [
        (
            lambda c: c["Global"].update(image_shape=[1, 32, 32]),
            r"Global.image_shape: \[1, 32, 32\] should be .*decodes grey images to three channels",
        ),
        (lambda c: c["Arch"].update(input_image_channel=1), "input_image_channel: 1 should be one"),
        (lambda c: c["Global"].update(use_dali=True), "Global.use_dali: True, but NVIDIA DALI"),
        (
            lambda c: c["Arch"].update(Head={"name": "FC", "class_num": 3}),
            r"train.txt:4: label 3 is outside class_num 3 \(0 to 2\)",
        ),
    ],
)
def test_what_cannot_be_trained_is_refused_before_the_start(config, spoil, told):
    check(config)
    spoil(config)
    with pytest.raises(OctConvError, match=told):
        check(config)


@pytest.mark.parametrize("section", ["ARCHITECTURE", "TRAIN", "LEARNING_RATE"])
def test_a_config_of_the_first_years_is_said_to_be_one(section):
    old = {"mode": "train", "classes_num": 4, section: {"name": "ResNet50_vd"}}
    with pytest.raises(OctConvError, match="this is a config of PaddleClas 1.x or 2.0"):
        check(old)


@pytest.mark.parametrize(
    "shape, size, told",
    [
        ([3, 32, 64], {"CropImage": {"size": [32, 64]}}, None),
        ([3, 32, 64], {"ResizeImage": {"size": [64, 32]}}, None),
        ([3, 32, 64], {"CropImage": {"size": [64, 32]}}, "make images of 64x32"),
        ([3, 32, 64], {"ResizeImage": {"size": [32, 64]}}, "ResizeImage.size is width, height"),
    ],
)
def test_height_and_width_are_told_apart(config, shape, size, told):
    config["Global"]["image_shape"] = shape
    config["Infer"]["transforms"].insert(1, size)
    if told is None:
        assert misfit(config) is None
    else:
        assert told in (misfit(config) or "")


def test_a_label_map_may_have_names_alone(tmp_path):
    (tmp_path / "names.txt").write_text("my cat\n\ndog\r\n小猫\n", encoding="utf-8-sig")
    assert read_label_map(tmp_path / "names.txt") == {0: "my cat", 1: "dog", 2: "小猫"}
    (tmp_path / "names.txt").write_text("0 cat\ndog\n")
    with pytest.raises(OctConvError, match="line 2: 'dog' should be '<class id> <name>'"):
        read_label_map(tmp_path / "names.txt")


@pytest.mark.parametrize(
    "text", ["dog 1\ncat 0\n", "1,dog\n0,cat\n", "0: cat\n1: dog\n", "b\t2\na\t0\nc\t1\n"]
)
def test_a_label_map_of_another_form_is_not_taken_for_names(tmp_path, text):
    (tmp_path / "names.txt").write_text(text)
    with pytest.raises(OctConvError, match="should be '<class id> <name>'"):
        read_label_map(tmp_path / "names.txt")


@pytest.mark.parametrize(
    "names", [["route 66", "catch 22"], ["level 0", "level 1"], ["24 hours", "7-up"], ["a", "b 0"]]
)
def test_names_with_numbers_are_names(tmp_path, names):
    (tmp_path / "names.txt").write_text("".join(f"the {name}\n" for name in names))
    read = read_label_map(tmp_path / "names.txt")
    assert list(read.values()) == [f"the {name}" for name in names]


def test_inference_takes_all_images_and_a_label_map_of_names(config, tmp_path, fetched_trainer):
    import paddle

    from paddleclas_octconv import registry

    (tmp_path / "names.txt").write_text("cat\nmy dog\nape\nbee\n")
    config["Infer"]["PostProcess"].update(class_id_map_file="names.txt", topk=4)
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(config))
    network = registry.build("OctMobileNetV1_x0_25", class_num=4)
    paddle.save(network.state_dict(), str(tmp_path / "w.pdparams"))
    picture = Image.open(config["Infer"]["infer_imgs"])
    (tmp_path / "images" / "deep").mkdir(parents=True)
    (tmp_path / "images" / "notes.txt").write_text("")
    kinds = {"a.webp": "WEBP", "b.PNG": "PNG", "deep/c.jfif": "JPEG", "d.gif": "GIF"}
    for name, kind in kinds.items():
        picture.save(tmp_path / "images" / name, kind)
    options = ("-c", "c.yaml", "--weights", "w.pdparams", "--images", "images", "--json")
    done = run_here("infer", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "warning: images/d.gif: left out: no image that OpenCV reads" in done.stderr
    predicted = json.loads(done.stdout)
    assert [each["image"] for each in predicted] == [
        "images/a.webp",
        "images/b.PNG",
        "images/deep/c.jfif",
    ]
    image = predicted[0]
    found = {each["class_id"]: each["class"] for each in image["classes"]}
    assert found == {0: "cat", 1: "my dog", 2: "ape", 3: "bee"}


# Images of many kinds


class Brightness:
    """Stands for a network: the brighter an image, the likelier is class 1."""

    model, engine = "model", "engine"

    def __call__(self, images: np.ndarray) -> np.ndarray:
        share = images.mean((1, 2, 3)) / 255
        return np.stack([1 - share, share], axis=1)


def test_images_may_be_files_arrays_bytes_or_of_pillow(tmp_path):
    steps = {"PreProcess": {"transform_ops": [{"ToCHWImage": None}]}}
    (tmp_path / "inference.yml").write_text(yaml.safe_dump(steps))
    pixels = np.random.default_rng(0).integers(0, 255, (6, 5, 3)).astype(np.uint8)
    file = tmp_path / "a.png"
    Image.fromarray(pixels).save(file)
    given = [file, str(file), file.read_bytes(), pixels, Image.fromarray(pixels)]
    classifier = Classifier(tmp_path, Brightness())
    found = list(classifier(given, batch_size=2))
    assert [each.file_name for each in found] == [str(file), str(file), "#2", "#3", "#4"]
    share = pixels.mean() / 255
    for each in found:
        scores = dict(zip(each.class_ids, each.scores))
        assert scores == pytest.approx({0: 1 - share, 1: share}, rel=1e-5)
    for one in (*given, io.BytesIO(file.read_bytes())):  # alone, without a list around it
        (alone,) = classifier(one)
        assert alone.scores == found[0].scores
    assert [each.scores for each in classifier(np.stack([pixels] * 2))] == [found[0].scores] * 2
    (none,) = classifier(None)
    assert "NoneType" in str(none.error)
    with pytest.raises(OctConvError, match="topk: 0 should be a whole number from 1"):
        list(classifier(file, topk=0))


def test_images_of_one_size_go_through_the_network_together(tmp_path):
    steps = {"PreProcess": {"transform_ops": [{"ToCHWImage": None}]}}
    (tmp_path / "inference.yml").write_text(yaml.safe_dump(steps))
    given = [
        np.full((size, 4, 3), number * 50, np.uint8) for number, size in enumerate([3, 3, 3, 4, 4])
    ]
    network, counts = Brightness(), []

    def noted(images: np.ndarray) -> np.ndarray:
        counts.append(len(images))
        return network(images)

    found = list(Classifier(tmp_path, noted)(given, batch_size=2))
    assert counts == [2, 1, 2]
    for number, each in enumerate(found):
        scores = dict(zip(each.class_ids, each.scores))
        assert scores[1] == pytest.approx(number * 50 / 255)


def test_grey_and_turned_images_are_as_files_of_them(tmp_path):
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    for one in (grey, grey[:, :, None]):
        assert (pixels_of(one) == pixels_of(Image.fromarray(grey))).all()
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    Image.fromarray(np.stack([grey * 20] * 3, axis=2)).save(buffer, "JPEG", exif=exif)
    assert pixels_of(Image.open(buffer)).shape == pixels_of(buffer.getvalue()).shape == (4, 3, 3)


@pytest.mark.parametrize(
    "given", [None, 3, np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8), b""]
)
def test_what_is_no_image_is_one_line(given):
    with pytest.raises(OctConvError, match="an image"):
        pixels_of(given)
