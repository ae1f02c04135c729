"""What ``paddleclas check-data`` finds in the lists of a config."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from conftest import CLASS_NUM, with_several_labels

from paddleclas_octconv.cli import main


@pytest.fixture
def images(tiny_data, tiny_config, tmp_path, monkeypatch):
    """(the folder of a copy of the tiny data set, a config that reads it)."""
    folder = tmp_path / "data"
    shutil.copytree(tiny_data, folder)
    config = yaml.safe_load(tiny_config.read_text())
    for split, name in (("Train", "train"), ("Eval", "val")):
        dataset = config["DataLoader"][split]["dataset"]
        dataset.update(
            image_root=str(folder / "images"), cls_label_path=str(folder / f"{name}.txt")
        )
    (folder / "tiny.yaml").write_text(yaml.safe_dump(config))
    monkeypatch.chdir(tmp_path)
    return folder


def run(folder: Path, *options: str) -> int:
    return main(["check-data", "-c", str(folder / "tiny.yaml"), *options])


def test_data_in_order_is_described(images, capsys):
    assert run(images) == 0
    said = capsys.readouterr()
    assert f"Train: 24 images in {images / 'train.txt'}" in said.out
    assert f"{CLASS_NUM} classes of 6 to 6 images (on average 6.0)" in said.out
    assert f"Eval: 16 images in {images / 'val.txt'}" in said.out
    assert "warning" not in said.out and said.err == ""


def jpeg() -> bytes:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    return cv2.imencode(".jpg", noise)[1].tobytes()


@pytest.mark.parametrize(
    "spoil, kind, told",
    [
        (lambda path: path.unlink(), "missing", "3.png"),
        (lambda path: path.write_bytes(b""), "undecodable", "3.png: empty"),
        (lambda path: path.write_text("no image"), "undecodable", "3.png: no image"),
        (lambda path: path.write_bytes(jpeg()[:3000]), "undecodable", "3.png: truncated"),
        (lambda path: (path.unlink(), path.mkdir()), "unreadable", "3.png: is a folder"),
        (lambda path: (path.unlink(), os.mkfifo(path)), "unreadable", "3.png: is a pipe"),
    ],
)
def test_broken_image_is_named_with_its_line(images, capsys, spoil, kind, told):
    spoil(images / "images" / "3.png")
    assert run(images) == 2
    said = capsys.readouterr()
    assert f"  {kind}: 1\n    {images / 'train.txt'}:4: " in said.out
    assert told in said.out
    assert said.err == "paddleclas: error: 1 lines have to be fixed, see above\n"


@pytest.mark.parametrize("label", ["4", "-1", "cat", ""])
def test_wrong_label_is_named_with_its_line(images, capsys, label):
    lines = (images / "val.txt").read_text().splitlines()
    lines[6] = f"{lines[6].split()[0]} {label}"
    (images / "val.txt").write_text("\n".join(lines))
    assert run(images) == 2
    assert f"  wrong label: 1\n    {images / 'val.txt'}:7: " in capsys.readouterr().out


def test_image_in_both_splits_is_found_under_another_name(images, capsys):
    shutil.copy(images / "images" / "2.png", images / "images" / "30.png")
    assert run(images) == 0
    said = capsys.readouterr().out
    assert "1 images are in both Train and Eval" in said
    assert f"{images / 'train.txt'}:3 = {images / 'val.txt'}:7" in said


def test_all_that_is_found_is_there_as_json(images, capsys):
    shutil.copy(images / "images" / "2.png", images / "images" / "30.png")
    (images / "images" / "3.png").write_bytes(b"")
    assert run(images, "--json") == 2
    said = capsys.readouterr()
    found = json.loads(said.out)
    train, val = found["splits"]
    assert (train["name"], train["images"], val["images"]) == ("Train", 24, 16)
    assert train["problems"][0]["line"] == 4 and train["problems"][0]["problem"] == "undecodable"
    assert train["classes"] == {str(label): 6 for label in range(CLASS_NUM)}
    assert found["shared"] == [{"splits": ["Train", "Eval"], "lines": [3, 7]}]
    assert said.err.startswith("paddleclas: error: 1 lines")


def test_class_without_images_is_named(images, capsys):
    lines = (images / "train.txt").read_text().splitlines()
    (images / "train.txt").write_text("\n".join(line for line in lines if line[-1] != "2"))
    assert run(images) == 0
    assert "without an image: classes 2" in capsys.readouterr().out


def test_many_problems_are_cut_short_unless_all_are_asked_for(images, capsys):
    for path in (images / "images").iterdir():
        path.unlink()
    assert run(images) == 2
    said = capsys.readouterr()
    assert "missing: 24" in said.out and "… and 14 more (--all shows them)" in said.out
    assert "40 lines" in said.err
    assert run(images, "--all") == 2
    assert "more" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "options, told",
    [
        (["--threads", "0"], "--threads: '0' should be"),
        (["-o", "DataLoader.Train.dataset.cls_label_path=gone.txt"], "gone.txt: no such file"),
        (["-o", "DataLoader.Eval.dataset.image_root=None"], "Eval.dataset.image_root: None"),
        (["-o", "DataLoader={}"], "DataLoader"),
    ],
)
def test_what_cannot_be_checked_is_one_line(images, capsys, options, told):
    assert run(images, *options) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("paddleclas: error: ") and told in line


def test_images_of_one_pixel_are_too_small(images, capsys):
    cv2.imwrite(str(images / "images" / "3.png"), np.zeros((1, 9, 3), np.uint8))
    assert run(images) == 2
    assert f"  too small: 1\n    {images / 'train.txt'}:4: " in capsys.readouterr().out


def test_one_image_under_two_labels_and_small_classes_are_told(images, capsys):
    shutil.copy(images / "images" / "2.png", images / "images" / "7.png")
    assert run(images) == 0
    said = capsys.readouterr().out
    assert "  fewer than 10 images: classes 0, 1, 2, 3\n" in said
    lists = images / "train.txt"
    assert f"the same image under two labels: 1\n    {lists}:3 = {lists}:8\n" in said


def test_lists_of_several_labels_are_checked(images, capsys):
    config = yaml.safe_load((images / "tiny.yaml").read_text())
    with_several_labels(config, images)
    (images / "tiny.yaml").write_text(yaml.safe_dump(config))
    assert run(images, "--json") == 0
    train, _ = json.loads(capsys.readouterr().out)["splits"]
    assert train["classes"] == {"0": 12, "1": 12, "2": 24} and train["empty_classes"] == []
    val = images / "several_val.txt"
    rest = val.read_text().partition("\n")[2]
    for line, told in (("24.png\t1,0", "2 labels, but class_num is 3"), ("24.png\tcat", "<tab>")):
        val.write_text(f"{line}\n{rest}")
        assert run(images) == 2
        said = capsys.readouterr().out
        assert f"wrong label: 1\n    {val}:1: " in said and told in said
