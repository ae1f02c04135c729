"""``prepare digits``: whole or absent, once, the same on every machine."""

import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from paddleclas_octconv import data
from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.data import digits, list_files


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("digits")
    assert data.prepare("digits", root=root)
    return root / "digits"


def split(folder, name):
    return list_files.read_list(folder / name)


def test_every_digit_is_there_once(folder):
    train, val = split(folder, "train_list.txt"), split(folder, "val_list.txt")
    assert (len(train), len(val)) == (1437, 360)
    assert len({name.split("/")[-1] for name, _ in train + val}) == 1797


def test_split_is_stratified(folder):
    counts = Counter(label for _, label in split(folder, "val_list.txt"))
    assert sorted(counts) == list(range(10))
    assert max(counts.values()) - min(counts.values()) <= 2


def test_images_are_the_digits_of_scikit_learn(folder):
    from sklearn.datasets import load_digits

    reference = load_digits()
    for name, label in split(folder, "val_list.txt")[:50]:
        index = int(name.split("/")[-1][:-4])
        image = np.asarray(Image.open(folder / name), dtype=np.float64)
        assert image.shape == (32, 32)
        assert label == reference.target[index]
        # Each 4x4 block is about the pixel that it was enlarged from.
        blocks = image.reshape(8, 4, 8, 4).mean(axis=(1, 3)) / 255 * 16
        assert np.corrcoef(blocks.ravel(), reference.images[index].ravel())[0, 1] > 0.95


def test_label_map_is_paddleclas_class_id_map_file(folder):
    lines = (folder / "label_list.txt").read_text().splitlines()
    assert lines[0] == "0 zero" and lines[9] == "9 nine" and len(lines) == 10


def test_preparing_again_changes_nothing(folder):
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert not data.prepare("digits", root=folder.parent)
    assert before == {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_another_machine_gets_the_same_bytes(folder, tmp_path):
    data.prepare("digits", root=tmp_path)
    for name in ("train_list.txt", "val_list.txt", "val/4/0004.png"):
        assert (tmp_path / "digits" / name).read_bytes() == (folder / name).read_bytes()


def test_a_failure_leaves_nothing(tmp_path, monkeypatch):
    def fail(path, names):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(digits, "write_label_map", fail)
    with pytest.raises(OctConvError, match="the disk is full"):
        data.prepare("digits", root=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_foreign_folder_is_left_alone(tmp_path):
    (tmp_path / "digits").mkdir()
    (tmp_path / "digits" / "mine.txt").write_text("mine")
    with pytest.raises(OctConvError, match="not a prepared data set"):
        data.prepare("digits", root=tmp_path)
    assert (tmp_path / "digits" / "mine.txt").read_text() == "mine"


def test_a_root_that_is_a_file_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OctConvError, match="cannot write the data set"):
        data.prepare("digits", root=tmp_path / "file")


def test_two_processes_at_once_make_it_once(tmp_path):
    code = (
        "import sys; from pathlib import Path; from paddleclas_octconv import data; "
        "print(data.prepare('digits', root=Path(sys.argv[1])))"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    answers = [process.communicate(timeout=120)[0].split()[-1] for process in started]
    assert [process.returncode for process in started] == [0, 0]
    assert sorted(answers) == ["False", "True"]
    assert len(split(tmp_path / "digits", "train_list.txt")) == 1437


CONFIG = {
    "DataLoader": {
        mode: {
            "dataset": {
                "image_root": "./dataset/digits/",
                "cls_label_path": f"./dataset/digits/{name}_list.txt",
            }
        }
        for mode, name in (("Train", "train"), ("Eval", "val"))
    },
    "Infer": {
        "infer_imgs": "./dataset/digits/val/3",
        "PostProcess": {"class_id_map_file": "./dataset/digits/label_list.txt"},
    },
}


@pytest.mark.parametrize("mode", ["train", "eval", "infer", "export"])
def test_a_config_gets_its_digits(tmp_path, monkeypatch, capsys, mode):
    monkeypatch.chdir(tmp_path)
    data.ensure_for(CONFIG, mode)
    assert (tmp_path / "dataset/digits/val_list.txt").is_file()
    assert capsys.readouterr().err.count("prepared") == 1
    data.ensure_for(CONFIG, mode)
    assert capsys.readouterr().err == ""


def test_data_from_elsewhere_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data.ensure_for({"DataLoader": {"Train": {"dataset": {"image_root": "./flowers"}}}})
    data.ensure_for({})
    assert list(tmp_path.iterdir()) == []


def test_digits_for_another_root_are_asked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = {"DataLoader": {"Train": {"dataset": {"image_root": "/nowhere/digits"}}}}
    with pytest.raises(OctConvError, match="`paddleclas prepare digits --root /nowhere`"):
        data.ensure_for(config)


def test_unknown_data_set_offers_near_names():
    with pytest.raises(OctConvError, match="'digit'.*did you mean digits"):
        data.prepare("digit")


def test_a_source_does_not_go_with_digits(tmp_path):
    with pytest.raises(OctConvError, match="--source does not go with digits"):
        data.prepare("digits", source=tmp_path)
