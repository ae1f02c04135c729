"""What an octave network loses beside the vanilla one, and on which images that is measured."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
import yaml

from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.config import load_config
from paddleclas_octconv.deploy.images import preprocess_of
from paddleclas_octconv.post_training.evaluation import (
    Predictions,
    Score,
    divergence,
    fitting,
    predict,
    score,
)
from paddleclas_octconv.post_training.images import (
    Images,
    calibration_images,
    demand_readable,
    listed,
    shuffled,
)

SHAPE = [3, 32, 32]


def drawn(count: int, seed: int, classes: int = 4) -> np.ndarray:
    """Probabilities (count, classes)."""
    return np.random.default_rng(seed).dirichlet([1.0] * classes, count).astype(np.float32)


def images(count: int, labels: list[int] | None) -> Images:
    return Images([Path(f"{index}.png") for index in range(count)], labels)


def test_the_divergence_is_that_of_kullback_and_leibler():
    vanilla, given = drawn(50, 0), drawn(50, 1)
    expected = scipy.stats.entropy(vanilla, given, axis=1).mean()
    assert divergence(vanilla, given) == pytest.approx(expected, rel=1e-5)
    assert divergence(vanilla, vanilla) == 0
    sure = np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)
    assert 0 < divergence(sure, sure[::-1]) < math.inf


def test_a_score_counts_the_images_that_could_be_read():
    labels = [3, 0, 1, 2, 0, 1]
    places = [1, 2, 4, 5]  # the others are broken
    vanilla = Predictions(places, np.eye(4, dtype=np.float32)[[0, 1, 0, 2]])  # three are right
    given = Predictions(places, np.eye(4, dtype=np.float32)[[0, 2, 1, 2]])  # one is
    found = score(images(6, labels), vanilla, given)
    assert (found.images, found.vanilla_top1, found.top1, found.agreement) == (4, 75, 25, 50)
    assert found.drop == 50
    found = score(images(6, None), vanilla, given)
    assert found.top1 is found.vanilla_top1 is None
    assert found.drop == 100 - found.agreement == 50


def test_a_network_may_gain():
    assert Score(10, 90.0, 80.0, 70.0, 0.1).drop == -10


@pytest.mark.parametrize("largest, fits", [(3, True), (4, False)])
def test_labels_of_classes_that_the_network_does_not_know_are_left_out(largest, fits):
    given = images(2, [0, largest])
    found = fitting(given, Predictions([0, 1], drawn(2, 0)))
    assert found.labels == (given.labels if fits else None) and found.paths == given.paths


@pytest.fixture
def files(tiny_data, tmp_path) -> list[Path]:
    """34 images, of which the first and the 18th cannot be read."""
    (tmp_path / "broken.png").write_bytes(b"no image")
    found = [tiny_data / "images" / f"{index}.png" for index in range(34)]
    found[0] = found[17] = tmp_path / "broken.png"
    return found


@pytest.fixture(scope="module")
def preprocess(tiny_config):
    return preprocess_of(load_config(tiny_config))


def test_what_a_network_says_of_images_goes_with_their_places(files, preprocess):
    """The network: the mean of an image, and the number of those it is given."""
    told: list[int] = []
    calls: list[int] = []

    def network(batch: np.ndarray) -> np.ndarray:
        calls.append(len(batch))
        return np.stack([batch.mean((1, 2, 3)), np.full(len(batch), len(batch))], axis=1)

    found = predict(network, files, preprocess, SHAPE, told.append)
    readable = [index for index in range(34) if index not in (0, 17)]
    assert found.places == readable
    expected = [preprocess.read(files[index]).mean() for index in readable]
    np.testing.assert_allclose(found.probabilities[:, 0], expected, rtol=1e-5)
    assert calls == [16, 16] and told == [16, 32]
    assert (found.classes == 1).all()  # there are more of them than they are bright
    with pytest.raises(OctConvError, match="no image of the list can be read: .*broken.png"):
        predict(network, files[:1], preprocess, SHAPE, told.append)


def test_the_first_images_that_can_be_read_are_calibrated_on(files, preprocess):
    found, tried = calibration_images(files, preprocess, 20, SHAPE)
    assert len(found) == 20 and tried == 22
    np.testing.assert_array_equal(found[16], preprocess.read(files[18]))
    with pytest.raises(OctConvError, match="15 images .* 16 is the least; 1 others cannot be read"):
        calibration_images(files[:16], preprocess, 20, SHAPE)
    assert len(calibration_images(files[1:17], preprocess, 20, SHAPE)[0]) == 16
    demand_readable(files[:2], preprocess, SHAPE, "DataLoader.Train")
    with pytest.raises(OctConvError, match="DataLoader.Train: no image of it can be read: "):
        demand_readable(files[:1], preprocess, SHAPE, "DataLoader.Train")


@pytest.mark.parametrize("wrong", ["", " x", " -1"])
def test_labels_count_where_every_image_has_one(tiny_config, tmp_path, wrong):
    config = yaml.safe_load(tiny_config.read_text())
    dataset = config["DataLoader"]["Eval"]["dataset"]
    dataset.update(image_root="root", cls_label_path=str(tmp_path / "list.txt"))
    (tmp_path / "list.txt").write_text("a.png 0\nb.png 2\n")
    assert listed(config, "Eval") == Images([Path("root/a.png"), Path("root/b.png")], [0, 2])
    (tmp_path / "list.txt").write_text(f"a.png 0\nb.png{wrong}\n")
    assert listed(config, "Eval") == Images([Path("root/a.png"), Path("root/b.png")], None)


def test_an_order_drawn_by_chance_is_that_of_its_seed():
    given = images(20, list(range(20)))
    once, again, other = (shuffled(given, seed) for seed in (1, 1, 2))
    assert once == again != other and once.labels != given.labels
    assert sorted(once.labels) == given.labels
    assert [given.paths[label] for label in once.labels] == once.paths
