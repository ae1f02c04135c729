"""Mistyped names and keys of a config are told, with the near ones, before anything starts."""

from __future__ import annotations

import copy

import pytest

from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.config import Config, load_config, shipped_configs
from paddleclas_octconv.config.check import check_sections
from paddleclas_octconv.config.vocabulary import check_vocabulary
from paddleclas_octconv.trainer.source import Source

MODES = ("train", "eval", "infer", "export")
# PaddleClas's own that its trainer fails on: they name a transform that the version they come with
# does not have, or give null where it takes text.
BROKEN = (
    "ResNet50_UReID_infer.yaml",
    "PULC/clarity_assessment/PPLCNet_x1_0.yaml",
    "FasterNet/FasterNet_T0.yaml",
)


@pytest.fixture(scope="module")
def source(fetched_trainer):
    return Source(fetched_trainer)


def message(config, source, mode="train", **options) -> str:
    with pytest.raises(OctConvError) as error:
        check_vocabulary(config, mode, source, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def changed(tiny_config, *overrides):
    return load_config(tiny_config, overrides)


@pytest.mark.parametrize("mode", MODES)
def test_the_shipped_configs_pass(source, mode):
    for path in shipped_configs().values():
        check_vocabulary(load_config(path), mode, source)


def test_every_config_of_a_checkout_passes(checkout):
    source, count = Source(checkout), 0
    for path in sorted((checkout / "ppcls" / "configs").rglob("*.yaml")):
        config = load_config(path)
        if not {"Global", "Arch", "DataLoader"} <= set(config):
            continue  # for PaddleClas's older or other tools
        broken = str(path).endswith(BROKEN)
        for mode in MODES:
            try:
                check_vocabulary(config, mode, source)
            except OctConvError as error:
                assert broken, f"{path}: {error}"
            try:
                check_sections(Config(config, path), mode)
            except OctConvError as error:
                here = ("missing", "Slim", "DALI is not installed")  # what this machine lacks
                assert broken or any(each in str(error) for each in here), f"{path}: {error}"
        count += 1
    assert count > 300


@pytest.mark.parametrize(
    "override, told",
    [
        ("Global.epoch=1", "Global.epoch: PaddleClas reads no such key; did you mean "
         "Global.epochs"),
        ("Global.Epochs=1", "did you mean Global.epochs"),
        ("Optimiser.name=Adam", "Optimiser: PaddleClas reads no such key; did you mean Optimizer"),
        ("DataLoader.train={}", "DataLoader.train: PaddleClas reads no such key; did you mean "
         "DataLoader.Train"),
        ("DataLoader.Train.samplers={}", "did you mean DataLoader.Train.sampler"),
        ("DataLoader.Train.sampler.batchsize=4",
         "did you mean DataLoader.Train.sampler.batch_size"),
        ("DataLoader.Train.loader.num_worker=0",
         "did you mean DataLoader.Train.loader.num_workers"),
        ("DataLoader.Train.dataset.image_rot=x",
         "did you mean DataLoader.Train.dataset.image_root"),
        ("DataLoader.Train.dataset.name=ImageNetDataSet", "'ImageNetDataSet': PaddleClas has no "
         "such dataset; did you mean ImageNetDataset"),
        ("DataLoader.Train.sampler.name=BatchSamplr", "did you mean BatchSampler"),
        ("DataLoader.Train.dataset.transform_ops.1={'NormaliseImage': None}", "transform_ops.1: "
         "'NormaliseImage': PaddleClas has no such transform; did you mean NormalizeImage"),
        ("DataLoader.Train.dataset.transform_ops.1.NormalizeImage.men=[0]", "NormalizeImage.men: "
         "NormalizeImage reads no such key"),
        ("Loss.Train.0={'CELos': {'weight': 1.0}}", "'CELos': PaddleClas has no such Loss"),
        ("Loss.Train.0.CELoss.epsilom=0.1", "did you mean Loss.Train.0.CELoss.epsilon"),
        ("Loss.Trian=[]", "did you mean Loss.Train"),
        ("Metric.Train.0={'TopKAccuracy': None}", "did you mean TopkAcc"),
        ("Metric.Eval.0.TopkAcc.topK=[1]", "did you mean Metric.Eval.0.TopkAcc.topk"),
        ("Optimizer.name=Adma", "Optimizer.name: 'Adma': PaddleClas has no such optimizer; did you "
         "mean Adam"),
        ("Optimizer.momentun=0.9", "Optimizer.momentun: Adam reads no such key"),
        ("Optimizer.lr.name=Cosin", "Optimizer.lr.name: 'Cosin': PaddleClas has no such scheduler; "
         "did you mean Cosine"),
        ("Optimizer.lr.learning_rat=1", "did you mean Optimizer.lr.learning_rate"),
        ("Optimizer.regularizer={'name': 'L3'}", "'L3' should be L1 or L2"),
        ("EMA.decai=0.9", "did you mean EMA.decay"),
        ("AMP.levell=O1", "did you mean AMP.level"),
        ("Loss.Train.0={'__import__(\"os\").abort': {'weight': 1}}", "PaddleClas has no such Loss"),
    ],
)  # fmt: skip
def test_a_mistyped_name_or_key_is_told_with_the_near_one(source, tiny_config, override, told):
    assert told in message(changed(tiny_config, override), source)


@pytest.mark.parametrize(
    "override, told",
    [
        ("Infer.transforms.2={'ToCHW': None}", "did you mean ToCHWImage"),
        ("Infer.PostProcess.name=TopK", "did you mean Topk"),
        ("Infer.PostProcess.top=5", "did you mean Infer.PostProcess.topk"),
        ("Infer.infer_img=x", "did you mean Infer.infer_imgs"),
    ],
)
def test_what_infers_is_checked_when_it_is_to(source, tiny_config, override, told):
    assert told in message(changed(tiny_config, override), source, "infer")


def test_what_this_package_brings_is_known(source, tiny_config):
    """PaddleClas 2.4 has no such step; ``child/`` gives it one."""
    config = changed(tiny_config)
    config["Infer"]["PostProcess"] = {"name": "MultiLabelThreshOutput", "threshold": 0.5}
    check_vocabulary(config, "infer", source)
    config["Infer"]["PostProcess"]["topk"] = 2
    told = "Infer.PostProcess.topk: MultiLabelThreshOutput reads no such key"
    assert told in message(config, source, "infer")


@pytest.mark.parametrize("part", ["Query", "Gallery"])
def test_retrieval_data_are_checked_as_well(source, tiny_config, part):
    config = changed(tiny_config)
    good = config["DataLoader"]["Eval"]
    config["DataLoader"]["Eval"] = {"Query": good, "Gallery": copy.deepcopy(good)}
    check_vocabulary(config, "eval", source)
    config["DataLoader"]["Eval"][part] = copy.deepcopy(good)
    config["DataLoader"]["Eval"][part]["sampler"]["batchsize"] = 3
    assert f"DataLoader.Eval.{part}.sampler.batchsize" in message(config, source, "eval")


def test_an_option_lets_unknown_keys_through_but_no_unknown_names(source, tiny_config):
    config = changed(tiny_config, "Global.mine=1", "Optimizer.mine=1", "Loss.mine=[]")
    check_vocabulary(config, "train", source, allow_unknown=True)
    config["Optimizer"]["name"] = "Adma"
    assert "did you mean Adam" in message(config, source, allow_unknown=True)


def test_open_sections_stay_open(source, tiny_config):
    config = changed(tiny_config, "Arch.any=1", "MyAnchors.a=1")
    check_vocabulary(config, "train", source)


def test_names_are_those_of_the_trainer_that_will_run(tmp_path, tiny_config):
    """Of a version of one's own, with a loss and a key of Global that no other has."""
    files = {
        "loss/__init__.py": "from .mine import MyLoss as OurLoss\nfrom .celoss import *\n",
        "loss/mine.py": "class Base:\n    def __init__(self, mu, **kwargs):\n        pass\n"
        "class MyLoss(Base):\n    def __init__(self, nu, **kwargs):\n"
        "        super().__init__(**kwargs)\n",
        "loss/celoss.py": "class CELoss:\n    def __init__(self, epsilon=None):\n        pass\n",
        "engine/engine.py": "print(config['Global']['mine'], config.Global.ours)\n",
    }
    for name, text in files.items():
        (tmp_path / "ppcls" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "ppcls" / name).write_text(text)
    own = Source(tmp_path)
    config = changed(
        tiny_config,
        "Global.mine=1",
        "Global.ours=1",
        "Loss.Train=[{'OurLoss': {'weight': 1, 'mu': 1, 'nu': 2}}]",
    )
    check_vocabulary(config, "train", own)
    config["Loss"]["Train"][0]["OurLoss"]["xi"] = 3
    assert "Loss.Train.0.OurLoss.xi: OurLoss reads no such key" in message(config, own)
    config["Loss"]["Train"] = [{"MyLoss": {"weight": 1}}]
    assert "did you mean CELoss or OurLoss" in message(config, own)
