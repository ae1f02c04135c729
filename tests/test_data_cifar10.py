"""``prepare cifar10`` from small sources made here: lossless, ordered, resumable, suspicious."""

import io
import os
import pickle
import shutil
import stat
import struct
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from paddleclas_octconv import data
from paddleclas_octconv.cli import main
from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.data import archive, cifar10, list_files

TRAIN_PER_CLASS, TEST_PER_CLASS = 5, 1


@pytest.fixture(autouse=True)
def small_cifar10(monkeypatch):
    """CIFAR-10 a thousand times smaller."""
    counts = {"train": TRAIN_PER_CLASS, "test": TEST_PER_CLASS}
    monkeypatch.setattr(cifar10, "OFFICIAL_COUNTS", counts)


def pixels(seed):
    return np.random.RandomState(seed).randint(0, 256, (32, 32, 3), dtype=np.uint8)


def encoded(seed, kind):
    content = io.BytesIO()
    Image.fromarray(pixels(seed)).save(content, kind)
    return content.getvalue()


def image_files():
    """``train|test/<class>/<number>.jpg`` of a whole small CIFAR-10, with their bytes."""
    return {
        f"{split}/{name}/{number:04d}.jpg": encoded(1000 * label + number, "JPEG")
        for split, count in (("train", TRAIN_PER_CLASS), ("test", TEST_PER_CLASS))
        for label, name in enumerate(cifar10.NAMES)
        for number in range(count)
    }


def batch_files():
    """The pickled batches of a whole small CIFAR-10: image k of a batch has label 9 - k."""
    files = {"cifar-10-batches-py/readme.html": b"<html></html>"}
    for seed, batch in enumerate(sorted(cifar10._BATCHES, reverse=True)):  # not in their order
        planes = [pixels(100 * seed + k).transpose(2, 0, 1).ravel() for k in range(10)]
        content = {"batch_label": batch, "labels": list(range(9, -1, -1)), "data": np.stack(planes)}
        files[f"cifar-10-batches-py/{batch}"] = pickle.dumps(content, protocol=2)
    return files


def write_folder(path, files):
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def write_tar(path, files, mode):
    with tarfile.open(path, f"w:{mode}") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def write_zip(path, files):
    with zipfile.ZipFile(path, "w") as target:
        for name, content in files.items():
            target.writestr(name, content)
    return path


def write_source(path, kind, files):
    if kind == "folder":
        return write_folder(path / "images", files)
    if kind == "zip":
        return write_zip(path / "images.zip", files)
    return write_tar(path / f"images.{kind}", files, "" if kind == "tar" else kind)


def prepared(root, name="train_list.txt"):
    return list_files.read_list(root / "cifar10" / name)


def nothing_left(root):
    return not root.exists() or [p.name for p in root.iterdir()] in ([], [".cifar10.lock"])


@pytest.mark.parametrize("kind", ["folder", "tar", "gz", "bz2", "xz", "zip"])
def test_image_files_are_copied_byte_for_byte(tmp_path, kind):
    files = image_files()
    shuffled = {f"CIFAR-10/{name}": files[name] for name in sorted(files, reverse=True)}
    shuffled["CIFAR-10/README.md"] = b"not an image"
    shuffled["__MACOSX/train/cat/._0000.jpg"] = b"nor this"
    root = tmp_path / "dataset"
    assert data.prepare("cifar10", write_source(tmp_path, kind, shuffled), root)
    for name, content in files.items():
        assert (root / "cifar10" / name).read_bytes() == content
    assert {name for name, _ in prepared(root) + prepared(root, "val_list.txt")} == set(files)


def test_image_files_come_with_the_classes_in_turn(tmp_path):
    source = write_folder(tmp_path / "images", image_files())
    data.prepare("cifar10", source, tmp_path)
    assert prepared(tmp_path)[:2] == [
        ("train/airplane/0000.jpg", 0),
        ("train/automobile/0000.jpg", 1),
    ]
    assert [label for _, label in prepared(tmp_path)] == list(range(10)) * TRAIN_PER_CLASS


def test_file_numbers_are_compared_as_numbers(tmp_path):
    entries = [(f"train/cat/{name}.png", 3) for name in ("10_cat", "9_cat", "100_cat")]
    ordered = [name for name, _ in sorted(entries, key=cifar10._official_order)]
    assert ordered == ["train/cat/9_cat.png", "train/cat/10_cat.png", "train/cat/100_cat.png"]


@pytest.mark.parametrize("kind", ["gz", "folder"])
def test_batches_become_the_same_pixels_in_official_order(tmp_path, kind):
    source = write_source(tmp_path, kind, batch_files())
    data.prepare("cifar10", source, tmp_path)
    batches = sorted(cifar10._BATCHES, reverse=True)
    names = [name for name, _ in prepared(tmp_path)]
    assert names[:2] == ["train/truck/00000.png", "train/ship/00001.png"]
    assert names[10] == "train/truck/10000.png"  # named by official index
    assert [label for _, label in prepared(tmp_path)] == list(range(9, -1, -1)) * 5
    for entries, batch, offset in (
        (prepared(tmp_path), "data_batch_1", 0),
        (prepared(tmp_path), "data_batch_5", 40),
        (prepared(tmp_path, "val_list.txt"), "test_batch", 0),
    ):
        for k in range(10):
            image = np.asarray(Image.open(tmp_path / "cifar10" / entries[offset + k][0]))
            np.testing.assert_array_equal(image, pixels(100 * batches.index(batch) + k))


def test_label_map_is_in_the_official_order(tmp_path):
    data.prepare("cifar10", write_folder(tmp_path / "images", image_files()), tmp_path)
    lines = (tmp_path / "cifar10" / "label_list.txt").read_text().splitlines()
    assert lines[0] == "0 airplane" and lines[2] == "2 bird" and lines[9] == "9 truck"


def test_an_interrupted_run_is_continued(tmp_path, monkeypatch):
    source = write_tar(tmp_path / "images.tar", image_files(), "")
    root, written = tmp_path / "dataset", []
    write = cifar10.write_atomically

    def interrupted(path, content):
        if len(written) == 20:
            raise KeyboardInterrupt
        written.append(path.name)
        write(path, content)

    monkeypatch.setattr(cifar10, "write_atomically", interrupted)
    with pytest.raises(KeyboardInterrupt):
        data.prepare("cifar10", source, root)
    assert not (root / "cifar10").exists()

    resumed = []
    monkeypatch.setattr(
        cifar10,
        "write_atomically",
        lambda path, content: (resumed.append(path), write(path, content)),
    )
    assert data.prepare("cifar10", source, root)
    assert len(resumed) == len(image_files()) - 20
    for name, content in image_files().items():
        assert (root / "cifar10" / name).read_bytes() == content


def test_a_run_from_another_source_starts_afresh(tmp_path, monkeypatch):
    def interrupted(path, content):
        path.write_bytes(b"")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(cifar10, "write_atomically", interrupted)
        data.prepare("cifar10", write_tar(tmp_path / "a.tar", batch_files(), ""), tmp_path)
    data.prepare("cifar10", write_tar(tmp_path / "b.tar", image_files(), ""), tmp_path)
    files = {p.name for p in (tmp_path / "cifar10").rglob("*") if p.is_file()}
    assert not any(name.endswith(".png") or name.startswith(".") for name in files)


def test_a_prepared_data_set_needs_no_source(tmp_path):
    source = write_folder(tmp_path / "images", image_files())
    assert data.prepare("cifar10", source, tmp_path)
    assert not data.prepare("cifar10", root=tmp_path)


def refused(tmp_path, source, match, **options):
    root = tmp_path / "dataset"
    with pytest.raises(OctConvError, match=match) as caught:
        data.prepare("cifar10", source, root, **options)
    assert "\n" not in str(caught.value)
    assert nothing_left(root)


@pytest.mark.parametrize("kind", ["folder", "xz"])
def test_an_incomplete_source_is_refused(tmp_path, kind):
    files = image_files()
    del files["train/dog/0003.jpg"]
    source = write_source(tmp_path, kind, files)
    refused(tmp_path, source, "4 train images of class dog, CIFAR-10 has 5; --partial")


def test_partial_takes_an_incomplete_source(tmp_path):
    files = image_files()
    del files["train/dog/0003.jpg"]
    data.prepare("cifar10", write_folder(tmp_path / "images", files), tmp_path, partial=True)
    assert len(prepared(tmp_path)) == 49


def test_a_class_without_images_is_refused_even_so(tmp_path):
    files = {name: content for name, content in image_files().items() if "/dog/" not in name}
    source = write_folder(tmp_path / "images", files)
    refused(tmp_path, source, "0 train images of class dog", partial=True)


def test_a_source_of_something_else_is_refused(tmp_path):
    source = write_folder(tmp_path / "images", {"train/zebra/0.jpg": encoded(0, "JPEG")})
    refused(tmp_path, source, "no CIFAR-10 train images in it: expected cifar-10-python.tar.gz")


def test_a_missing_source_is_refused(tmp_path):
    refused(tmp_path, tmp_path / "nowhere.tar", "nowhere.tar: no such file or folder")


def test_a_text_file_is_refused(tmp_path):
    (tmp_path / "notes.tar").write_text("not an archive " * 100)
    refused(tmp_path, tmp_path / "notes.tar", "notes.tar: damaged or unreadable")


@pytest.mark.parametrize("kind", ["tar", "gz", "bz2", "xz", "zip"])
def test_a_truncated_archive_is_refused(tmp_path, kind):
    source = write_source(tmp_path, kind, image_files())
    content = source.read_bytes()
    source.write_bytes(content[: len(content) // 2 + 100])
    refused(tmp_path, source, "damaged or unreadable")


def test_the_official_name_needs_the_official_md5(tmp_path):
    source = write_tar(tmp_path / cifar10.ARCHIVE, batch_files(), "gz")
    refused(tmp_path, source, "its MD5 is not that of the official archive")


@pytest.mark.parametrize(
    "content, match",
    [
        (b"\xff\xd8\xff not a jpeg", "cannot be decoded"),
        (encoded(1, "JPEG")[:300], "cannot be decoded"),
        (encoded(1, "PNG")[:300], "cannot be decoded"),
        (b"x" * 100_000, "has 100,000 bytes"),
    ],
)
def test_a_broken_image_is_named(tmp_path, content, match):
    files = {**image_files(), "train/cat/0001.jpg": content}
    refused(tmp_path, write_folder(tmp_path / "images", files), f"train/cat/0001.jpg.*{match}")


def test_an_image_of_another_size_is_named(tmp_path):
    content = io.BytesIO()
    Image.new("RGB", (64, 48)).save(content, "PNG")
    files = {**image_files(), "test/cat/0000.jpg": content.getvalue()}
    refused(tmp_path, write_folder(tmp_path / "images", files), "test/cat/0000.jpg.*64x48")


def test_a_file_name_with_a_space_is_named(tmp_path):
    files = {**image_files(), "train/cat/my cat.jpg": encoded(1, "JPEG")}
    refused(tmp_path, write_folder(tmp_path / "images", files), "my cat.jpg.*space")


@pytest.mark.parametrize("name", ["../train/cat/9.jpg", "/train/cat/9.jpg", "a/../../b.jpg"])
@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_an_archive_that_points_outside_is_refused(tmp_path, kind, name):
    source = write_source(tmp_path, kind, {**image_files(), name: encoded(1, "JPEG")})
    refused(tmp_path, source, "refused, its member")


@pytest.mark.parametrize("name", ["C:\\train\\cat\\9.jpg", "..\\train\\cat\\9.jpg"])
def test_a_windows_path_is_refused_too(tmp_path, name):
    source = write_tar(tmp_path / "images.tar", {name: encoded(1, "JPEG")}, "")
    refused(tmp_path, source, "refused, its member")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE])
def test_links_and_devices_in_a_tar_are_refused(tmp_path, kind):
    source = tmp_path / "images.tar"
    with tarfile.open(source, "w") as tar:
        info = tarfile.TarInfo("train/cat/0000.jpg")
        info.type, info.linkname = kind, "/etc/passwd"
        tar.addfile(info)
    refused(tmp_path, source, "is a link or a device")


def test_a_link_in_a_zip_is_refused(tmp_path):
    info = zipfile.ZipInfo("train/cat/0000.jpg")
    info.create_system = 3
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as target:
        target.writestr(info, "/etc/passwd")
    refused(tmp_path, tmp_path / "images.zip", "is a link")


@pytest.mark.parametrize("kind", ["gz", "zip", "folder"])
def test_a_source_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(archive, "MAX_BYTES", 1 << 20)
    source = write_source(tmp_path, kind, {**image_files(), "zeros.bin": bytes(2 << 20)})
    refused(tmp_path, source, "unpacks to more than 1 MiB")


def test_a_tar_whose_headers_unpack_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MAX_BYTES", 1 << 20)
    monkeypatch.setattr(archive, "MAX_MEMBERS", 100)
    with tarfile.open(tmp_path / "bomb.tar.gz", "w:gz", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(tarfile.TarInfo("x" * (4 << 20)))
    refused(tmp_path, tmp_path / "bomb.tar.gz", "unpacks to more than 1 MiB")


@pytest.mark.parametrize("kind", ["tar", "zip", "folder"])
def test_a_source_with_too_many_files_is_refused(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(archive, "MAX_MEMBERS", 20)
    refused(tmp_path, write_source(tmp_path, kind, image_files()), "more than 20 files")


def test_too_little_disk_space_is_said_beforehand(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=3 << 20)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    source = write_folder(tmp_path / "images", image_files())
    refused(tmp_path, source, "has 3 MiB free")


class Payload:
    """A pickle that would write a file when loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_a_batch_that_would_run_code_is_refused(tmp_path):
    files = batch_files()
    planted = tmp_path / "planted"
    files["cifar-10-batches-py/data_batch_3"] = pickle.dumps(Payload(planted), protocol=2)
    refused(tmp_path, write_tar(tmp_path / "x.tar", files, ""), "data_batch_3.*refers to .*open")
    assert not planted.exists()


GOOD = {"labels": [0] * 10, "data": np.zeros((10, 3072), np.uint8)}


@pytest.mark.parametrize(
    "content",
    [
        b"garbage",
        pickle.dumps([1, 2]),
        pickle.dumps({"data": GOOD["data"]}),
        pickle.dumps({**GOOD, "labels": [0] * 9}),
        pickle.dumps({**GOOD, "labels": [10] * 10}),
        pickle.dumps({**GOOD, "labels": ["cat"] * 10}),
        pickle.dumps({**GOOD, "data": np.zeros((10, 100), np.uint8)}),
        pickle.dumps({**GOOD, "data": np.zeros((10, 3072))}),
        pickle.dumps({**GOOD, "data": np.array(1, np.uint8)}),
    ],
)
def test_a_malformed_batch_is_named(tmp_path, content):
    files = {**batch_files(), "cifar-10-batches-py/data_batch_2": content}
    refused(tmp_path, write_tar(tmp_path / "x.tar", files, ""), "data_batch_2")


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_batches_of_every_pickle_protocol_are_read(tmp_path, protocol):
    files = {
        name: pickle.dumps(pickle.loads(content), protocol)
        if "batch_" in name or "test" in name
        else content
        for name, content in batch_files().items()
    }
    data.prepare("cifar10", write_tar(tmp_path / "x.tar", files, ""), tmp_path)
    assert len(prepared(tmp_path)) == 50


def written_by_python_2(planes, labels):
    """A batch as in the official archive: protocol 2, every text and array a byte string."""

    def text(value):
        return b"U" + bytes([len(value)]) + value

    array = (
        b"cnumpy.core.multiarray\n_reconstruct\n"
        + (b"cnumpy\nndarray\nK\x00\x85" + text(b"b") + b"\x87R")
        + (b"(K\x01K" + bytes([len(planes)]) + b"M\x00\x0c\x86")  # version, (N, 3072)
        + (b"cnumpy\ndtype\n" + text(b"u1") + b"K\x00K\x01\x87R")
        + (b"(K\x03" + text(b"|") + b"NNN" + 2 * b"J\xff\xff\xff\xff" + b"K\x00tb")
        + (b"\x89T" + struct.pack("<I", planes.nbytes) + planes.tobytes() + b"tb")
    )
    numbers = b"".join(b"K" + bytes([label]) for label in labels)
    return b"\x80\x02}(" + text(b"data") + array + text(b"labels") + b"](" + numbers + b"eu."


def test_batches_of_the_official_form_are_read(tmp_path):
    files = {}
    for name, content in batch_files().items():
        if name.endswith("html"):
            continue
        batch = pickle.loads(content)
        files[name] = written_by_python_2(batch["data"], batch["labels"])
        assert pickle.loads(files[name], encoding="latin1")["labels"] == batch["labels"]
    data.prepare("cifar10", write_tar(tmp_path / "official.tar.gz", files, "gz"), tmp_path)
    name = prepared(tmp_path)[0][0]
    batch = sorted(cifar10._BATCHES, reverse=True).index("data_batch_1")
    np.testing.assert_array_equal(
        np.asarray(Image.open(tmp_path / "cifar10" / name)), pixels(100 * batch)
    )


def test_a_config_without_cifar10_names_the_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dataset = {"image_root": "./dataset/cifar10/"}
    config = {"DataLoader": {"Train": {"dataset": dataset}}}
    with pytest.raises(OctConvError, match="image_root: .*`paddleclas prepare cifar10`$"):
        data.ensure_for(config)


def test_the_command_writes_subsets(tmp_path, capsys):
    source = write_folder(tmp_path / "images", image_files())
    command = ["prepare", "cifar10", "--source", str(source), "--root", str(tmp_path)]
    assert main([*command, "--subset", "10"]) == 0
    assert "50 training and 10 validation images" in capsys.readouterr().out
    assert len(prepared(tmp_path, "train_list_10.txt")) == 10
    assert len(prepared(tmp_path, "val_list_10.txt")) == 10
    assert main([*command, "--subset", "20"]) == 0
    assert not (tmp_path / "cifar10/val_list_20.txt").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["cifar100"],
        ["cifar10", "--source", "nowhere"],
        ["digits", "--partial"],
        ["digits", "--subset", "5000"],
        ["digits", "--subset", "few"],
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(tmp_path, monkeypatch, capsys, arguments):
    monkeypatch.chdir(tmp_path)
    assert main(["prepare", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("paddleclas: error: ") and error.count("\n") == 1


def test_a_pipe_is_not_waited_for(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    assert main(["prepare", "cifar10", "--source", "pipe"]) == 2
    assert "--source pipe: is a pipe, not a file" in capsys.readouterr().err
