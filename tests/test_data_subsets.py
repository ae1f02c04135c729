"""Stratified subsets of lists."""

from collections import Counter

import pytest

from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.data import list_files, subsets


def entries_of(sizes):
    return [(f"{label}/{i}.png", label) for label, size in enumerate(sizes) for i in range(size)]


def test_subset_keeps_the_shares_and_the_order():
    entries = entries_of([60, 30, 10])
    subset = subsets.stratified_subset(entries, 20)
    assert Counter(label for _, label in subset) == {0: 12, 1: 6, 2: 2}
    assert subset == sorted(subset, key=entries.index)


def test_subset_of_equal_classes_is_equal_to_within_one():
    counts = Counter(label for _, label in subsets.stratified_subset(entries_of([9] * 10), 37))
    assert sorted(counts.values()) == [3] * 3 + [4] * 7


def test_subset_is_the_same_every_time_and_another_for_another_seed():
    entries = entries_of([50, 50])
    first = subsets.stratified_subset(entries, 20)
    assert first == subsets.stratified_subset(entries, 20)
    assert first != subsets.stratified_subset(entries, 20, seed=1)


def test_a_smaller_subset_lies_inside_a_larger_one():
    entries = entries_of([50] * 10)
    small, large = (set(subsets.stratified_subset(entries, size)) for size in (50, 200))
    assert small < large


def test_the_whole_is_a_subset_of_itself():
    entries = entries_of([7, 5])
    assert subsets.stratified_subset(entries, 12) == entries


@pytest.mark.parametrize("size", [0, -1, 13])
def test_an_impossible_size_is_refused(size):
    with pytest.raises(OctConvError, match=f"{size} images.*1 to 12"):
        subsets.stratified_subset(entries_of([7, 5]), size)


def test_subset_file_stands_beside_its_source(tmp_path):
    source = tmp_path / "train_list.txt"
    list_files.write_list(source, entries_of([10, 10]))
    assert subsets.write_subset(source, 4) == tmp_path / "train_list_4.txt"
    assert subsets.write_subset(source, 4, seed=2) == tmp_path / "train_list_4_seed2.txt"
    assert len(list_files.read_list(tmp_path / "train_list_4.txt")) == 4
