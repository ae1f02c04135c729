"""The registry: what stands under the names, in which copy, and what it refuses."""

from __future__ import annotations

import importlib
import types

import paddleclas
import paddleclas.ppcls.arch as arch
import pytest
from backbones import NAMES, few_blocks  # initialises PaddleClas's logger too
from conftest import run_python
from paddleclas.ppcls.arch.backbone.base.theseus_layer import TheseusLayer

from paddleclas_octconv import registry
from paddleclas_octconv.backbones.catalogue import CATALOGUE
from paddleclas_octconv.common.errors import OctConvError


@pytest.mark.parametrize("name", NAMES)
def test_every_importer_of_the_copy_has_the_same_function(name):
    function = getattr(arch.backbone, name)
    assert function.__name__ == name and name in arch.backbone.__all__
    assert getattr(arch, name) is getattr(paddleclas, name) is function


def test_a_network_is_a_layer_of_the_copy_that_builds_it():
    assert isinstance(paddleclas.OctMobileNetV1(class_num=3), TheseusLayer)


def test_build_model_and_rec_model_know_the_names():
    config = {"Arch": {"name": "OctMobileNetV1_x0_25", "class_num": 3, "alpha": 0.25}}
    assert arch.build_model(config).fc.weight.shape == [256, 3]
    recognition = arch.RecModel(Backbone={"name": "OctMobileNetV1_x0_25", "class_num": 5})
    assert recognition.backbone.fc.weight.shape == [256, 5]


def test_registering_again_changes_nothing():
    before = arch.backbone.OctResNet50
    registry.register()
    assert arch.backbone.OctResNet50 is before
    assert arch.backbone.__all__.count("OctResNet50") == 1


def test_a_name_that_is_taken_stays_and_is_told_of(monkeypatch):
    module = types.ModuleType("taken.arch.backbone")
    module.__all__ = ["OctResNet50"]
    module.OctResNet50 = theirs = object()
    base = types.ModuleType("taken.arch.backbone.base.theseus_layer")
    base.TheseusLayer = TheseusLayer
    monkeypatch.setitem(importlib.sys.modules, base.__name__, base)
    with pytest.warns(UserWarning, match="taken.arch.backbone has a OctResNet50 already; it stays"):
        registry.register_into(module)
    assert module.OctResNet50 is theirs
    assert module.OctResNet101.octconv is CATALOGUE["OctResNet101"]


def test_a_mistyped_option_is_named():
    with pytest.raises(
        OctConvError, match="OctResNet50 has no option 'alhpa'; did you mean alpha?"
    ):
        paddleclas.OctResNet50(alhpa=0.5)


def test_listing_the_names_needs_no_paddle():
    code = "import sys, paddleclas_octconv.backbones.catalogue; print('paddle' in sys.modules)"
    assert run_python("-c", code).stdout == "False\n"


@pytest.mark.parametrize("name", NAMES)
def test_every_network_knows_its_name_and_its_classes(name, undrawn):
    network = getattr(paddleclas, name)(class_num=3, **few_blocks(name))
    assert (network.arch_name, network.class_num) == (name, 3)


@pytest.mark.parametrize("option", ["num_classes", "n_classes"])
def test_other_names_for_the_number_of_classes_are_answered_with_paddleclass(option):
    with pytest.raises(OctConvError, match=rf"no option '{option}'; did you mean class_num\?"):
        paddleclas.OctResNet50(**{option: 10})
    with pytest.raises(OctConvError, match=rf"takes no '{option}'; did you mean class_num\?"):
        registry.build("MobileNetV1", **{option: 10})


def test_an_option_of_the_exporter_is_none_of_the_network():
    config = {"Arch": {"name": "OctMobileNetV1_x0_25", "infer_add_softmax": False}}
    assert arch.build_model(config).arch_name == "OctMobileNetV1_x0_25"
