"""One's own images: found in every form, looked through, split, and ready to train on."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from paddleclas_octconv.cli import main
from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.config import Config, load_config
from paddleclas_octconv.config.check import MODES, check_config
from paddleclas_octconv.config.data_sets import check_data_sets
from paddleclas_octconv.data import folder as own
from paddleclas_octconv.data import list_files
from paddleclas_octconv.data.own_images import collect


def draw(path: Path, seed: int, mode: str = "RGB", **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (9, 7, 3)).astype(np.uint8)
    Image.fromarray(pixels).convert(mode).save(path, **options)
    return path


def fill(folder: Path, count: int, seed: int, suffix: str = ".png") -> None:
    for number in range(count):
        draw(folder / f"{number}{suffix}", seed + number)


@pytest.fixture
def pets(tmp_path, monkeypatch) -> Path:
    """Ten cats and five dogs, in folders with spaces and letters of many kinds."""
    monkeypatch.chdir(tmp_path)
    fill(Path("my pets/小猫 cat"), 10, 0)
    fill(Path("my pets/Hündchen"), 5, 100, ".JPG")
    return Path("my pets")


def read(path: Path) -> list[tuple[str, int]]:
    return list_files.read_list(path, delimiter="\t")


def take(source: Path, val: float = 0.2, seed: int = 0):
    return collect([source], val, seed, threads=2)


def test_class_folders_are_split_with_the_shares_of_the_classes(pets):
    images = take(pets)
    assert images.classes == ["Hündchen", "小猫 cat"]
    assert Counter(label for _, label in images.splits["val"]) == {0: 1, 1: 2}
    assert Counter(label for _, label in images.splits["train"]) == {0: 4, 1: 8}
    both = images.splits["train"] + images.splits["val"]
    assert sorted(path for path, _ in both) == sorted(
        path.relative_to(pets).as_posix() for path in pets.rglob("*.*")
    )
    assert images.left_out == []


def test_the_draw_is_the_same_every_time_and_another_for_another_seed(pets):
    assert take(pets).splits == take(pets).splits
    assert take(pets).splits != take(pets, seed=1).splits
    assert len(take(pets, val=0.5).splits["val"]) == 2 + 5


def test_the_same_image_is_kept_on_one_side(pets):
    for number in range(9):
        shutil.copy(pets / "小猫 cat" / "0.png", pets / "小猫 cat" / f"again {number}.png")
    for seed in range(6):
        splits = take(pets, seed=seed).splits
        contents = {
            name: {(pets / path).read_bytes() for path, _ in splits[name]} for name in splits
        }
        assert not contents["train"] & contents["val"]


def test_splits_that_are_given_stay_and_evaluation_goes_first(tmp_path):
    for split, seed in (("train", 0), ("Val", 50), ("test", 90)):
        for offset, name in enumerate(("a", "b")):
            fill(tmp_path / split / name, 3, seed + 10 * offset)
    shutil.copy(tmp_path / "Val/a/0.png", tmp_path / "train/a/leak.png")
    images = take(tmp_path)
    assert {name: len(found) for name, found in images.splits.items()} == {
        "train": 6,
        "val": 6,
        "test": 6,
    }
    assert images.left_out == ["train/a/leak.png: the same image as Val/a/0.png, which evaluates"]


def test_without_a_val_of_its_own_a_train_folder_is_split(tmp_path):
    for split, seed in (("train", 0), ("test", 90)):
        for offset, name in enumerate(("a", "b")):
            fill(tmp_path / split / name, 5, seed + 10 * offset)
    images = take(tmp_path)
    assert {name: len(found) for name, found in images.splits.items()} == {
        "train": 8,
        "val": 2,
        "test": 10,
    }


@pytest.mark.parametrize(
    "name, text",
    [
        ("labels.csv", 'image,label\n"x/1, a.png",cat\nx/2.png,dog\nx/3.png,cat\nx/4.png,dog\n'),
        ("labels.csv", "id;Class;file\n1;cat;x/1, a.png\n2;dog;x/2\n3;cat;x/3\n4;dog;x/4\n"),
        ("labels.txt", "x/1, a.png\tcat\nx/2.png\tdog\nx/3.png\tcat\nx/4.png\tdog\n"),
        ("labels.lst", "x/1, a.png,cat\nx/2.png dog\n\nx/3.png cat\r\nx/4.png dog\n"),
        ("labels.csv", "\ufeffpic,what\nx/1\nx/2.png,dog\nx/3.png,cat\nx/4.png,dog\n"),
    ],
)
def test_a_table_of_images_and_labels(tmp_path, name, text):
    for number, image in enumerate(("1, a.png", "2.png", "3.png", "4.png")):
        draw(tmp_path / "x" / image, number)
    (tmp_path / name).write_text(text, encoding="utf-8")
    images = take(tmp_path / name, val=0.5)
    assert images.root == tmp_path and images.classes == ["cat", "dog"]
    both = dict(images.splits["train"] + images.splits["val"])
    assert both["x/2.png"] == both["x/4.png"] == 1 and both["x/3.png"] == 0
    assert ("x/1, a.png" in both) != bool(images.left_out)


def test_labels_that_are_numbers_are_in_the_order_of_numbers(tmp_path):
    lines = []
    for number in range(24):
        draw(tmp_path / f"{number}.png", number)
        lines.append(f"{number}.png,{number % 12}\n")
    (tmp_path / "labels.csv").write_text("".join(lines))
    images = take(tmp_path / "labels.csv")
    assert images.classes == [str(number) for number in range(12)]


def test_what_cannot_be_trained_on_is_named_and_left_out(pets):
    cats = pets / "小猫 cat"
    whole = (cats / "0.png").read_bytes()
    (cats / "cut.png").write_bytes(whole[: len(whole) // 2])
    (cats / "empty.jpg").write_bytes(b"")
    (cats / "text.png").write_text("no image")
    os.mkfifo(cats / "pipe.png")
    (cats / "tab\t.png").write_bytes(whole)
    os.rename(draw(cats / "x.png", 7), os.fsencode(cats) + b"/caf\xe9.png")
    (cats / ".hidden.png").write_bytes(whole)
    (cats / "notes.txt").write_text("")
    (pets / "nothing").mkdir()
    draw(pets / "loose.png", 3)
    images = take(pets)
    told = dict(line.split(": ", 1) for line in images.left_out)
    assert told["小猫 cat/empty.jpg"] == "empty"
    assert told["小猫 cat/pipe.png"] == "is a pipe, not a file"
    assert "tab" in told["小猫 cat/tab\t.png"]
    assert told["小猫 cat/caf\udce9.png"] == "its name is not UTF-8"
    assert told["nothing"] == "a folder without images"
    assert told["loose.png"] == "in no class folder"
    assert {"小猫 cat/cut.png", "小猫 cat/text.png"} < set(told)
    assert told["files that are not called as images are"] == ".txt (1)"
    assert len(told) == 9 and len(images.splits["train"]) == 12


def test_images_of_every_kind_are_taken(pets):
    cats = pets / "小猫 cat"
    exif = Image.Exif()
    exif[0x0112] = 6
    draw(cats / "grey.png", 50, "L")
    draw(cats / "alpha.png", 51, "RGBA")
    draw(cats / "palette.png", 52, "P")
    draw(cats / "turned.jpg", 53, exif=exif)
    draw(cats / "cmyk.jpeg", 54, "CMYK")
    draw(cats / "deep" / "er.webp", 55)
    images = take(pets)
    assert images.left_out == []
    assert sum(map(len, images.splits.values())) == 21


@pytest.mark.parametrize(
    "make, told",
    [
        (lambda path: None, "no such file or folder"),
        (lambda path: path.mkdir(), "no images in it; expected <class>/<image>"),
        (lambda path: draw(path / "1.png", 0), "1 images lie in it without a class"),
        (lambda path: fill(path / "one", 3, 0), "only one class, one"),
        (lambda path: os.mkfifo(path), "is a pipe"),
        (lambda path: path.write_text(""), "is empty"),
        (lambda path: path.write_text("a.png,cat\n"), "names no image that exists beside it"),
        (lambda path: path.write_text("just\ntext\n"), "names no image"),
        (lambda path: path.write_bytes(b"\xff\xfe\x00"), "UTF-8"),
        (lambda path: (fill(path / "train/a", 3, 0), fill(path / "val/b", 3, 9)), "class b has"),
        (lambda path: fill(path / "val/a", 3, 0), "has val, but no train"),
        (
            lambda path: [fill(path / s / "a", 3, 0) for s in ("train", "val", "Valid")],
            "the same split",
        ),
    ],
)
def test_a_source_that_is_none_says_what_is_expected(tmp_path, make, told):
    make(tmp_path / "source")
    with pytest.raises(OctConvError) as error:
        take(tmp_path / "source")
    assert str(error.value).startswith(f"--source {tmp_path / 'source'}: ")
    assert told in str(error.value)


# The command


def prepare(*options: str) -> int:
    return main(["prepare", "folder", *map(str, options)])


def test_the_command_writes_a_config_that_passes_every_check(pets, capsys, fetched_trainer):
    assert prepare("--source", pets, "--arch", "OctMobileNetV1_x0_25", "--image-size", 32) == 0
    said = capsys.readouterr()
    assert said.err == "" and "next: paddleclas train -c my_pets.yaml" in said.out
    config = Config.read(Path("my_pets.yaml"))
    check_config(config, *MODES)
    assert config["Arch"] == {
        "name": "OctMobileNetV1_x0_25",
        "class_num": 2,
        "alpha": 0.5,
        "pretrained": False,
    }
    assert Path("dataset/my_pets/label_list.txt").read_text("utf-8") == "0 Hündchen\n1 小猫 cat\n"
    assert len(read(Path("dataset/my_pets/train_list.txt"))) == 12
    assert not list(Path("dataset").rglob("*.png"))
    assert Path(config["Infer"]["infer_imgs"]).is_file()


def test_alpha_and_what_it_starts_from_stand_in_the_config(pets, capsys):
    options = ["--arch", "OctMobileNetV1_x0_25", "--alpha", "0.25", "--pretrained"]
    for pretrained, value, rate in (("True", True, 0.0003), ("vanilla", "vanilla", 0.0003)):
        if Path("my_pets.yaml").exists():
            Path("my_pets.yaml").unlink()
        assert prepare("--source", pets, *options, pretrained) == 0
        config = load_config(Path("my_pets.yaml"))
        assert (config["Arch"]["alpha"], config["Arch"]["pretrained"]) == (0.25, value)
        assert config["Optimizer"]["lr"]["learning_rate"] == rate
    Path("my_pets.yaml").unlink()
    for nothing in ("no/such", "", "pets"):
        assert prepare("--source", pets, *options, nothing) == 2
        assert f"--pretrained {nothing!r}: " in capsys.readouterr().err
        assert not Path("my_pets.yaml").exists()
    assert prepare("--source", pets, "--arch", "ResNet50", "--alpha", "0.5") == 2
    assert "--alpha: ResNet50 is not an octave network" in capsys.readouterr().err
    assert prepare("--source", pets, "--alpha", "1.5") == 2


def test_a_network_octavised_stands_in_the_config(pets, capsys):
    options = ["--pretrained", "True", "--alpha", "0.25", "--image-size", "64"]
    assert prepare("--source", pets, "--arch", "Octave:ResNet18_vd", *options) == 0
    config = load_config(Path("my_pets.yaml"))
    assert config["Arch"] == {
        "name": "Octave",
        "class_num": 2,
        "backbone": {"name": "ResNet18_vd", "pretrained": True},
        "alpha": 0.25,
        "input_size": 64,
    }
    assert config["Optimizer"]["lr"]["learning_rate"] == 0.0003
    for arch, said in (
        ("Octave", "--arch Octave: of which network? Such as Octave:ResNet50_vd"),
        ("Octave:ResNet18_v", "did you mean ResNet18_vd"),
        ("ResNet18:alpha=0.5", "should be a network, or Octave:NETWORK"),
    ):
        assert prepare("--source", pets, "--arch", arch) == 2
        assert said in capsys.readouterr().err


def test_images_are_copied_when_that_is_asked_for(pets):
    assert prepare("--source", pets, "--copy", "--name", "mine", "--config", "x/c.yaml") == 0
    shutil.rmtree(pets)
    config = Config.read(Path("x/c.yaml"))
    check_data_sets(config, ["train"])
    assert config["DataLoader"]["Train"]["dataset"]["image_root"] == "./dataset/mine/images"


@pytest.mark.parametrize("path", ["../{0}.png", "{1}/{0}.png"])
def test_a_path_that_leads_elsewhere_is_not_copied(pets, tmp_path, capsys, path):
    fill(Path("own"), 4, 0)
    Path("lists").mkdir()
    table = Path("lists/own.csv")
    lines = [f"{path.format(f'own/{n}', tmp_path)},{n % 2}\n" for n in range(4)]
    table.write_text("".join(lines))
    before = sorted(tmp_path.rglob("*"))
    assert prepare("--source", table, "--copy", "--name", "mine") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "--copy: lists/own.csv: " in line and "own/" in line
    assert sorted(tmp_path.rglob("*")) == before
    assert prepare("--source", table, "--name", "mine") == 0


def test_what_was_prepared_is_no_class(pets, monkeypatch, capsys):
    monkeypatch.chdir(pets)
    for root in ("dataset", "dataset", "小猫 cat/elsewhere"):  # the last beside the first
        for _ in range(2):
            assert prepare("--source", ".", "--root", root, "--copy", "--name", "x") == 0
        labels = Path(root, "x/label_list.txt").read_text("utf-8")
        assert labels == "0 Hündchen\n1 小猫 cat\n"
        assert len(read(Path(root, "x/train_list.txt"))) == 12


def test_images_that_would_be_replaced_are_no_source(pets, capsys):
    assert prepare("--source", pets, "--copy", "--name", "x") == 0
    assert prepare("--source", "dataset/x/images", "--name", "x") == 2
    assert "dataset/x/images lies in dataset/x, which is" in capsys.readouterr().err
    images = sorted(Path("dataset/x/images").rglob("*.*"))
    table = Path("dataset/own.csv")
    table.write_text("".join(f"{p.relative_to('dataset')},{p.parent.name}\n" for p in images))
    assert prepare("--source", table, "--name", "x") == 2
    assert " lies in dataset/x, which is" in capsys.readouterr().err
    assert len(list(Path("dataset/x/images").rglob("*.*"))) == 15


def test_a_data_set_that_is_a_link_stays_one(pets):
    Path("disk").mkdir()
    Path("dataset").mkdir()
    Path("dataset/x").symlink_to("../disk/x")
    Path("disk/.x.former").symlink_to("nowhere")  # as a link was left by releases before this
    for _ in range(3):
        assert prepare("--source", pets, "--name", "x") == 0
    assert Path("dataset/x").is_symlink()
    assert [path.name for path in Path("dataset").iterdir()] == ["x"]
    assert [path.name for path in Path("disk").iterdir()] == ["x"]


def test_preparing_again_follows_the_images_and_keeps_an_edited_config(pets, capsys):
    assert prepare("--source", pets) == 0
    fill(pets / "小猫 cat", 20, 0)
    assert prepare("--source", pets) == 0
    assert len(read(Path("dataset/my_pets/train_list.txt"))) == 20
    edited = Path("my_pets.yaml").read_text("utf-8") + "# mine\n"
    Path("my_pets.yaml").write_text(edited, "utf-8")
    capsys.readouterr()
    assert prepare("--source", pets) == 0
    assert "my_pets.yaml: kept: it differs" in capsys.readouterr().out
    assert Path("my_pets.yaml").read_text("utf-8") == edited
    assert sorted(path.name for path in Path("dataset").iterdir()) == ["my_pets"]


def test_a_failure_leaves_what_was_there(pets, monkeypatch, capsys):
    assert prepare("--source", pets) == 0
    before = Path("dataset/my_pets/train_list.txt").read_bytes()

    def fail(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(own, "write_label_map", fail)
    assert prepare("--source", pets, "--seed", 3) == 2
    assert "the disk is full" in capsys.readouterr().err
    assert Path("dataset/my_pets/train_list.txt").read_bytes() == before
    assert [path.name for path in Path("dataset").iterdir()] == ["my_pets"]


@pytest.mark.parametrize(
    "options, told",
    [
        ([], "--source is missing"),
        (["--source", "my pets", "--val", "1"], "'1' should be a share between 0 and 1"),
        (["--source", "my pets", "--val", "nan"], "'nan' should be a share"),
        (["--source", "my pets", "--image-size", "0"], "'0' should be a whole number"),
        (["--source", "my pets", "--image-size", "²"], "'²' should be a whole number"),
        (["--source", "my pets", "--seed", "-1"], "should be a whole number from 0"),
        (["--source", "my pets", "--arch", "OctResNet5"], "did you mean OctResNet50"),
        (["--source", "my pets", "--name", "../x"], "should be a name that a folder can have"),
        (["--source", "my pets", "--partial"], "--partial: does not go with"),
        (["--source", "my pets", "--config", "."], "is a folder"),
        (["--source", ""], "argument --source: '' should be a path"),
        (["--source", "my pets", "--root", ""], "argument --root: '' should be a path"),
        (["--source", "my pets", "--config", ""], "argument --config: '' should be a path"),
        (["--source", "my pets", "--name", "taken"], "holds something else"),
        (
            ["--source", "my pets", "--root", "caf\udce9"],
            "--root b'caf\\xe9/my_pets': a name",
        ),
    ],
)
def test_wrong_options_are_one_line_and_write_nothing(pets, capsys, options, told):
    Path("dataset/taken").mkdir(parents=True)
    Path("dataset/taken/mine.txt").write_text("mine")
    assert prepare(*options) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line
    assert sorted(path.name for path in Path().iterdir()) == ["dataset", "my pets"]
    assert [path.name for path in Path("dataset").rglob("*.*")] == ["mine.txt"]


def test_its_options_go_with_it_alone(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["prepare", "digits", "--val", "0.2"]) == 2
    assert "--val: goes with 'prepare folder'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_any_name_of_a_class_is_yaml(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for offset, name in enumerate(("2024-01-01: [x]", '"#%&\\{', "null")):
        fill(tmp_path / 'we"ird: [name]' / name, 4, 10 * offset)
    assert prepare("--source", 'we"ird: [name]') == 0
    (config,) = tmp_path.glob("*.yaml")
    assert yaml.safe_load(config.read_text())["Arch"]["class_num"] == 3
    check_data_sets(Config.read(config), ["train"])


def test_where_nothing_is_left_to_evaluate_on_nothing_is_written(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("cat", "dog")):
        fill(Path("pics") / name, 1, seed)
    assert main(["prepare", "folder", "--source", "pics"]) == 2
    assert "--source pics: no class has two different images" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["pics"]


def test_a_label_is_one_line_and_an_image_may_be_anything(tmp_path):
    for seed in range(4):
        draw(tmp_path / f"{seed}.png", seed)
    rows = ['0.png,"big\ncat"', '1.png,"big\ncat"', "2.png,dog", "3.png,dog", f"{'x' * 300},dog"]
    (tmp_path / "all.csv").write_text("\n".join(["image,label", *rows]))
    images = take(tmp_path / "all.csv", val=0.5)
    assert images.classes == ["big cat", "dog"]
    assert len(images.left_out) == 1
