"""Every check of the list is made by each command that it is for, and in the same words."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from paddleclas_octconv.cli import job, parser_of
from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.compare import plan
from paddleclas_octconv.compare.planned import Options
from paddleclas_octconv.config import Config
from paddleclas_octconv.config.check import CHECKS, MODES, check_sections

ALL = MODES
# Of each check: something that it refuses, and in which modes. A new check needs a row here.
FAULTS = [
    ("generation of the config", "ARCHITECTURE.name=ResNet50_vd", ALL),
    ("keys that have to be there", "Loss.Train=None", ("train",)),
    ("keys that have to be there", "Infer.transforms=None", ("infer",)),
    ("keys that have to be there", "Metric.Eval=None", ALL),  # by its value
    ("keys that have to be there", "Global.epochs=0", ALL),
    ("Arch.alpha", "Arch.alpha=1.5", ALL),
    ("top-k of the metric", "Metric.Eval.0.TopkAcc.topk=9", ALL),
    (
        "one label an image, or several",
        "DataLoader.Train.dataset.name=MultiLabelDataset",
        ALL,
    ),
    ("NVIDIA DALI", "Global.use_dali=True", ("train", "eval")),
    ("Slim", "Slim.quant.name=lsq", ALL),
    ("image_shape and transforms", "Infer.transforms.1={'ResizeImage': {'size': 64}}", ALL),
    ("published weights", "Arch.pretrained=True", ALL),
    ("names and keys of PaddleClas", "Global.epoch=1", ALL),
    ("names and keys of PaddleClas", "Optimizer.momentun=0.9", ("train",)),
    (
        "data sets of this package",
        "DataLoader.Eval.dataset.image_root=dataset/cifar10/val",
        ("train", "eval"),
    ),
    ("files of weights", "Arch.pretrained=no/such", ALL),
    ("files of weights", "Global.checkpoints=no/such", ("train",)),
    ("data sets", "DataLoader.Eval.dataset.cls_label_path=no/such.txt", ("train", "eval")),
    ("data sets", "DataLoader.Train.sampler={'batch_size': 99, 'drop_last': True}", ("train",)),
    ("label map", "Infer.PostProcess.class_id_map_file=.", ("infer", "export")),
    ("links in the output folders", "Infer.save_dir=linked", ALL),
    ("images to infer", "Infer.infer_imgs=no/such", ("infer",)),
]


@pytest.fixture
def configs(tiny_config, tmp_path, monkeypatch) -> list[str]:
    """The tiny config, and that of the twin."""
    monkeypatch.chdir(tmp_path)
    sections = yaml.safe_load(tiny_config.read_text())
    sections["Arch"] = {"name": "MobileNetV1_x0_25", "class_num": 4}
    Path("twin.yaml").write_text(yaml.safe_dump(sections))
    Path("any.pdparams").touch()  # of a network that nobody builds here
    Path("linked").mkdir()
    Path("linked/out").symlink_to("../any.pdparams")
    return [str(tiny_config), "twin.yaml"]


def said(function, *arguments) -> str | None:
    """What a command refuses with; None where it would begin."""
    try:
        function(*arguments)
    except OctConvError as error:
        return str(error)
    return None


def verdict(mode: str, configs: list[str], *overrides: str) -> str | None:
    overrides = (*overrides, "Global.pretrained_model=any")
    if mode == "compare":
        options = Options(configs, overrides=list(overrides), output=Path("out"))
        return said(plan.make, options)
    words = ["-c", configs[0]] + [word for each in overrides for word in ("-o", each)]
    return said(job.job_from, mode, parser_of(mode).parse_args(words))


@pytest.mark.parametrize("mode", [*MODES, "compare"])
def test_a_config_without_a_fault_is_taken(mode, configs, fetched_trainer):
    assert verdict(mode, configs) is None


def test_each_check_has_a_fault_that_it_refuses():
    assert {name for name, *_ in FAULTS} == {check.name for check in CHECKS}


def test_where_no_trainer_is_asked_for_the_other_checks_are_made(configs):
    """As by ``paddleclas octavize``."""
    path = Path(configs[0])
    sections = yaml.safe_load(path.read_text())
    check_sections(Config(sections, path), "export")
    old = Config({**sections, "ARCHITECTURE": {"name": "ResNet50_vd"}}, path)
    with pytest.raises(OctConvError, match="ARCHITECTURE: this is a config of PaddleClas 1.x"):
        check_sections(old, "export")


@pytest.mark.parametrize("name, override, modes", FAULTS)
def test_compare_refuses_what_training_and_export_refuse(
    name, override, modes, configs, fetched_trainer
):
    key = override.partition("=")[0]
    verdicts = {mode: verdict(mode, configs, override) for mode in MODES}
    assert {mode for mode, told in verdicts.items() if told} == set(modes), verdicts
    told = {each for each in verdicts.values() if each}
    assert len(told) == 1, told
    assert key.split(".")[0] in told.pop()
    expected = verdicts["train"] or verdicts["export"]
    compared = verdict("compare", configs, override)
    assert compared == (expected and f"tiny: {expected}")
    assert not Path("out").exists()


@pytest.mark.parametrize("mode", [*MODES, "compare"])
def test_no_check_is_left_out(mode, configs, monkeypatch, fetched_trainer):
    """Each row in turn refuses everything: every command that it is for has to see it."""
    from paddleclas_octconv.config import check

    def refuse(config, use):
        raise OctConvError(f"refused {use.modes}")

    for index, row in enumerate(CHECKS):
        rows = [*CHECKS[:index], row._replace(function=refuse), *CHECKS[index + 1 :]]
        monkeypatch.setattr(check, "CHECKS", rows)
        own = {"train", "export"} if mode == "compare" else {mode}
        assert (verdict(mode, configs) is not None) == bool(own & set(row.modes)), row.name
