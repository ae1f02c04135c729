"""What is asked for: a trained network, and how it shall become octave. Checked without Paddle."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping, Sequence

from ..backbones.catalogue import CATALOGUE
from ..checkpoints.outputs import best_weights
from ..common.alpha import check_alpha
from ..common.errors import OctConvError
from ..common.files import digest, why_no_file
from ..config import Config
from ..config.check import check_sections
from ..deploy import metadata
from ..octavizer.options import NAMES, OCTAVE

ALPHA = 0.5
CALIBRATION = 400  # images
_TWINS = {entry.twin: name for name, entry in CATALOGUE.items() if entry.twin}
# Keys of Arch that say how a network is trained or exported, not what it is.
_KEPT = ("use_sync_bn", "infer_add_softmax")
_BESIDES = ("pretrained", "use_ssld", *_KEPT)
_OF_TWINS = ("class_num",)  # options that every twin has too


@dataclass(frozen=True)
class Task:
    """A trained network, and what shall become of it.

    Attributes:
        config: of the vanilla network, overrides applied.
        weights: its ``.pdparams`` file; None: those that ``Arch.pretrained`` names.
        output: the folder to make.
        alpha: as in ``octavize``; None: it is searched for.
        max_drop: points that may be lost; None: no search.
        images: to calibrate on.
        engine: that the networks are measured in.
        seed: of what is drawn by chance.
        distil: the file of a distilling config to write; None: none.
    """

    config: Config
    weights: str | None
    output: Path
    alpha: float | Sequence[float] | None
    max_drop: float | None
    images: int
    engine: str
    seed: int
    distil: Path | None = None

    @property
    def vanilla(self) -> dict[str, Any]:
        """``Arch`` of the vanilla network, with no more than what makes it what it is."""
        arch = bare_arch(self.config)
        if self.weights is None:
            given = ("pretrained", "use_ssld")
            arch.update({k: v for k, v in self.config["Arch"].items() if k in given})
        return arch

    @property
    def shape(self) -> list[int]:
        """Channels, height and width of an image."""
        return list(self.config.image_shape)

    @property
    def transforms(self) -> dict[str, Any]:
        """Those of evaluation, as ``deploy.images.Preprocess`` takes them."""
        evaluated = {**self.config, "Infer": None}  # whose own would go before
        return {
            "transform_ops": metadata.transform_ops(evaluated),
            "decode_image": metadata.decode_image(evaluated),
        }

    @property
    def stamp(self) -> str:
        """Tells what is made, so that a killed run is gone on with by the same command alone."""
        weights = self.weights and digest(Path(self.weights))
        asked = [self.alpha, self.max_drop, self.images, self.engine, self.seed, weights]
        return json.dumps([self.config.sections, asked], default=str)


def check(config: Config) -> None:
    """Check that a config is of a vanilla network that classifies, on images of one size.

    Raises:
        OctConvError: naming the key, its value and what would be right.
    """
    name = config.at("Arch.name")
    if not isinstance(name, str):
        raise OctConvError("Arch.name: missing from the config")
    if name in CATALOGUE or (name == OCTAVE and config.at("Arch.alpha") != 0):
        raise OctConvError(
            f"Arch.name: {name} is an octave network already: give the config of a vanilla one"
        )
    for key, one_class in (("eval_mode", "classification"), ("use_multilabel", False)):
        value = config.at(f"Global.{key}")
        if value not in (None, one_class):
            raise OctConvError(
                f"Global.{key}: {value!r}: only networks that classify into one class are octavized"
            )
    shape = config.image_shape
    if shape[1] != shape[2]:
        raise OctConvError(
            f"Global.image_shape: {shape}: only square images can be measured, such as "
            f"[3, 224, 224]"
        )
    check_sections(config, "export")


def check_options(alpha: Any, max_drop: float | None) -> None:
    """Check ``--alpha``, and that it goes with ``--max-drop``.

    Raises:
        OctConvError: they do not, or alpha is no share, or leaves everything as it is.
    """
    if alpha is None:
        return
    if max_drop is not None:
        raise OctConvError("--alpha: --max-drop finds it by measuring; give one of the two")
    try:
        check_alpha(alpha, None)
    except OctConvError as error:
        raise OctConvError(f"--alpha: {error}") from None
    if not any(alpha if isinstance(alpha, (list, tuple)) else [alpha]):
        raise OctConvError(f"--alpha: at {alpha} nothing becomes octave; give a number above 0")


def find_weights(config: Config) -> str | None:
    """The trained weights: those of ``Global.pretrained_model`` if it was asked for, else the best
    of the config's own training; None where the network brings its own (``Arch.pretrained``).

    Raises:
        OctConvError: there are none.
    """
    try:
        return f"{best_weights(config.output_dir, config.network)}.pdparams"
    except OctConvError as error:
        given = config.at("Global.pretrained_model")
        if given:
            return file_of(given, "Global.pretrained_model")
        if config.at("Arch.pretrained"):
            return None
        raise OctConvError(
            f"{str(error).partition(': train first')[0]}: train first, or give some with --weights"
        ) from None


def file_of(path: str, name: str) -> str:
    """The ``.pdparams`` file of a path, which may lack that suffix.

    Raises:
        OctConvError: there is none.
    """
    file = path if path.endswith(".pdparams") else f"{path}.pdparams"
    wrong = why_no_file(file)
    if wrong:
        raise OctConvError(f"{name} {path}: {wrong}" + ("" if file == path else f": {file}"))
    return file


def bare_arch(config: Mapping[str, Any]) -> dict[str, Any]:
    """``Arch`` of a config, with no more than what makes its network what it is."""
    return {k: v for k, v in config["Arch"].items() if k not in _BESIDES}


def arch_in(config: Mapping[str, Any], arch: Mapping[str, Any]) -> dict[str, Any]:
    """Another network's ``Arch``, to be trained and exported as a config says of its own."""
    kept = {k: v for k, v in config["Arch"].items() if k in _KEPT}
    return {**{k: v for k, v in arch.items() if k != "pretrained"}, **kept}


def octave_arch(
    vanilla: Mapping[str, Any],
    alpha: float | Sequence[float],
    side: int,
    by_resolution: bool = False,
) -> dict[str, Any]:
    """``Arch`` of an octave network: our own where there is one by hand, else ``Octave``.

    Args:
        vanilla: ``Arch`` of the vanilla network.
        alpha: as in ``octavize``.
        side: of the images, in pixels.
        by_resolution: ``alpha`` is a list for each resolution, as ``Octave`` alone takes it.
    """
    rest = {k: v for k, v in vanilla.items() if k not in ("name", "pretrained", "use_ssld")}
    twin = _TWINS.get(vanilla["name"])
    alpha = list(alpha) if isinstance(alpha, (list, tuple)) else alpha
    if twin and not by_resolution and set(rest) <= set(_OF_TWINS):
        return {"name": twin, **rest, "alpha": alpha, "keep_stride": True}
    if vanilla["name"] == OCTAVE:  # at alpha 0, as for a network from elsewhere
        arch = {k: v for k, v in rest.items() if k not in NAMES}
    else:
        class_num = {"class_num": rest.pop("class_num")} if "class_num" in rest else {}
        arch = {"backbone": {"name": vanilla["name"], **rest}, **class_num}
    return {"name": OCTAVE, **arch, "alpha": alpha, "input_size": side, "keep_stride": True}
