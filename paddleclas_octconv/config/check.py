"""Checks a config before the trainer starts: what it names must exist and fit together.

All of them stand in ``CHECKS``, in the order in which they are made: the cheap ones first. A new
one is a function and a row there. The types and ranges of values stand in ``values.py``: no
``Config`` holds others. What needs the network itself is checked in ``child/model_check.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Callable, Iterator, NamedTuple

from .. import data
from ..backbones.catalogue import CATALOGUE
from ..backbones.published_weights import implied_weights
from ..common import machine, urls
from ..common.alpha import check_alpha
from ..common.errors import OctConvError
from ..common.files import refuse_links_out, why_no_file
from ..common.say import say
from ..octavizer.options import OCTAVE
from ..trainer.locate import Trainer, locate
from ..trainer.source import source_of
from ..weights import VANILLA
from ..weights.address import is_address
from .config import Config
from .data_sets import check_data_sets, check_images, check_label_map
from .dotted import get, has
from .image_size import misfit
from .multi_label import check_multi_label
from .recipe import PATIENCE
from .slim import check_slim
from .vocabulary import check_vocabulary

# What a trainer does; ``compare`` trains and exports, and needs a little more.
MODES = ("train", "eval", "infer", "export")

# Keys without which PaddleClas's trainer stops with a KeyError.
_ALWAYS = (
    "Global.output_dir",
    "Global.device",
    "Global.epochs",
    "Global.pretrained_model",
    "Global.use_visualdl",
    "Arch.name",
    "DataLoader",
)
REQUIRED = {
    "train": (
        *_ALWAYS,
        "Global.eval_during_train",
        "Global.print_batch_step",
        "Global.save_interval",
        "Global.checkpoints",
        "DataLoader.Train",
        "Loss.Train",
        "Optimizer",
    ),
    "eval": (*_ALWAYS, "Global.print_batch_step", "DataLoader.Eval"),
    "infer": (*_ALWAYS, "Infer.infer_imgs", "Infer.batch_size", "Infer.transforms"),
    "export": (*_ALWAYS, "Global.image_shape", "Global.save_inference_dir"),
    "compare": (
        "DataLoader.Train.dataset",
        "DataLoader.Eval.dataset",
        "DataLoader.Train.sampler.batch_size",
    ),
}
_PART = (
    "dataset.name",
    "loader.num_workers",
    "loader.use_shared_memory",
)
_OF_OLD = ("ARCHITECTURE", "TRAIN", "VALID", "LEARNING_RATE", "OPTIMIZER", "classes_num")
_MAY_BE_NULL = ("Global.pretrained_model", "Global.checkpoints")


@dataclass(frozen=True)
class Use:
    """What a config is going to be used for.

    Attributes:
        modes: some of ``MODES``, and "compare".
        allow_unknown_keys: let keys pass that neither PaddleClas nor this package reads.
        trainer: the PaddleClas that will run; None as long as no check has asked for it.
    """

    modes: tuple[str, ...]
    allow_unknown_keys: bool = False
    trainer: Trainer | None = None

    @property
    def its_trainer(self) -> Trainer:
        """The trainer, which is there for the checks that need it."""
        assert self.trainer is not None
        return self.trainer


class Check(NamedTuple):
    """A row of ``CHECKS``.

    Attributes:
        name: what is checked, in words.
        modes: it is made where a config is used for one of them.
        function: raises OctConvError, naming the key, its value and what would be right.
        needs_trainer: whether it asks the trainer's source, or for Paddle.
        reads_files: whether it looks at the files that the config names.
    """

    name: str
    modes: tuple[str, ...]
    function: Callable[[Config, Use], None]
    needs_trainer: bool = False
    reads_files: bool = False


def check_config(
    config: Config, *modes: str, checkout: str | None = None, allow_unknown_keys: bool = False
) -> Trainer:
    """Make all checks of some modes.

    Args:
        config: the config.
        *modes: what it is going to be used for: some of ``MODES``, and "compare".
        checkout: the folder of a checkout of PaddleClas to take; None: the one that is found.
        allow_unknown_keys: let keys pass that neither PaddleClas nor this package reads.

    Returns:
        The trainer that it was checked for.

    Raises:
        OctConvError: something is missing or malformed.
    """
    trainer = None
    for check, asked in _of(modes):
        if check.needs_trainer:
            trainer = trainer or _trainer(checkout)
        check.function(config, Use(asked, allow_unknown_keys, trainer))
    return trainer or _trainer(checkout)


def check_sections(config: Config, *modes: str) -> None:
    """Make those checks of some modes that need no trainer, and look at no file.

    Raises:
        OctConvError: something is missing or malformed.
    """
    for check, asked in _of(modes):
        if not (check.needs_trainer or check.reads_files):
            check.function(config, Use(asked))


def _of(modes: tuple[str, ...]) -> Iterator[tuple[Check, tuple[str, ...]]]:
    """The checks of some modes, each with those that it is made for."""
    for check in CHECKS:
        asked = tuple(mode for mode in modes if mode in check.modes)
        if asked:
            yield check, asked


def _trainer(checkout: str | None) -> Trainer:
    if not machine.has_paddle():  # else its process ends in a traceback for want of it
        raise OctConvError(machine.NO_PADDLE)
    return locate(checkout)


def check_generation(config: Config, use: Use) -> None:
    """Refuse a config of the years before PaddleClas 2.1, whose sections were other ones."""
    old = [section for section in _OF_OLD if section in config]
    if old and not use.allow_unknown_keys:
        raise OctConvError(
            f"{old[0]}: this is a config of PaddleClas 1.x or 2.0, which had other sections: "
            "'paddleclas prepare folder' writes one of today, 'paddleclas configs' lists more"
        )


def check_keys(config: Config, use: Use) -> None:
    """Check that a config has what its modes ask of any config."""
    for mode in use.modes:
        for key in (*REQUIRED[mode], *_of_the_parts(config, mode)):
            if config.at(key) is None and not (key in _MAY_BE_NULL and has(config, key)):
                raise OctConvError(f"{key}: missing from the config")
    patience = config.at(PATIENCE)
    if patience and "train" in use.modes and not config.at("Global.eval_during_train"):
        raise OctConvError(
            f"{PATIENCE}: {patience} counts evaluations, but Global.eval_during_train is False"
        )


def _of_the_parts(config: Config, mode: str) -> Iterator[str]:
    """What a mode asks of the parts of DataLoader, and of evaluation in training."""
    parts = {"train": ["Train"], "eval": ["Eval"]}.get(mode, [])
    if mode == "train" and config.at("Global.eval_during_train"):
        yield "Global.eval_interval"
        yield "DataLoader.Eval"
        parts.append("Eval")
    if "Eval" in parts and config.at("Global.eval_mode") in (None, "classification"):
        yield "Metric.Eval"
    for part in parts:
        section = config.at(f"DataLoader.{part}")
        if part == "Train" or "dataset" in (section or ()):
            yield from (f"DataLoader.{part}.{key}" for key in _PART)
            if get(section, "sampler.first_bs") is None:  # that of a sampler of several sizes
                yield f"DataLoader.{part}.sampler.batch_size"


def check_alpha_of_arch(config: Config, use: Use) -> None:
    """Check the share of low-frequency channels of an octave network."""
    arch = config["Arch"]
    if config.network in (*CATALOGUE, OCTAVE) and "alpha" in arch:
        try:
            check_alpha(arch["alpha"], stages=None)
        except OctConvError as error:
            raise OctConvError(f"Arch.alpha: {error}") from None


def check_topk(config: Config, use: Use) -> None:
    """See that a top-k is left to choose the best epoch by: PaddleClas drops those that are more
    than there are classes."""
    classes = config.at("Arch.class_num")
    for index, metric in enumerate(config.at("Metric.Eval") or ()):
        topk = get(metric, "TopkAcc.topk")
        counts = topk if isinstance(topk, (list, tuple)) else [topk]
        if classes is not None and topk is not None and min(counts) > classes:
            raise OctConvError(
                f"Metric.Eval.{index}.TopkAcc.topk: {topk} is more than Arch.class_num: {classes}"
            )


def check_dali(config: Config, use: Use) -> None:
    """See that NVIDIA DALI is there where it shall read the images."""
    if config.at("Global.use_dali") and not _has_dali():
        raise OctConvError(
            "Global.use_dali: True, but NVIDIA DALI is not installed: False reads images without it"
        )


def _has_dali() -> bool:
    try:
        return find_spec("nvidia.dali") is not None
    except ModuleNotFoundError:
        return False


def check_image_shape(config: Config, use: Use) -> None:
    """See that the transforms make what the network is exported for.

    Some configs of PaddleClas have always missed that, and train all the same: of those that are
    not for a network of this package it is said, not refused.
    """
    wrong = misfit(config)
    if wrong is None:
        return
    if config.network in CATALOGUE or misfit(Config.read(config.file)) is None:
        raise OctConvError(wrong)
    say(f"warning: {wrong}")


def check_published(config: Config, use: Use) -> None:
    """See that there are such weights as ``Arch.pretrained: True`` asks for."""
    if config["Arch"].get("pretrained") is True and config.network in CATALOGUE:
        try:
            implied_weights(config.network, config["Arch"])
        except OctConvError as error:
            raise OctConvError(f"Arch.{error}") from None


def check_names(config: Config, use: Use) -> None:
    """Check that PaddleClas knows the names and keys of a config."""
    source = source_of(use.its_trainer.root)
    for mode in use.modes:
        check_vocabulary(config, mode, source, use.allow_unknown_keys)


def check_own_data(config: Config, use: Use) -> None:
    """See that the data sets of this package are there; handwritten digits are prepared."""
    for mode in use.modes:
        data.ensure_for(config, mode)


def check_weights(config: Config, use: Use) -> None:
    """Check the files of the weights that a config starts from."""
    suffixes: dict[str, tuple[str, ...]] = {
        "Global.pretrained_model": (".pdparams",),
        "Arch.pretrained": (".pdparams",),
    }
    if "train" in use.modes:
        suffixes["Global.checkpoints"] = (".pdparams", ".pdopt", ".pdstates")
    for key, needed in suffixes.items():
        weights = config.at(key)
        flags = (True, False) if key == "Arch.pretrained" else ()
        if weights is None or weights in flags or _is_vanilla(config, key, weights):
            continue
        if not isinstance(weights, str):
            raise OctConvError(f"{key}: {weights!r} should be the path of a .pdparams file")
        if is_address(weights):
            if key == "Global.checkpoints":
                raise OctConvError(
                    f"{key}: {weights}: should be a path: a checkpoint is three files"
                )
            if not urls.split(weights, key).path.endswith(".pdparams"):
                raise OctConvError(f"{key}: {weights}: should be the address of a .pdparams file")
            continue
        prefix = weights[: -len(".pdparams")] if weights.endswith(".pdparams") else weights
        for suffix in needed:
            wrong = why_no_file(prefix + suffix)
            if wrong:
                raise OctConvError(f"{key}: {weights}: {wrong}: {prefix}{suffix}")


def _is_vanilla(config: Config, key: str, weights: Any) -> bool:
    """Whether these are the twin's weights that PaddleClas publishes."""
    if key != "Arch.pretrained":
        return False
    if config.network == OCTAVE:
        return weights == VANILLA
    entry = CATALOGUE.get(config.network)
    return entry is not None and weights in (VANILLA, entry.twin)


def check_output_folders(config: Config, use: Use) -> None:
    """What is written, logs in every mode, stays in its folder."""
    for key in ("Global.output_dir", "Infer.save_dir"):
        folder = config.at(key)
        if isinstance(folder, str):
            refuse_links_out(folder, key)


CHECKS = (
    Check("generation of the config", (*MODES, "compare"), check_generation),
    Check("keys that have to be there", (*MODES, "compare"), check_keys),
    Check("Arch.alpha", MODES, check_alpha_of_arch),
    Check("top-k of the metric", MODES, check_topk),
    Check(
        "one label an image, or several",
        MODES,
        lambda config, use: check_multi_label(config, use.modes),
    ),
    Check("NVIDIA DALI", ("train", "eval"), check_dali),
    Check("Slim", MODES, lambda config, use: check_slim(config.get("Slim"))),
    Check("image_shape and transforms", MODES, check_image_shape),
    Check("published weights", MODES, check_published),
    Check("names and keys of PaddleClas", MODES, check_names, needs_trainer=True),
    Check("data sets of this package", MODES, check_own_data, reads_files=True),
    Check("files of weights", MODES, check_weights, reads_files=True),
    Check(
        "data sets",
        ("train", "eval"),
        lambda config, use: check_data_sets(config, use.modes),
        reads_files=True,
    ),
    Check(
        "label map",
        ("infer", "export"),
        lambda config, use: check_label_map(config, use.modes),
        reads_files=True,
    ),
    Check("links in the output folders", MODES, check_output_folders, reads_files=True),
    Check(
        "images to infer",
        ("infer",),
        lambda config, use: check_images(config),
        reads_files=True,
    ),
)
