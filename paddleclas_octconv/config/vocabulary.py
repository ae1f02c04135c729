"""The names and keys of a config: a mistyped one would stop the trainer late, or be passed over.

Which transforms, losses, schedulers and the like there are, and which options they take, is read
from the source of the trainer that will run; which keys the other sections have stands here, and
what that source reads besides is accepted. ``Arch`` is checked with the network itself.
"""

from __future__ import annotations

from typing import Any, Iterable, Iterator, Mapping

from ..common.errors import OctConvError
from ..common.suggest import suggest
from ..trainer.source import Source
from .multi_label import POST_PROCESS

ALLOW_OPTION = "--allow-unknown-keys"

_SECTIONS = (
    *("Global", "Arch", "Loss", "UnLabelLoss", "Optimizer", "DataLoader", "Metric", "Infer"),
    *("AMP", "EMA", "Slim", "SSL", "MLDecoder", "IndexProcess"),
)
# Of all versions of PaddleClas from 2.4 on.
_GLOBAL = (
    *("checkpoints", "pretrained_model", "output_dir", "device", "seed", "epochs", "class_num"),
    *("save_interval", "eval_during_train", "eval_interval", "start_eval_epoch", "eval_mode"),
    *("print_batch_step", "use_visualdl", "image_shape", "image_channel", "save_inference_dir"),
    *("to_static", "use_dali", "use_multilabel", "train_mode", "iter_per_epoch", "update_freq"),
    *("warmup_iter", "log_ranks", "print_mem_info", "feature_normalize", "feature_binarize"),
    *("retrieval_feature_from", "re_ranking", "sim_block_size", "infer_imgs", "export_for_fd"),
    *("uniform_output_enabled", "pdx_model_name", "hpi_config_path", "distributed"),
    *("export_type", "infer_config", "use_gpu", "dy2st", "flags"),
    "patience",  # of this package
)
_KEYS: dict[str, tuple[str, ...]] = {
    "AMP": (
        *("use_amp", "scale_loss", "use_dynamic_loss_scaling", "level", "use_fp16_test"),
        *("use_promote", "use_pure_fp16", "fp16_custom_white_list", "fp16_custom_black_list"),
    ),
    "EMA": ("decay",),
    "Infer": ("infer_imgs", "infer_list", "batch_size", "transforms", "PostProcess", "save_dir"),
    "Metric": ("Train", "Eval"),
    "Loss": ("Train", "Eval", "Basic", "MetaTrain", "MetaTest"),
    "UnLabelLoss": ("Train",),
}
_LOADER = ("num_workers", "use_shared_memory")
_PARTS = ("Train", "Eval", "Test", "Query", "Gallery", "UnLabelTrain", "Metalearning")
_DATA = ("dataset", "sampler", "loader")
_TRANSFORMS = ("transform_ops", "transform_ops_weak", "transform_ops_strong")
_REGULARIZERS = {"L1": ("coeff",), "L2": ("coeff",)}
# Of trainers that lack them this package brings them (child/multi_label.py).
_OURS = {"PostProcess": {POST_PROCESS: ("threshold", "class_id_map_file", "delimiter")}}
# Paddle's own classes, whose source is not the trainer's.
_OF_PADDLE = {
    "DistributedBatchSampler": ("batch_size", "num_replicas", "rank", "shuffle", "drop_last"),
    "BatchSampler": ("sampler", "batch_size", "shuffle", "drop_last"),
}


def check_vocabulary(
    config: Mapping[str, Any], mode: str, source: Source, allow_unknown: bool = False
) -> None:
    """Check the names and keys of all sections that a mode reads.

    Args:
        config: the config, overrides applied.
        mode: "train", "eval", "infer" or "export".
        source: of the trainer that will run.
        allow_unknown: let keys through that nobody reads; unknown names stay errors.

    Raises:
        OctConvError: naming the key, and those near to it.
    """
    check = _Check(source, allow_unknown)
    check.top(config)
    for key in {"train": ("Train", "Eval"), "eval": ("Eval",)}.get(mode, ()):
        check.data(_section(config, "DataLoader"), f"DataLoader.{key}", key)
        for name in ("Loss", "Metric", "UnLabelLoss"):
            check.choices(_section(config, name).get(key), f"{name}.{key}", name)
    if mode == "train":
        check.optimizers(config.get("Optimizer"))
    if mode == "infer":
        infer = _section(config, "Infer")
        check.choices(infer.get("transforms"), "Infer.transforms", "transform")
        check.named(infer.get("PostProcess"), "Infer.PostProcess", "PostProcess")


class _Check:
    """Looks names up in a trainer's source."""

    # Where each kind of name is looked up, and the options that never reach what it stands for:
    # its builder takes them, or PaddleClas's own configs have them though nobody does.
    KINDS: dict[str, tuple[str, tuple[str, ...]]] = {
        "Loss": ("ppcls.loss", ("weight",)),
        "UnLabelLoss": ("ppcls.loss", ("weight",)),
        "Metric": ("ppcls.metric", ()),
        "transform": ("ppcls.data.preprocess", ()),
        "dataset": ("ppcls.data", ("batch_transform_ops",)),
        "sampler": ("ppcls.data", ("shuffle",)),
        "optimizer": (
            "ppcls.optimizer.optimizer",
            ("scope", "lr", "regularizer", "weight_decay", "clip_norm", "clip_grad"),
        ),
        "scheduler": ("ppcls.optimizer.learning_rate", ("learning_rate", "verbose")),
        "PostProcess": ("ppcls.data.postprocess", ()),
    }

    def __init__(self, source: Source, allow_unknown: bool) -> None:
        self._source, self._allow_unknown = source, allow_unknown

    def top(self, config: Mapping) -> None:
        for name in config:
            # Other sections are nobody's business: a place for anchors, say.
            near = suggest(str(name), _SECTIONS, 1) if name not in _SECTIONS else ""
            if near and not self._allow_unknown:
                self._unknown(str(name), near)
        unread = [key for key in _section(config, "Global") if key not in _GLOBAL]
        if unread:
            self.keys(unread, "Global", (*_GLOBAL, *self._source.keys_of("Global")))
        self.train_mode(_section(config, "Global").get("train_mode"))
        for name, known in _KEYS.items():
            self.keys(_section(config, name), name, known)

    def train_mode(self, given: Any) -> None:
        """One of the ways to train an epoch, where the trainer has several."""
        prefix = "train_epoch_"
        functions = self._source.spelled("ppcls.engine.train")
        known = [name[len(prefix) :] for name in functions if name.startswith(prefix)]
        if given is not None and known and given not in known:
            raise OctConvError(
                f"Global.train_mode: {given!r}: PaddleClas has no such mode"
                f"{suggest(str(given), known)}"
            )

    def data(self, loaders: dict, key: str, name: str) -> None:
        part = loaders.get(name)
        self.keys(loaders, "DataLoader", (*_PARTS, "class_num", "epochs", "mean", "std"))
        if not isinstance(part, dict):
            return
        # Retrieval evaluates two sets, Query and Gallery, or one of any name.
        inner = {name: one for name, one in part.items() if _section(part, name).get("dataset")}
        for name, one in inner.items():
            self._data_set(one, f"{key}.{name}")
        if not inner or "dataset" in part:
            self._data_set(part, key)

    def _data_set(self, part: dict, key: str) -> None:
        self.keys(part, key, _DATA)
        self.named(part.get("dataset"), f"{key}.dataset", "dataset")
        sampler = part.get("sampler")
        if isinstance(sampler, dict) and "name" in sampler:
            self.named(sampler, f"{key}.sampler", "sampler")
        self.keys(_section(part, "loader"), f"{key}.loader", _LOADER)
        dataset = _section(part, "dataset")
        for name in dataset:
            if str(name).startswith(_TRANSFORMS) or name == "batch_transform_ops":
                self.choices(dataset[name], f"{key}.dataset.{name}", "transform")

    def optimizers(self, optimizers: Any) -> None:
        if isinstance(optimizers, dict):
            self._optimizer(optimizers, optimizers.get("name"), "Optimizer")
        for index, name, options in _choices(optimizers):
            if isinstance(options, dict):
                self._optimizer(options, name, f"Optimizer.{index}.{name}")

    def _optimizer(self, options: dict, name: Any, key: str) -> None:
        self.options(options, key, name, "optimizer", f"{key}.name")
        lr, regularizer = options.get("lr"), options.get("regularizer")
        if isinstance(lr, dict) and "name" in lr:
            self.named(lr, f"{key}.lr", "scheduler")
        if isinstance(regularizer, dict):
            given = regularizer.get("name")
            if given not in _REGULARIZERS:
                raise OctConvError(
                    f"{key}.regularizer.name: {given!r} should be {' or '.join(_REGULARIZERS)}"
                )
            self.keys(regularizer, f"{key}.regularizer", ("name", *_REGULARIZERS[given]))

    def named(self, section: Any, key: str, kind: str) -> None:
        """A section that says in ``name`` what takes its other keys."""
        if isinstance(section, dict):
            self.options(section, key, section.get("name"), kind, f"{key}.name")

    def choices(self, items: Any, key: str, kind: str) -> None:
        """A list of ``{name: options}``."""
        for index, name, options in _choices(items):
            self.options(options, f"{key}.{index}.{name}", name, kind, f"{key}.{index}")

    def options(self, options: Any, key: str, name: Any, kind: str, name_key: str) -> None:
        """The options of something that a name stands for."""
        module, extra = self.KINDS[kind]
        known = {
            each: found
            for each, found in self._source.names(module).items()
            if found.is_class(each)
        }
        if not known:  # a trainer with another layout
            return
        ours = _OURS.get(kind, {})
        if isinstance(name, str) and name in ours and name not in known:
            self.keys(options or (), key, ("name", *ours[name]), name)
            return
        if not isinstance(name, str) or name not in known:
            raise OctConvError(
                f"{name_key}: {name!r}: PaddleClas has no such {kind}{suggest(str(name), known)}"
            )
        accepted = _OF_PADDLE.get(name) or self._source.parameters(known[name])
        if accepted is not None and isinstance(options, dict):
            self.keys(options, key, ("name", *extra, *accepted), name)

    def keys(self, section: Iterable, key: str, known: Iterable[str], reader: str = "") -> None:
        """All keys of a section are among those known."""
        for name in section:
            if name not in known and not self._allow_unknown:
                self._unknown(f"{key}.{name}", suggest(str(name), known, 1, f"{key}."), reader)

    def _unknown(self, key: str, near: str, reader: str = "PaddleClas") -> None:
        raise OctConvError(
            f"{key}: {reader or 'PaddleClas'} reads no such key{near} "
            f"({ALLOW_OPTION} lets it through)"
        )


def _section(config: Mapping, name: str) -> dict:
    section = config.get(name)
    return section if isinstance(section, dict) else {}


def _choices(items: Any) -> Iterator[tuple[int, Any, Any]]:
    """(index, name, options) of each item of a list of ``{name: options}``."""
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, dict) and len(item) == 1:
            ((name, options),) = item.items()
            yield index, name, options
