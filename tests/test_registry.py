"""The registry: what stands under the names, in which copy, and what it refuses."""

from __future__ import annotations

import importlib
import types

import paddleclas
import paddleclas.ppcls.arch as arch
import pytest
from backbones import NAMES  # initialises PaddleClas's logger too
from paddleclas.ppcls.arch.backbone.base.theseus_layer import TheseusLayer

from paddleclas_octconv import backbones, registry
from paddleclas_octconv.common.errors import OctConvError


def test_the_table_of_names_is_that_of_the_families():
    for family, names in backbones.FAMILIES.items():
        module = importlib.import_module(f"paddleclas_octconv.backbones.{family}")
        assert set(module.BACKBONES) == set(names)


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
    assert module.OctResNet101.octconv is registry.entry("OctResNet101")


def test_a_mistyped_option_is_named():
    with pytest.raises(
        OctConvError, match="OctResNet50 has no option 'alhpa'; did you mean alpha?"
    ):
        paddleclas.OctResNet50(alhpa=0.5)
