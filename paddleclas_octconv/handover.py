"""What a command hands over to the trainer process that it starts: one file, read once.

The config is in there as the data it is, with every override applied: no value of it is ever
text that somebody evaluates. The folder of the file is where the process tells how it fares.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

_FILE = "handover.yaml"


@dataclass(frozen=True)
class Handover:
    """One start of a trainer process, or of each rank of it.

    Attributes:
        mode: "train", "eval", "infer" or "export".
        trainer: the folder that holds ``ppcls``.
        config: the whole config, as PaddleClas's engine takes it.
        config_file: the file it was read from, for messages.
        profiler_options: PaddleClas's ``-p``.
        resume: the output folder holds this run, or none: it goes on from its newest whole
            checkpoint, also where a launcher starts again what has failed.
        check_only: check the network and its weights, and do no more.
        checked: an earlier process of the same job has checked them.
        allow_non_finite_loss: train on where the loss is not a number.
        trust_weights: load weights even from a file that can run code.
        verbose: let the terminal have all that Paddle and PaddleClas have to say.
        is_shown: the command shows how far a training is, so PaddleClas need not.
        options: of the command line, by the keys of the config that they have set.
        batch_size: export a model that takes so many images at a time; None: any number.
    """

    mode: str
    trainer: str
    config: dict[str, Any]
    config_file: str
    profiler_options: str | None = None
    resume: bool = False
    check_only: bool = False
    checked: bool = False
    allow_non_finite_loss: bool = False
    trust_weights: bool = False
    verbose: bool = False
    is_shown: bool = False
    options: dict[str, str] = field(default_factory=dict)
    batch_size: int | None = None

    def write(self, folder: Path) -> Path:
        """Write it into a folder of the run; returns the file."""
        path = folder / _FILE
        path.write_text(yaml.dump(asdict(self), Dumper=_Dumper, sort_keys=False), encoding="utf-8")
        return path

    @classmethod
    def read(cls, path: Path) -> Handover:
        """Read what ``write`` has written."""
        return cls(**yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader))


class _Dumper(yaml.SafeDumper):
    """Writes tuples, too, which PaddleClas makes of strings such as "(0.2, 1)"."""


class _Loader(yaml.SafeLoader):
    """Reads what ``_Dumper`` writes, and no other Python object."""


_TUPLE = "tag:yaml.org,2002:python/tuple"
_Dumper.add_representer(tuple, lambda dumper, value: dumper.represent_sequence(_TUPLE, value))


def _tuple(loader: yaml.SafeLoader, node: yaml.SequenceNode) -> tuple:
    return tuple(loader.construct_sequence(node, deep=True))


_Loader.add_constructor(_TUPLE, _tuple)
