"""Own images as people have them: folders and tables of many forms, each understood or refused."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from paddleclas_octconv.cli import main
from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.data.own_images import OwnImages, collect


def draw(path: Path, size: tuple[int, int] = (6, 5)) -> Path:
    """An image that is like no other: its pixels follow from its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(list(str(path).encode()))
    Image.fromarray(random.integers(0, 255, (*size, 3)).astype(np.uint8)).save(path)
    return path


def draw_all(folder: Path, *paths: str) -> None:
    for path in paths:
        draw(folder / path)


def take(*sources: Path, val: float = 0.4, **options) -> OwnImages:
    return collect(sources, val, 0, 2, **options)


def counts(images: OwnImages) -> dict[str, dict[str, int]]:
    """Of each split, how many images of each class."""
    return {
        split: dict(Counter(images.classes[label] for _, label in part))
        for split, part in images.splits.items()
    }


TWO = {"cat": 2, "dog": 2}


@pytest.mark.parametrize(
    "layout, split, test",
    [
        ("seg_train/seg_train/{c}/{n}.png seg_test/seg_test/{c}/{n}.png", {}, True),
        ("training_set/training_set/{c}/{n}.png test_set/test_set/{c}/{n}.png", {}, True),
        ("archive/TrainData/{c}/{n}.png archive/TestData/{c}/{n}.png", {}, True),
        ("train/images/{c}/{n}.png valid/images/{c}/{n}.png", {"val": TWO}, False),
        ("images_train/{c}/{n}.png images_val/{c}/{n}.png", {"val": TWO}, False),
        ("{c}/train/{n}.png {c}/test/{n}.png", {}, True),
        ("train_{c}/{n}.png test_{c}/{n}.png", {}, True),
        ("train/{c}.{n}.png test1/{n}.png", {}, False),
        ("train/{c}_{n}.png val/{c}_{n}.png", {"val": TWO}, False),
        ("x/y/train/{c}/{n}.png x/y/val/{c}/{n}.png", {"val": TWO}, False),
        ("x/images/{c}_{n}.png", {"val": {"cat": 1, "dog": 1}}, False),
    ],
)
def test_splits_are_no_classes(tmp_path, layout, split, test):
    for pattern in layout.split():
        for name in ("cat", "dog"):
            draw_all(tmp_path, *(pattern.format(c=name, n=number) for number in range(2)))
    images = take(tmp_path)
    assert images.classes == ["cat", "dog"]
    found = counts(images)
    expected = split or {"val": {"cat": 1, "dog": 1}}
    assert found["val"] == expected["val"]
    assert sum(found["train"].values()) == 4 * len(layout.split()) - sum(
        sum(found[part].values()) for part in found if part != "train"
    ) - 4 * ("test1" in layout)
    assert ("test" in found) == test
    if test:
        assert found["test"] == TWO
    if "test1" in layout:
        assert images.left_out == ["test1: 2 images without a class"]


@pytest.mark.parametrize(
    "classes", [("bullet_train", "car", "plane"), ("test tube", "bottle"), ("train", "car", "ship")]
)
def test_a_class_that_is_called_like_a_split_is_one(tmp_path, classes):
    for name in classes:
        draw_all(tmp_path, f"{name}/1.png", f"{name}/2.png")
    assert take(tmp_path).classes == sorted(classes)


def test_the_class_may_stand_in_the_name_of_the_file(tmp_path):
    draw_all(
        tmp_path, *(f"{name}{n}.png" for name in ("cat.", "Great Dane (", "a_b_") for n in "12")
    )
    images = take(tmp_path)
    assert images.classes == ["Great Dane", "a_b", "cat"]
    assert "the classes are those in the names of the files" in images.notes


@pytest.mark.parametrize("names", [("IMG_1", "IMG_2", "DSC_1", "DSC_2"), ("0a1", "3f9", "77b")])
def test_names_that_cameras_and_programs_give_are_no_classes(tmp_path, names):
    draw_all(tmp_path, *(f"{name}.png" for name in names))
    with pytest.raises(OctConvError, match=r"images lie in it without a class"):
        take(tmp_path)


def test_splits_without_classes_are_no_classes(tmp_path):
    draw_all(tmp_path, "train/1.png", "train/2.png", "val/3.png", "val/4.png")
    with pytest.raises(OctConvError, match=r"4 images lie in it without a class"):
        take(tmp_path)


# Tables


def test_lists_of_paddlex_and_paddlelabel_come_with_the_names_of_labels(tmp_path):
    draw_all(tmp_path, *(f"image/{n}.png" for n in range(6)))
    (tmp_path / "labels.txt").write_text("zebra\r\nmy ape\r\n", encoding="utf-8-sig")
    (tmp_path / "train_list.txt").write_text("image\\0.png 0\r\nimage/1.png 1\r\nimage/2.png 1\r\n")
    (tmp_path / "val_list.txt").write_text("./image/3.png 0\n'image/4.png' 1\n")
    (tmp_path / "test_list.txt").write_text("image/5.png 1\n")
    for sources in ([tmp_path], [tmp_path / "train_list.txt", tmp_path / "val_list.txt"]):
        images = take(*sources)
        assert images.classes == ["zebra", "my ape"] and images.left_out == []
        assert images.splits["train"] == [
            ("image/0.png", 0),
            ("image/1.png", 1),
            ("image/2.png", 1),
        ]
        assert [label for _, label in images.splits["val"]] == [0, 1]
        assert ("test" in images.splits) == (sources == [tmp_path])


def test_lists_of_splits_go_before_folders_of_classes(tmp_path):
    draw_all(tmp_path, *(f"{name}/{n}.png" for name in ("a", "b") for n in range(3)))
    (tmp_path / "train_list.txt").write_text("a/0.png 1\na/1.png 1\nb/0.png 0\nb/1.png 0\n")
    (tmp_path / "val_list.txt").write_text("a/2.png 1\nb/2.png 0\n")
    (tmp_path / "labels.txt").write_text("b\na\n")
    images = take(tmp_path)
    assert images.classes == ["b", "a"]
    assert images.splits["val"] == [("a/2.png", 1), ("b/2.png", 0)]


def test_labels_beyond_their_names_are_refused(tmp_path):
    draw_all(tmp_path, "0.png", "1.png")
    (tmp_path / "labels.txt").write_text("a\nb\n")
    (tmp_path / "train_list.txt").write_text("0.png 0\n1.png 2\n")
    with pytest.raises(OctConvError, match=r"labels.txt: has no name for label 2"):
        take(tmp_path / "train_list.txt")


@pytest.mark.parametrize(
    "text",
    [
        "Unnamed,Breed,picture_of\n7,cat,0.png\n8,dog,1.png\n9,cat,2.png\n9,dog,3.png\n",
        "class id;filepaths;labels\n0;0;cat\n1;1;dog\n0;2;cat\n1;3;dog\n",
        '"image","label"\n"C:\\Users\\me\\pics\\0.png","cat"\n1.PNG,dog\n2,cat\n/mnt/pics/3.png,dog\n',
        "id\tspecies\n0\tcat\n1\tdog\n2\tcat\n3\tdog\n",
        "0.png,cat,x\n1.png,dog,y\n2.png,cat,z\n3.png,dog,z\n",
    ],
)
@pytest.mark.parametrize("where", ["beside", "in the folder"])
def test_columns_are_found_by_name_and_content(tmp_path, text, where):
    draw_all(tmp_path / "pics", *(f"{n}.{'PNG' if n == 1 else 'png'}" for n in range(4)))
    table = tmp_path / ("all.csv" if where == "beside" else "pics/all.csv")
    table.write_text(text.replace("1.png", "1.PNG"), encoding="utf-8")
    beside = where == "beside"
    images = take(table, images=tmp_path / "pics") if beside else take(tmp_path / "pics")
    assert images.root == tmp_path / "pics" and images.left_out == []
    both = dict(images.splits["train"] + images.splits["val"])
    assert both == {"0.png": 0, "1.PNG": 1, "2.png": 0, "3.png": 1}
    assert images.classes == ["cat", "dog"]


@pytest.mark.parametrize(
    "line",
    [
        "{n}.png: my {c}",
        '"{n}.png" "my {c}"',
        "{n}.png;my {c}",
        "{n}.png  my {c} ",
        "my {c},{n}.png",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "gbk", "utf-16"])
def test_a_list_may_have_any_mark_and_the_encodings_of_spreadsheets(tmp_path, line, encoding):
    draw_all(tmp_path, *(f"a {n}.png" for n in range(4)))
    lines = [line.format(n=f"a {n}", c="猫" if n % 2 else "狗") for n in range(4)]
    (tmp_path / "all.txt").write_bytes("\r\n".join(lines).encode(encoding))
    images = take(tmp_path / "all.txt")
    assert images.classes == ["my 狗", "my 猫"] and images.left_out == []
    both = dict(images.splits["train"] + images.splits["val"])
    assert both == {f"a {n}.png": n % 2 for n in range(4)}


@pytest.mark.parametrize("name", ["_classes.csv", "metadata.csv", "list.txt"])
def test_each_split_may_have_its_table_in_its_folder(tmp_path, name):
    """As Roboflow and Hugging Face write them."""
    for split in ("train", "valid"):
        draw_all(tmp_path / split, *(f"{n}.png" for n in range(4)))
        rows = [f"{n}.png, {'xy'[n % 2]}\n" for n in range(4)]
        (tmp_path / split / name).write_text("".join(["file_name, label\n", *rows]))
    (tmp_path / "README.txt").write_text("Exported on a day.\nWith images.\n")
    tables = [tmp_path / split / name for split in ("train", "valid")]
    for images in (take(tmp_path), take(*tables)):
        assert images.root == tmp_path and images.left_out == []
        assert images.splits["train"][1] == ("train/1.png", 1)
        assert counts(images) == {"train": {"x": 2, "y": 2}, "val": {"x": 2, "y": 2}}


def test_of_two_lists_of_a_split_the_usual_one_is_read(tmp_path):
    draw_all(tmp_path, *(f"jpg/{n}.png" for n in range(6)))
    for name, numbers in (("train", (0, 1)), ("train_extra", range(6)), ("val", (2, 3))):
        lines = "".join(f"jpg/{n}.png {n % 2}\n" for n in numbers)
        (tmp_path / f"{name}_list.txt").write_text(lines)
    (tmp_path / "flowers_label_list.txt").write_text("0 rose\n1 lily\n")
    images = take(tmp_path)
    assert images.classes == ["rose", "lily"]
    assert counts(images) == {"train": {"rose": 1, "lily": 1}, "val": {"rose": 1, "lily": 1}}


@pytest.mark.parametrize(
    "header, row, test",
    [
        ("fname,label,is_valid\n", "{n}.png,{c},{v}\n", False),
        ("", "{s},gs://bucket/{n}.png,{c}\n", True),
    ],
)
def test_a_column_of_another_form_may_say_the_split(tmp_path, header, row, test):
    draw_all(tmp_path, *(f"{n}.png" for n in range(6)))
    parts = ["TRAINING", "TRAINING", "VALIDATION", "VALIDATION", "TEST", "TRAINING"]
    rows = [
        row.format(n=n, c="ab"[n % 2], v=part == "VALIDATION", s=part)
        for n, part in enumerate(parts)
    ]
    (tmp_path / "all.csv").write_text("".join([header, *rows]))
    images = take(tmp_path / "all.csv")
    assert images.splits["val"] == [("2.png", 0), ("3.png", 1)]
    assert len(images.splits["train"]) == (3 if test else 4) and ("test" in images.splits) == test


def test_what_says_no_split_is_told(tmp_path):
    draw_all(tmp_path, *(f"{n}.png" for n in range(4)))
    rows = "".join(f"{n}.png,{'ab'[n % 2]},{n}\n" for n in range(4))
    (tmp_path / "all.csv").write_text(f"image,label,fold\n{rows}")
    assert "all.csv: not read: column fold" in take(tmp_path / "all.csv").notes
    (tmp_path / "all.csv").write_text(rows)
    assert "all.csv: not read: column 3" in take(tmp_path / "all.csv").notes


def test_files_are_no_labels(tmp_path):
    draw_all(tmp_path, "JPEGImages/0.png", "JPEGImages/1.png")
    lines = "".join(f"JPEGImages\\{n}.png Annotations\\{n}.xml\n" for n in range(2))
    for split in ("train", "val"):
        (tmp_path / f"{split}_list.txt").write_text(lines)
    with pytest.raises(OctConvError, match=r"its labels are files, such as Annotations.0\.xml"):
        take(tmp_path)


@pytest.mark.parametrize("name", ["pets.zip", "pets.xlsx", "cat.png"])
def test_an_archive_or_sheet_is_one_line(tmp_path, name):
    (tmp_path / name).write_bytes(b"PK\x03\x04\x14\0\0\0")
    told = "unpack an archive, save a sheet as CSV"
    with pytest.raises(OctConvError, match=told):
        take(tmp_path / name)
    if name == "pets.zip":
        with pytest.raises(OctConvError, match=r"no images in it, but \.zip files; expected"):
            take(tmp_path)


def test_where_evaluation_has_all_images_nothing_is_left_to_train_on(tmp_path):
    for split in ("train", "val"):
        for name in ("a", "b"):
            Image.new("RGB", (4, 4), "red" if name == "a" else "blue").save(
                draw(tmp_path / split / name / "1.png")
            )
    with pytest.raises(OctConvError, match=r"every image to train on is one to evaluate on, too"):
        take(tmp_path)


def test_a_column_may_say_the_split(tmp_path):
    draw_all(tmp_path, *(f"{n}.png" for n in range(7)))
    parts = ("Training", "Training", "valid", "PublicTest", "train", "valid", "none")
    rows = [f"{n}.png,{'ab'[n % 2]},{part}\n" for n, part in enumerate(parts)]
    (tmp_path / "all.csv").write_text("".join(["path,emotion,Usage\n", *rows]))
    images = take(tmp_path / "all.csv")
    assert counts(images) == {
        "train": {"a": 2, "b": 1},
        "val": {"a": 1, "b": 1},
        "test": {"b": 1},
    }
    assert images.left_out == ["all.csv:8: no split: 'none'"]


def test_columns_that_cannot_be_told_are_asked_for(tmp_path):
    draw_all(tmp_path, *(f"{n}.png" for n in range(4)))
    rows = [f"{n}.png,{n},{'xy'[n % 2]}\n" for n in range(4)]
    table = tmp_path / "all.csv"
    table.write_text("".join(["pic,weight,kind\n", *rows]))
    with pytest.raises(OctConvError, match=r"kind has the labels\? --columns pic,NAME"):
        take(table)
    assert take(table, columns=["pic", "kind"]).classes == ["x", "y"]
    with pytest.raises(OctConvError, match=r"--columns sort: .* has pic, weight, kind"):
        take(table, columns=["pic", "sort"])


@pytest.mark.parametrize("text", ["image,label\n", "image,label", "\ufeffimage\tlabel\n"])
def test_a_header_alone_is_one_line(tmp_path, text):
    (tmp_path / "all.csv").write_text(text, encoding="utf-8")
    with pytest.raises(OctConvError, match=r"its only line is .*expected 'image,label' a line"):
        take(tmp_path / "all.csv")


def test_an_image_that_is_not_there_is_no_header(tmp_path):
    draw_all(tmp_path, *(f"{n}.png" for n in range(4)))
    (tmp_path / "all.txt").write_text("gone.png a\n0.png a\n1.png b\n2.png a\n3.png b\n")
    assert take(tmp_path / "all.txt").left_out == ["all.txt:1: no such image: gone.png"]


# Images


def test_what_opencv_does_not_read_is_named(tmp_path):
    draw_all(tmp_path, *(f"{name}/{n}.png" for name in ("a", "b") for n in range(2)))
    drawn = Image.open(tmp_path / "a/0.png").convert("RGB").transpose(Image.Transpose.ROTATE_90)
    drawn.save(tmp_path / "a/moving.GIF")
    drawn.save(tmp_path / "a/old.jfif", format="JPEG")
    (tmp_path / "a/phone.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
    images = take(tmp_path)
    told = "no image that OpenCV reads: save it as PNG or JPEG"
    assert images.left_out == [f"a/moving.GIF: {told}", f"a/phone.HEIC: {told}"]
    assert counts(images)["train"]["a"] == 2  # the JFIF


def test_images_of_one_pixel_and_of_two_classes_are_left_out(tmp_path):
    draw_all(tmp_path, *(f"{name}/{n}.png" for name in ("a", "b") for n in range(3)))
    draw(tmp_path / "a/thin.png", (1, 9))
    content = (tmp_path / "a/0.png").read_bytes()
    (tmp_path / "b/again.png").write_bytes(content)
    images = take(tmp_path)
    assert images.left_out == [
        "a/thin.png: 9x1 pixels",
        "a/0.png: the same image as b/again.png, which is b",
        "b/again.png: the same image as a/0.png, which is a",
    ]
    assert images.notes == ["warning: fewer than 10 images to train on: a (1), b (2)"]


# The command


@pytest.mark.parametrize("name", ["a\rb", "a\x85b: c", "a\u2028b", "a\x00b", "a\nGlobal: 1"])
def test_no_name_can_break_a_config(tmp_path, monkeypatch, capsys, name):
    monkeypatch.chdir(tmp_path)
    draw_all(Path("pics"), *(f"{c}/{n}.png" for c in ("a", "b") for n in range(2)))
    assert main(["prepare", "folder", "--source", "pics", "--name", name]) == 2
    assert "should be a name that a folder can have" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["pics"]


@pytest.mark.parametrize(
    "name", ['we"ird: [x] #1', "a\rb", "a\x85b", "a\u2028b: c", "a\x7fb", "😀'"]
)
def test_any_name_of_a_folder_stands_in_a_config(tmp_path, monkeypatch, capsys, name):
    from paddleclas_octconv.config import Config
    from paddleclas_octconv.config.check import check_sections
    from paddleclas_octconv.config.data_sets import check_data_sets
    from paddleclas_octconv.data.list_files import read_label_map

    monkeypatch.chdir(tmp_path)
    draw_all(Path("pics") / name, *(f"{c}\u2028{n}/{n}.png" for c in "ab" for n in "12"))
    draw_all(Path("pics") / name, *(f"{c}\u2028{n}/{n + n}.png" for c in "ab" for n in "12"))
    assert main(["prepare", "folder", "--source", f"pics/{name}"]) == 0
    (file,) = tmp_path.glob("*.yaml")
    config = Config.read(file)
    check_sections(config, "train")
    check_data_sets(config, ("train",))
    assert read_label_map(Path(config["Infer"]["PostProcess"]["class_id_map_file"])) == {
        0: "a 1",
        1: "a 2",
        2: "b 1",
        3: "b 2",
    }
