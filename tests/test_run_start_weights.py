"""What ``Arch.pretrained: True`` brings into a config before a process starts."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from paddleclas_octconv.backbones.published_weights import find
from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.config import Config
from paddleclas_octconv.run.start_weights import with_weights
from paddleclas_octconv.weights import published, store

USUAL = {
    "NormalizeImage": {
        "scale": "1.0/255.0",
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
        "order": "",
    }
}


@pytest.fixture
def fetched(monkeypatch):
    """What was fetched."""
    files: list[str] = []
    monkeypatch.setattr(store, "fetch", lambda checkpoint: files.append(checkpoint.file))
    return files


def complete(sections, mode):
    return with_weights(Config(sections, Path("c.yaml")), mode).sections


def config(name, **arch):
    steps = [{"DecodeImage": {"to_rgb": True}}, copy.deepcopy(USUAL)]
    return {
        "Global": {"pretrained_model": None, "output_dir": "none"},
        "Arch": {"name": name, "pretrained": True, **arch},
        "DataLoader": {
            "Train": {"dataset": {"transform_ops": copy.deepcopy(steps)}},
            "Eval": {"dataset": {"transform_ops": copy.deepcopy(steps)}},
        },
        "Infer": {"transforms": [*steps, {"ToCHWImage": None}]},
    }


def normalisations(config):
    return [
        config["DataLoader"]["Train"]["dataset"]["transform_ops"][1],
        config["DataLoader"]["Eval"]["dataset"]["transform_ops"][1],
        config["Infer"]["transforms"][1],
    ]


@pytest.mark.parametrize(
    "mode, changed", [("train", []), ("eval", [1]), ("infer", [2]), ("export", [1, 2])]
)
def test_the_weights_bring_their_normalisation(fetched, capfd, mode, changed):
    whole = complete(config("OctPreResNet50", alpha=0.25), mode)
    assert fetched == ["a03_resnet-50_alpha-0.250.tar"]
    for place, step in enumerate(normalisations(whole)):
        if place in changed:
            assert step["NormalizeImage"]["mean"] == [124.0, 117.0, 104.0]
            assert step["NormalizeImage"]["std"] == pytest.approx([59.88] * 3, abs=0.001)
        else:
            assert step == USUAL
    assert capfd.readouterr().err.count("as the weights of OctPreResNet50 were trained") == len(
        changed
    )


def test_what_is_the_same_already_stays(fetched, capfd):
    whole = complete(config("OctMobileNetV1"), "export")
    assert normalisations(whole) == [USUAL] * 3 and capfd.readouterr().err == ""
    assert whole["Arch"]["alpha"] == 0.5


def test_other_weights_take_their_place(fetched):
    whole = config("OctResNet152_v1f")
    whole["Global"]["pretrained_model"] = "output/best_model"
    whole = complete(whole, "export")
    assert whole["Arch"] == {"name": "OctResNet152_v1f", "pretrained": False, "alpha": 0.125}
    assert fetched == []


def test_networks_of_paddleclas_are_left_alone(fetched):
    whole = complete(config("ResNet50"), "eval")
    assert whole == config("ResNet50") and fetched == []


def test_what_is_not_published_is_told_before_anything_starts(fetched):
    with pytest.raises(OctConvError, match="at alpha 0.3 are published, but: 0.125, 0.25, 0.5, 0"):
        complete(config("OctPreResNet50", alpha=0.3), "train")


@pytest.mark.parametrize("mode, best", [("train", False), ("eval", True), ("export", True)])
def test_what_is_no_training_takes_the_best_weights_of_its_folder(fetched, tmp_path, mode, best):
    for name in ("latest", "best_model"):
        (tmp_path / f"{name}.pdparams").touch()
    whole = config("ResNet50", pretrained=False)
    whole["Global"]["output_dir"] = str(tmp_path)
    taken = complete(whole, mode)["Global"]["pretrained_model"]
    assert taken == (f"{tmp_path}/best_model" if best else None)
    whole["Global"]["pretrained_model"] = "others.pdparams"
    assert complete(whole, mode)["Global"]["pretrained_model"] == "others"


@pytest.mark.parametrize(
    "changed, stays",
    [
        ({}, True),
        ({"scale": 1 / 255}, True),
        ({"scale": None}, True),
        ({"scale": "1/255"}, True),
        ({"std": [0.229 * 1.005, 0.224, 0.225]}, True),  # half a per cent
        ({"std": [0.229, 0.224, 0.225 * 1.02]}, False),
        ({"mean": [0.485, 0.456 * 0.98, 0.406]}, False),
        ({"mean": [0.485, 0.456]}, False),
        ({"mean": None}, False),
        ({"scale": 1.0}, False),
        ({"scale": "1/0"}, False),
        ({"scale": "x"}, False),
        ({"std": [0.229, 0, 0.225]}, False),
    ],
)
def test_a_normalisation_stays_where_it_is_the_same_to_a_per_cent(changed, stays):
    weights = find("OctMobileNetV1", 0.5)
    given = {"NormalizeImage": {**USUAL["NormalizeImage"], "order": "hwc", **changed}}
    first, second = published.normalised(weights, [{"CropImage": None}, given])
    own = {"mean": [123.68, 116.779, 103.939], "std": [58.393, 57.12, 57.375], "scale": 1.0}
    assert first == {"CropImage": None}
    assert second == (given if stays else {"NormalizeImage": {**own, "order": "hwc"}})


def test_how_large_a_published_file_is():
    unknown = published.PublishedWeights("Net", 0.25, "ablation/x.tar", 10_000_000, 70.0, 90.0)
    assert (unknown.file, unknown.config) == ("x.tar", "Net_alpha0.25.yaml")
    assert unknown.most == 40_000_000 + 2**22 and unknown.about_size == "about 40 MB"
    assert unknown._replace(path="others/x.params").about_size == "at most 40 MB"
    known = unknown._replace(size=7_400_000)
    assert known.most == 7_400_000 and known.about_size == "7 MB"
