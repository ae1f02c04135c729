"""Checks before the trainer starts: each mistake is told by its key, its value, what is right."""

from __future__ import annotations

import copy
import datetime
import os
from pathlib import Path

import pytest
from conftest import CLASS_NUM
from PIL import Image

from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.config import Config, check, load_config
from paddleclas_octconv.config.data_sets import check_images
from paddleclas_octconv.config.dotted import get


@pytest.fixture
def config(tiny_config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return copy.deepcopy(load_config(tiny_config))


def checked(config, mode):
    """Make all checks of a mode that ask no trainer."""
    whole = Config(config, Path("tiny.yaml"))
    for row in check.CHECKS:
        if mode in row.modes and not row.needs_trainer:
            row.function(whole, check.Use((mode,)))


def messages(config, mode):
    with pytest.raises(OctConvError) as error:
        checked(config, mode)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("mode", ["train", "eval", "infer", "export"])
def test_good_config_passes(config, mode):
    checked(config, mode)


@pytest.mark.parametrize("mode", ["train", "eval", "infer", "export"])
def test_each_missing_key_is_named(config, mode):
    for key in check.REQUIRED[mode]:
        broken = copy.deepcopy(config)
        parent, _, last = key.rpartition(".")
        del (get(broken, parent) if parent else broken)[last]
        assert messages(broken, mode) == f"{key}: missing from the config"


@pytest.mark.parametrize(
    "key, value, told",
    [
        ("Global.device", "gpuu", "'gpuu' should be one of cpu, gpu"),
        ("Arch.name", 3, "3 should be the name of a network"),
        ("Arch.class_num", 0, "0 should be a whole number from 1 to 10,000,000"),
        ("Arch.class_num", 10**12, "should be a whole number from 1 to 10,000,000"),
        ("Arch.class_num", "ten", "'ten' should be a whole number from 1"),
        ("Arch.alpha", 1.5, "one per stage, got 1.5"),
        ("Arch.alpha", -0.1, "one per stage, got -0.1"),
        ("Arch.alpha", "half", "one per stage, got 'half'"),
        ("Arch.alpha", True, "one per stage, got True"),
        ("Arch.alpha", float("nan"), "nan should be a finite number"),
        ("Arch.pretrained", "no/such", "no such file: no/such.pdparams"),
        ("Global.pretrained_model", "no/such.pdparams", "no such file: no/such.pdparams"),
        ("Global.pretrained_model", 3, "3 should be the path of a .pdparams file"),
        ("Global.pretrained_model", True, "True should be the path of a .pdparams file"),
        ("Global.checkpoints", True, "True should be the path of a .pdparams file"),
        ("DataLoader.Train.dataset.transform_ops", [], "[] should be a list of one or more"),
        ("DataLoader.Eval.dataset.transform_ops", None, "None should be a list of"),
        ("Global.checkpoints", "no/such", "no such file: no/such.pdparams"),
        ("DataLoader.Train.dataset.image_root", "no/such", "no/such: no such folder"),
        ("DataLoader.Train.dataset.cls_label_path", "no/such.txt", "no/such.txt: no such file"),
        ("DataLoader.Eval.dataset.cls_label_path", "no/such.txt", "no/such.txt: no such file"),
    ],
)
def test_wrong_value_is_named_with_its_key(config, key, value, told):
    parent, _, last = key.rpartition(".")
    get(config, parent)[last] = value
    assert messages(config, "train").startswith(f"{key}: ")
    assert told in messages(config, "train")


OPS = "DataLoader.Train.dataset.transform_ops"


@pytest.mark.parametrize(
    "key, value, told",
    [
        ("Global", 5, "5 should be a section"),
        ("Global.epochs", 0, "0 should be a whole number from 1"),
        ("Global.epochs", -3, "-3 should be a whole number from 1"),
        ("Global.epochs", True, "True should be a whole number from 1"),
        ("Global.epochs", 2.5, "2.5 should be a whole number from 1"),
        ("Global.epochs", "²", "'²' should be a whole number from 1"),
        ("Global.epochs", 10**30, "more than 18 digits"),
        (f"{OPS}.0", {"Cutout": {"n_holes": 10**12}}, "n_holes: 1000000000000 should be"),
        (f"{OPS}.0", {"RandAugment": {"num_layers": 65000}}, "num_layers: 65000 should be a whole"),
        (f"{OPS}.0", {"TimmAutoAugment": {"config_str": "rand-n99999"}}, "its numbers below 1000"),
        (f"{OPS}.0", {"GridMask": {"d1": [1, {"x": -1e9}]}}, "d1.1.x: -1000000000.0 should be at"),
        ("Global.output_dir", 2024, "2024 should be a folder"),
        ("Global.output_dir", datetime.date(2024, 1, 2), "2024-01-02 is a date"),
        ("Global.output_dir", ["a", "b"], "['a', 'b'] should be a folder"),
        ("Global.output_dir", "", "'' should be a folder"),
        ("Global.output_dir", "a\0b", "should be a folder"),
        ("Global.save_inference_dir", 1.5, "1.5 should be a folder"),
        ("Global.save_interval", 0, "0 should be a whole number of epochs from 1, or -1"),
        ("Global.save_interval", -2, "-2 should be"),
        ("Global.eval_interval", 0, "0 should be a whole number from 1"),
        ("Global.print_batch_step", 0, "0 should be a whole number from 1"),
        ("Global.seed", -1, "-1 should be a whole number from 0"),
        ("Global.seed", 2**40, "should be a whole number from 0 to 4,294,967,295"),
        ("Global.image_shape", [3, 0, 32], "should be channels, height and width"),
        ("Global.image_shape", [3, 32], "should be channels, height and width"),
        ("Global.image_shape", 32, "should be channels, height and width"),
        ("Global.eval_during_train", "yes", "'yes' should be True or False"),
        ("Optimizer.lr.learning_rate", float("inf"), "inf should be a finite number"),
        ("Optimizer.lr.learning_rate", "fast", "'fast' should be a number of 0 or more"),
        ("Optimizer.lr.learning_rate", -0.1, "-0.1 should be a number of 0 or more"),
        ("DataLoader.Train.sampler.batch_size", 0, "0 should be a whole number from 1"),
        ("DataLoader.Train.sampler.batch_size", True, "True should be a whole number from 1"),
        ("DataLoader.Train.sampler.shuffle", 1, "1 should be True or False"),
        ("DataLoader.Train.loader.num_workers", -1, "-1 should be a whole number from 0"),
        ("DataLoader.Train.dataset.delimiter", 3, "3 should be text"),
        ("DataLoader.UnLabelTrain", 5, "5 should be a section"),
        ("DataLoader.Eval.Query", 5, "5 should be a section"),
        ("DataLoader.Eval.Gallery", True, "True should be a section"),
        (OPS, {"a": 1}, "should be a list"),
        (f"{OPS}.1", {"ResizeImage": {"size": 0}}, "0 should be a whole number from 1"),
        (f"{OPS}.1", {"ResizeImage": {"size": [32, -1]}}, "[32, -1] should be"),
        (f"{OPS}.1", {"ResizeImage": None}, "needs a size, or resize_short"),
        (f"{OPS}.1", {"ResizeImage": 32}, "32 should be options"),
        (f"{OPS}.1", {"A": None, "B": None}, "should be one 'Name: {options}'"),
        (f"{OPS}.1", {"NormalizeImage": {"scale": "abort()"}}, "'abort()' should be a number, or"),
        (f"{OPS}.1", {"NormalizeImage": {"std": [1, 0, 1]}}, "[1, 0, 1] should be a list"),
        (f"{OPS}.1", {"NormalizeImage": {"mean": ["a"]}}, "['a'] should be a list"),
        (f"{OPS}.1", {"RandomErasing": {"r1": "exit()"}}, "'exit()' should be a number, or"),
        ("Metric.Train.0.TopkAcc.topk", [0], "[0] should be a whole number from 1"),
        ("Loss.Train.0.CELoss.weight", "heavy", "'heavy' should be a number"),
        (
            "Loss.Train.0.CELoss.weight",
            [1, 2, 1, 1],
            "this loss; PaddleClas weighs no",
        ),
        ("Arch.class_num", {3}, "should be"),
        ("Optimizer", 3, "3 should be a section of keys and values, or a list"),
        ("Optimizer.lr", None, "None should be a section"),
        ("Optimizer.lr", 0.1, "0.1 should be a section"),
        ("Optimizer.beta1", 2, "2 should be a number from 0 to 1"),
        ("Loss.Train", [], "[] should be a list of one or more"),
        ("Loss.Train.0", {"CELoss": None}, "CELoss.weight: missing"),
        ("Metric", None, "None should be a section"),
        ("Metric.Eval", [], "[] should be a list of one or more"),
        ("Metric.Eval", None, "None should be a list of one or more"),
        (f"{OPS}.1", {"RandCropImage": {"size": 8, "interpolation": "nearst"}}, "one of nearest"),
        (f"{OPS}.0", {"DecodeImage": {"to_rgb": "maybe"}}, "'maybe' should be True or False"),
    ],
)
def test_value_beyond_type_or_range_is_named_with_its_key(config, key, value, told):
    node = config
    *parents, last = key.split(".")
    for name in parents:
        node = node[int(name) if name.isdecimal() else name]
    node[int(last) if last.isdecimal() else last] = value
    message = messages(config, "train")
    assert message.startswith(key) and told in message, message
    assert len(message) < 200


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_an_evaluation_needs_a_metric(config, mode):
    del config["Metric"]["Eval"]
    assert messages(config, mode) == "Metric.Eval: missing from the config"
    config["Global"]["eval_mode"] = "retrieval"
    checked(config, mode)


def test_a_top_k_of_more_than_all_classes_is_refused(config):
    config["Metric"]["Eval"] = [{"TopkAcc": {"topk": [5, 9]}}]
    told = "Metric.Eval.0.TopkAcc.topk: [5, 9] is more than Arch.class_num: 4"
    assert messages(config, "eval") == told
    config["Metric"]["Eval"] = [{"TopkAcc": {"topk": [4, 9]}}]
    checked(config, "eval")


def test_a_label_map_of_other_classes_is_refused_to_predict_with(config, tmp_path):
    key = "Infer.PostProcess.class_id_map_file"
    config["Infer"]["PostProcess"]["class_id_map_file"] = str(tmp_path / "map.txt")
    told = f"{key}: {tmp_path / 'map.txt'}: has no name of class 2; Arch.class_num is 4"
    for content in ("0 cat\n1 dog\n3 bird\n", "cat\ndog\n"):  # the trainer would end in a KeyError
        (tmp_path / "map.txt").write_text(content)
        assert messages(config, "infer") == told
    for content in ("0 cat\n1 dog\n2 fox\n3 bird\n4 cow\n\n", "cat\ndog\r\nfox\nbird\n"):
        (tmp_path / "map.txt").write_text(content)
        checked(config, "infer")


def test_alpha_of_other_networks_is_not_ours(config):
    config["Arch"].update(name="SomeNet", alpha=1.5)
    checked(config, "train")


def test_alpha_may_be_one_per_stage(config):
    config["Arch"]["alpha"] = [0.25, 0.5, 0.75, 0]
    checked(config, "train")
    config["Arch"]["alpha"] = [0.25, 2]
    assert "one per stage, got [0.25, 2]" in messages(config, "train")


def test_eval_data_is_not_asked_for_without_evaluation(config):
    config["Global"]["eval_during_train"] = False
    del config["DataLoader"]["Eval"]
    checked(config, "train")
    config["Global"]["eval_during_train"] = True
    assert messages(config, "train") == "DataLoader.Eval: missing from the config"


@pytest.mark.parametrize("section", ["Query", "Gallery"])
def test_retrieval_data_are_checked_as_well(config, section):
    good = config["DataLoader"]["Eval"]
    bad = copy.deepcopy(good)
    bad["dataset"]["image_root"] = "no/such"
    config["DataLoader"]["Eval"] = {"Query": good, "Gallery": good, section: bad}
    assert messages(config, "eval").startswith(f"DataLoader.Eval.{section}.dataset.image_root: ")


@pytest.mark.parametrize(
    "line, told",
    [
        (f"0.png {CLASS_NUM}", f"label {CLASS_NUM} is outside class_num {CLASS_NUM} (0 to 3)"),
        ("0.png -1", "label -1 is outside"),
        ("0.png", "'0.png' should be '<image> <label>'"),
        ("0.png cat", "'0.png cat' should be '<image> <label>'"),
        ("0.png\t1", "should be '<image> <label>'"),
        ("", "'' should be '<image> <label>'"),
        ("no.png 1", "no such image: "),
    ],
)
def test_wrong_line_of_a_list_file_is_named(config, line, told):
    Path("list.txt").write_text(f"0.png 0\n1.png 1\n{line}\n2.png 2\n")
    config["DataLoader"]["Train"]["dataset"]["cls_label_path"] = "list.txt"
    message = messages(config, "train")
    assert message.startswith("DataLoader.Train.dataset.cls_label_path: list.txt:3: ")
    assert told in message


def test_other_delimiters_and_labels_that_are_relabelled_pass(config):
    Path("list.txt").write_text("0.png\t100\n1.png\t7\n")
    dataset = config["DataLoader"]["Train"]["dataset"]
    dataset.update(cls_label_path="list.txt", delimiter="\t", relabel=True)
    checked(config, "train")


@pytest.mark.parametrize("content, told", [(b"", "is empty"), (b"\xff\xfe 1\n", "UTF-8")])
def test_list_file_without_lines_or_text_is_named(config, content, told):
    Path("list.txt").write_bytes(content)
    config["DataLoader"]["Train"]["dataset"]["cls_label_path"] = "list.txt"
    assert told in messages(config, "train")


def test_images_to_infer(config, tiny_data):
    def check_at(images):
        config["Infer"]["infer_imgs"] = str(images)
        check_images(Config(config, Path("tiny.yaml")))

    for images in (tiny_data / "images", tiny_data / "images" / "3.png", tiny_data):
        check_at(images)
    for images in ("no/such", tiny_data / "train.txt"):
        with pytest.raises(OctConvError, match="Infer.infer_imgs: "):
            check_at(images)


def test_images_of_several_sizes_need_a_transform_that_makes_them_equal(config, tiny_data):
    folder = Path("mixed")
    folder.mkdir()
    Image.new("RGB", (32, 32)).save(folder / "a.png")
    Image.new("RGB", (40, 32)).save(folder / "b.png")
    Path("list.txt").write_text("a.png 0\nb.png 1\n")
    dataset = config["DataLoader"]["Train"]["dataset"]
    dataset.update(image_root="mixed", cls_label_path="list.txt")
    told = messages(config, "train")
    assert told.startswith("DataLoader.Train.dataset.transform_ops: ")
    assert "mixed/a.png has 32x32 and mixed/b.png 32x40 pixels: add ResizeImage" in told
    ops = dataset["transform_ops"]
    ops.insert(1, {"ResizeImage": {"resize_short": 16}})
    assert "a.png has 16x16 and mixed/b.png 16x20 pixels" in messages(config, "train")
    for sized in ({"ResizeImage": {"size": 16}}, {"RandCropImage": {"size": 16}}):
        dataset["transform_ops"] = [ops[0], sized]
        checked(config, "train")
    dataset["transform_ops"] = ops[:1]
    config["DataLoader"]["Train"]["sampler"]["batch_size"] = 1
    checked(config, "train")


def test_images_turned_by_their_camera_have_the_size_that_opencv_sees(config):
    folder = Path("turned")
    folder.mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 32)).save(folder / "a.jpg", exif=exif)
    Image.new("RGB", (32, 40)).save(folder / "b.jpg")
    Path("list.txt").write_text("a.jpg 0\nb.jpg 1\n")
    dataset = config["DataLoader"]["Train"]["dataset"]
    dataset.update(image_root="turned", cls_label_path="list.txt")
    checked(config, "train")


def test_a_batch_that_drop_last_never_fills_is_told(config):
    config["DataLoader"]["Train"]["sampler"].update(batch_size=25, drop_last=True)
    told = messages(config, "train")
    assert told.startswith("DataLoader.Train.sampler.batch_size: 25 is more than the 24 images")


def test_transforms_and_image_shape_have_to_agree(config):
    checked(config, "export")  # no transform sets a size
    for key in ("DataLoader.Eval.dataset.transform_ops", "Infer.transforms"):
        ops = get(config, key)
        ops.append({"CropImage": {"size": 64}})
        told = f"Global.image_shape: [3, 32, 32], but {key} make images of 64x64"
        assert messages(config, "export").startswith(told)
        ops.pop()


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_told_and_not_waited_for(config, make, tiny_data):
    make("special")
    for key, mode in (
        ("DataLoader.Train.dataset.cls_label_path", "train"),
        ("Infer.PostProcess.class_id_map_file", "infer"),
    ):
        broken = copy.deepcopy(config)
        parent, _, last = key.rpartition(".")
        get(broken, parent)[last] = "special"
        assert messages(broken, mode).startswith(f"{key}: special: is a ")


@pytest.mark.parametrize(
    "optimizer, told",
    [
        ([], "Optimizer: [] should be a list of one or more"),
        ([1, 2], "Optimizer.0: 1 should be one 'Name: {options}'"),
        ([None], "Optimizer.0: None should be one"),
        ([{"Adam": 3}], "Optimizer.0.Adam: 3 should be options"),
        ([{"Adam": {"scope": "all", "lr": {}}}], "Optimizer.0.Adam.lr.learning_rate: missing"),
        ({"name": "Adam", "lr": {}}, "Optimizer.lr.learning_rate: missing from the config"),
    ],
)
def test_wrong_optimizer_is_named_with_its_key(config, optimizer, told):
    config["Optimizer"] = optimizer
    assert messages(config, "train").startswith(told)
