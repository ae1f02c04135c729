"""List files are read by one rule, the trainer's own."""

import pytest

from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.data import list_files


def write(path, *lines):
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


@pytest.mark.parametrize("delimiter, name", [(" ", "cat/1.png"), ("\t", "my dog/小狗 2.png")])
def test_a_list_file_reads_back(tmp_path, delimiter, name):
    path = tmp_path / "train_list.txt"
    entries = [(name, 3), ("b.png", 5)]
    list_files.write_list(path, entries, delimiter)
    assert path.read_text(encoding="utf-8").splitlines()[0] == f"{name}{delimiter}3"
    assert list_files.read_list(path, delimiter=delimiter) == entries


@pytest.mark.parametrize("name, delimiter", [("a b.png", " "), ("a\tb", "\t"), (" a", "\t")])
def test_a_name_that_would_not_read_back_is_refused(tmp_path, name, delimiter):
    with pytest.raises(OctConvError, match="cannot stand in a list"):
        list_files.write_list(tmp_path / "list.txt", [(name, 3)], delimiter)


@pytest.mark.parametrize(
    "line, read",
    [
        ("a.png 3", ("a.png", 3)),
        ("  a.png 3  ", ("a.png", 3)),
        ("a.png 3 rest", ("a.png", 3)),
        ("a b.png 3", ("a", None)),
        ("a.png", ("a.png", None)),
        ("a.png cat", ("a.png", None)),
        ("a.png --1", ("a.png", None)),
        ("a.png ²", ("a.png", None)),
        ("a.png ٣", ("a.png", None)),
        ("a.png 1_0", ("a.png", None)),
        ("a.png -1", ("a.png", -1)),
        ("a.png " + "9" * 5000, ("a.png", None)),
        ("a\u2028.png 3", ("a\u2028.png", 3)),
        ("", ("", None)),
    ],
)
def test_a_line_means_what_it_means_to_the_trainer(tmp_path, line, read):
    path = write(tmp_path / "list.txt", "x.png 0", line, "y.png 1")
    lines = list_files.read_lines(path, "key")
    assert [each.number for each in lines] == [1, 2, 3]
    assert (lines[1].image, lines[1].label) == read
    # the trainer's rule: l.strip().split(delimiter), then int64(l[1])
    fields = line.strip().split(" ")
    assert fields[0] == read[0]
    if read[1] is not None:
        assert int(fields[1]) == read[1]


def test_names_with_spaces_are_told_of_the_delimiter(tmp_path):
    path = write(tmp_path / "list.txt", "a b.png 3")
    with pytest.raises(OctConvError, match=r"list.txt:1: 'a b.png 3' .*delimiter: "):
        list_files.read_list(path)


@pytest.mark.parametrize("line", ["cat/1.png", "cat/1.png cat", " 3", "", "a.png -1", "a.png ²"])
def test_a_malformed_line_is_named(tmp_path, line):
    path = write(tmp_path / "list.txt", "cat/0.png 3", line, "x.png 1")
    with pytest.raises(OctConvError, match="list.txt:2"):
        list_files.read_list(path)


@pytest.mark.parametrize(
    "content, told",
    [(b"\xff\xfe 1\n", "UTF-8"), (b"\xef\xbb\xbfa.png 1\n", "byte order mark")],
)
def test_a_list_that_is_no_plain_text_is_named(tmp_path, content, told):
    (tmp_path / "list.txt").write_bytes(content)
    with pytest.raises(OctConvError, match=told):
        list_files.read_list(tmp_path / "list.txt")


def test_a_missing_list_is_named(tmp_path):
    with pytest.raises(OctConvError, match="no_list.txt"):
        list_files.read_list(tmp_path / "no_list.txt")
