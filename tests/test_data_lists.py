"""List files and the stratified subsets drawn from them."""

from collections import Counter

import pytest

from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.data import lists


def entries_of(sizes):
    return [(f"{label}/{i}.png", label) for label, size in enumerate(sizes) for i in range(size)]


def test_a_list_file_reads_back(tmp_path):
    path = tmp_path / "train_list.txt"
    entries = [("train/cat/1.png", 3), ("train/my dog/2.png", 5)]
    lists.write_list(path, entries)
    assert path.read_text().splitlines()[0] == "train/cat/1.png 3"
    assert lists.read_list(path) == entries


@pytest.mark.parametrize("line", ["train/cat/1.png", "train/cat/1.png cat", " 3", ""])
def test_a_malformed_line_is_named(tmp_path, line):
    path = tmp_path / "train_list.txt"
    path.write_text(f"train/cat/0.png 3\n{line}\n")
    with pytest.raises(OctConvError, match="line 2"):
        lists.read_list(path)


def test_a_missing_list_is_named(tmp_path):
    with pytest.raises(OctConvError, match="no_list.txt"):
        lists.read_list(tmp_path / "no_list.txt")


def test_subset_keeps_the_shares_and_the_order():
    entries = entries_of([60, 30, 10])
    subset = lists.stratified_subset(entries, 20)
    assert Counter(label for _, label in subset) == {0: 12, 1: 6, 2: 2}
    assert subset == sorted(subset, key=entries.index)


def test_subset_of_equal_classes_is_equal_to_within_one():
    counts = Counter(label for _, label in lists.stratified_subset(entries_of([9] * 10), 37))
    assert sorted(counts.values()) == [3] * 3 + [4] * 7


def test_subset_is_the_same_every_time_and_another_for_another_seed():
    entries = entries_of([50, 50])
    first = lists.stratified_subset(entries, 20)
    assert first == lists.stratified_subset(entries, 20)
    assert first != lists.stratified_subset(entries, 20, seed=1)


def test_a_smaller_subset_lies_inside_a_larger_one():
    entries = entries_of([50] * 10)
    small, large = (set(lists.stratified_subset(entries, size)) for size in (50, 200))
    assert small < large


def test_the_whole_is_a_subset_of_itself():
    entries = entries_of([7, 5])
    assert lists.stratified_subset(entries, 12) == entries


@pytest.mark.parametrize("size", [0, -1, 13])
def test_an_impossible_size_is_refused(size):
    with pytest.raises(OctConvError, match=f"{size} images.*1 to 12"):
        lists.stratified_subset(entries_of([7, 5]), size)


def test_subset_file_stands_beside_its_source(tmp_path):
    source = tmp_path / "train_list.txt"
    lists.write_list(source, entries_of([10, 10]))
    assert lists.write_subset(source, 4) == tmp_path / "train_list_4.txt"
    assert lists.write_subset(source, 4, seed=2) == tmp_path / "train_list_4_seed2.txt"
    assert len(lists.read_list(tmp_path / "train_list_4.txt")) == 4
