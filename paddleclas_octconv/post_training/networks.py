"""The networks, in a process of their own that has Paddle: built, solved, counted, exported."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..common.errors import OctConvError
from ..common.worker import Progress
from ..patches import late_imports
from ..patches.python_eval import evaluate_names_and_numbers

if TYPE_CHECKING:
    import numpy as np
    from paddle import nn


class Networks:
    """A vanilla network with its weights, and one octave network that stands for it."""

    def __init__(self) -> None:
        late_imports.install()
        evaluate_names_and_numbers()  # networks are built of what a config says
        self._arch: dict[str, Any] = {}
        self._weights: dict[str, np.ndarray] | None = None
        self._shape = (3, 224, 224)
        self._images: np.ndarray | None = None
        self._octave: nn.Layer | None = None
        self._ordered: nn.Layer | None = None  # the vanilla one that all others are solved by
        self._wanted: np.ndarray | None = None  # what the vanilla network says

    def open(self, arch: dict[str, Any], weights: str | None, shape: list[int]) -> dict[str, Any]:
        """Build the vanilla network and see that the weights are its own.

        Args:
            arch: its ``Arch``.
            weights: a ``.pdparams`` file; None: those that ``arch`` itself asks for.
            shape: channels, height and width of an image.

        Returns:
            ``multiply_adds`` of the network.
        """
        from ..weights.match import check_weights
        from ..weights.safe_load import load_weights

        self._arch, self._shape = arch, (shape[0], shape[1], shape[2])
        if weights is not None:
            self._weights = load_weights(weights)
            name = arch["name"]
            check_weights(self._build(arch), self._weights, f"--weights: {weights} is not {name}'s")
        return {"multiply_adds": self._multiply_adds(self._vanilla())}

    def strides(self) -> list[int]:
        """Where the network can be octave: for each resolution, the largest first, of how many
        pixels of the image's side a pixel of its maps is."""
        from ..octavizer.options import Options
        from ..octavizer.plan import make_plan

        plan = make_plan(self._vanilla(), Options(input_size=self._shape[1:]))
        return sorted(set(plan.strides.values()))

    def can_be(self, arch: dict[str, Any]) -> bool:
        """Whether anything becomes octave by an ``Arch``."""
        try:
            self._build(arch)
        except OctConvError:
            return False
        return True

    def demand_readable(
        self, paths: list[str], transform_ops: list, decode_image: dict, key: str
    ) -> None:
        """See that an image of a list, which stands under a key of the config, can be read."""
        from ..deploy.images import Preprocess
        from .images import demand_readable

        preprocess = Preprocess(transform_ops, decode_image)
        demand_readable(_files(paths), preprocess, self._shape, key)

    def read(
        self, paths: list[str], transform_ops: list, decode_image: dict, count: int
    ) -> dict[str, int]:
        """Read the images to calibrate on; how many there are, and how many files were tried."""
        from ..deploy.images import Preprocess
        from .images import calibration_images

        preprocess = Preprocess(transform_ops, decode_image)
        self._images, tried = calibration_images(_files(paths), preprocess, count, self._shape)
        return {"images": len(self._images), "tried": tried}

    def solve(
        self, arch: dict[str, Any], images: int, seed: int, file: str, progress: Progress
    ) -> dict[str, Any]:
        """Make an octave network whose weights are solved on so many of the images.

        Args:
            arch: its ``Arch``.
            images: of those that were read, at most.
            seed: as in ``calibrate``.
            file: its weights, if it was solved before; else they are kept there.
            progress: is told how many convolutions are solved, and of how many.
        """
        from ..weights.match import load_into
        from ..weights.safe_load import load_weights

        if Path(file).exists():
            self._octave = self._build(arch)
            load_into(self._octave, load_weights(file))
        else:
            self._octave = self._solved(arch, images, seed, progress)
            self.save(file)
        return {"multiply_adds": self._multiply_adds(self._octave)}

    def loss(self, arch: dict[str, Any], images: int, seed: int, progress: Progress) -> float:
        """By how much a network diverges that is solved on so many of the images, the first ones,
        judged by the last ones; arguments as of ``solve``."""
        from .evaluation import divergence

        octave = self._solved(arch, images, seed, progress)
        if self._wanted is None:
            self._wanted = self._answers(self._vanilla(), images)
        return divergence(self._wanted, self._answers(octave, images))

    def _solved(self, arch: dict[str, Any], images: int, seed: int, progress: Progress) -> nn.Layer:
        from ..calibrate import calibrate
        from ..calibrate.channels import put_smoothest_last

        assert self._images is not None  # read has been called
        octave, some = self._build(arch), self._images[:images]
        if self._ordered is None:
            self._ordered = self._vanilla()
            put_smoothest_last(self._ordered, some)
        return calibrate(octave, self._ordered, some, seed=seed, progress=progress, is_ordered=True)

    def _answers(self, network: nn.Layer, images: int) -> np.ndarray:
        """The probabilities of the last so many images."""
        import paddle

        from .images import BATCH

        assert self._images is not None
        network.eval()
        with paddle.no_grad():
            judged = self._images[-images:]
            starts = range(0, len(judged), BATCH)
            said = [network(paddle.to_tensor(judged[each : each + BATCH])) for each in starts]
            return paddle.nn.functional.softmax(paddle.concat(said), axis=-1).numpy()

    def cut(self, arch: dict[str, Any]) -> None:
        """Make an octave network with cut weights, which is as fast as a solved one."""
        from ..weights.match import load_into, match_weights
        from ..weights.network import state_of

        octave = self._octave = self._build(arch)
        vanilla = {key: value.numpy() for key, value in state_of(self._vanilla()).items()}
        load_into(octave, match_weights(octave, vanilla, "the vanilla network").weights)

    def save(self, file: str, vanilla: bool = False) -> None:
        """Write the weights of the octave network, or of the vanilla one."""
        import paddle

        from ..weights.network import state_of

        network = self._vanilla() if vanilla else self._octave
        assert network is not None
        paddle.save(dict(state_of(network)), file)

    def export(self, folder: str, vanilla: bool = False) -> None:
        """Export the octave network, whose form changes by that, or the vanilla one."""
        from ..deploy import inference_form

        network = self._vanilla() if vanilla else self._octave
        assert network is not None
        inference_form.re_parameterize(network)
        inference_form.save(network, folder, self._shape)

    def ask(
        self,
        folder: str,
        engine: str,
        paths: list[str],
        transform_ops: list,
        decode_image: dict,
        file: str,
        progress: Progress,
    ) -> list[int]:
        """What an exported network says of images, in an engine.

        Args:
            folder: where it is exported.
            engine: its name.
            paths: the images.
            transform_ops, decode_image: as of ``Preprocess``.
            file: a ``.npy`` file to write the probabilities into.
            progress: is told how many images are done, and of how many.

        Returns:
            The places of those that could be read.
        """
        import numpy as np

        from ..common import machine
        from ..deploy.images import Preprocess
        from ..deploy.predictor import create_predictor
        from .evaluation import predict

        predictor = create_predictor(folder, engine=engine, threads=machine.cpu_count())
        images = _files(paths), Preprocess(transform_ops, decode_image), self._shape
        found = predict(predictor, *images, lambda done: progress(done, len(paths)))
        np.save(file, found.probabilities)
        return found.places

    def _vanilla(self) -> nn.Layer:
        from ..weights.match import load_into

        network = self._build(self._arch)
        if self._weights is not None:
            load_into(network, self._weights)
        network.eval()
        return network

    def _build(self, arch: dict[str, Any]) -> nn.Layer:
        from .. import registry

        options = {key: value for key, value in arch.items() if key != "name"}
        try:
            return registry.build(arch["name"], **options)
        except OctConvError as error:
            raise OctConvError(f"Arch: {error}") from None

    def _multiply_adds(self, network: nn.Layer) -> int:
        from ..measure.complexity import measure

        return measure(network, self._shape).multiply_adds


def _files(paths: list[str]) -> list[Path]:
    return [Path(path) for path in paths]
