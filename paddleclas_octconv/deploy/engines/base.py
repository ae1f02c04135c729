"""What every engine gives: one predictor over an exported folder, whatever runs it.

An engine is one file: a class derived from ``Engine``, or from ``ConvertedEngine`` where it reads a
model of its own, registered in ``engines.ENGINES``. Options, conversion, INT8 and benchmark ask it.
"""

from __future__ import annotations

import os
import threading
from abc import ABC, abstractmethod
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Iterable, Literal, Mapping, Sequence, get_args

from ...common import machine
from ...common.errors import OctConvError
from ...common.numbers import FLAG

if TYPE_CHECKING:
    import numpy as np

PRECISIONS = ("fp32", "fp16", "bf16", "int8")
_ALIASES = {"f32": "fp32", "float32": "fp32", "f16": "fp16", "float16": "fp16", "bfloat16": "bf16"}

#: What the 256 steps of INT8 stand for in a feature map. One image with large numbers makes them
#: too coarse where they cover all that was seen ("all"); the mean of the images' ranges ("mean")
#: cuts off what some images need. Which is worse depends on the network.
Ranges = Literal["mean", "all"]
RANGES: tuple[Ranges, ...] = get_args(Ranges)


class Predictor(ABC):
    """An exported network, ready to run in the process that opened it; from several threads, one
    after the other.

    Attributes:
        engine: the name of its engine, such as "openvino".
        precision: one of ``PRECISIONS``.
        model: the file it was read from.
        batch_size: how many images the network takes at a time; None: any number.
        image_shape: channels, height and width that the network takes; None: any.
    """

    def __init__(
        self, engine: str, precision: str, model: Path, inputs: Sequence[Iterable[Any]]
    ) -> None:
        """
        Args:
            engine, precision, model: as the attributes.
            inputs: the shape of each, as the engine has it: what is no positive number stands for
                any.

        Raises:
            OctConvError: the network takes something else than images.
        """
        self.engine, self.precision, self.model = engine, precision, model
        shape = image_input(inputs, model)
        self.batch_size, self.image_shape = shape[0], tuple(shape[1:])
        self._process = os.getpid()
        # The engines keep a call's inputs and outputs in one place.
        self._one_at_a_time = threading.Lock()

    def outputs(self, images: np.ndarray) -> list[np.ndarray]:
        """All outputs, each float32 and (N, …).

        A network for batches of one size gets such: the images in as many as they need, the last
        one filled up with its last image.

        Args:
            images: preprocessed images (N, C, H, W), N at least 1, of any floating type.

        Raises:
            OctConvError: they are something else, of another size than the network's, or hold what
                is no number; or the engine cannot run the network.
        """
        checked = checked_images(images, self.image_shape)
        if os.getpid() != self._process:  # its threads are not there: it would wait for ever
            raise OctConvError(
                f"{self.model}: the predictor is of another process, which has forked this one: "
                "open one in each process"
            )
        try:
            with self._one_at_a_time:
                if self.batch_size is None:
                    return self._outputs(checked)
                return self._in_batches(checked, self.batch_size)
        except OctConvError:
            raise
        except Exception as error:  # each engine has its own
            reason = "".join(str(error).strip().splitlines()[-1:])
            raise OctConvError(
                f"{self.model}: {self.engine} cannot run it on images of shape "
                f"{list(checked.shape)}: {reason}"
            ) from None

    def _in_batches(self, images: np.ndarray, size: int) -> list[np.ndarray]:
        import numpy as np

        whole = filled_up(images, size)
        starts = range(0, len(whole), size)
        parts = zip(*(self._outputs(whole[start : start + size]) for start in starts))
        return [np.concatenate(outputs)[: len(images)] for outputs in parts]

    @abstractmethod
    def _outputs(self, images: np.ndarray) -> list[np.ndarray]:
        """The same for float32 images that are checked, ``batch_size`` of them, of one thread at a
        time."""

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """The first output, (N, classes); arguments and errors are those of ``outputs``."""
        return self.outputs(images)[0]


class Engine(ABC):
    """A library that runs exported networks.

    Attributes:
        name: how it is called in options.
        title: how its makers call it.
        module: the Python module it is.
        extra: the extra of this package that installs it.
        precisions: what it can compute in, some of ``PRECISIONS``, if the processor can.
        options: those of ``open``.
        exported: the files and folders of an export that are for it.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    module: ClassVar[str]
    extra: ClassVar[str]
    precisions: ClassVar[tuple[str, ...]]
    options: ClassVar[tuple[str, ...]] = ()
    exported: ClassVar[tuple[str, ...]]

    def is_installed(self) -> bool:
        """Whether the library is there. Imports nothing."""
        return is_there(self.module)

    def measured(self, gpu: bool) -> tuple[str, ...]:
        """The precisions that a network can be measured in that was not trained for them."""
        return self.precisions

    @abstractmethod
    def find(self, folder: Path, precision: str) -> Path | None:
        """The model file for a precision in an exported folder; None if the folder has none."""

    @abstractmethod
    def wanted(self, precision: str) -> str:
        """What to do so that ``find`` finds one, for the error that it does not."""

    def missing(self, folder: Path, precision: str) -> str:
        """Why ``find`` finds none in a folder, as an error's message."""
        return f"{folder} holds no {self.wanted(precision)}"

    @abstractmethod
    def open(self, model: Path, precision: str, threads: int, **options: Any) -> Predictor:
        """A predictor for a model file.

        Args:
            model: as ``find`` gives it.
            precision: one of ``precisions``.
            threads: CPU threads.
            options: some of ``options``.

        Raises:
            OctConvError: the processor lacks the precision, or the file is not a model.
        """

    def demand(self) -> None:
        """See that the library is installed.

        Raises:
            OctConvError: it is missing; with what to install.
        """
        if not self.is_installed():
            raise OctConvError(
                f"the engine {self.name} is not installed: "
                f"pip install 'paddleclas-octconv[{self.extra}]'{self.note()}"
            )

    def note(self) -> str:
        """What else whoever lacks the library should know."""
        return ""

    def demand_precision(self, precision: str) -> None:
        """See that the engine has a precision.

        Raises:
            OctConvError: it never computes in it.
        """
        if precision not in self.precisions:
            raise OctConvError(
                f"precision {precision!r}: the engine {self.name} has {', '.join(self.precisions)}"
            )

    def demand_processor(self, precision: str) -> None:
        """See that this processor computes in a precision by itself, which tells how fast it is.

        Raises:
            OctConvError: it lacks it, or emulates it.
        """
        if precision == "bf16" and machine.has_bfloat16() is False:
            raise OctConvError(
                "precision 'bf16': this processor emulates it (it has neither AVX512_BF16 nor "
                "AMX_BF16)"
            )

    def demand_options(self, options: Mapping[str, Any]) -> None:
        """See that the engine has some options.

        Raises:
            OctConvError: it lacks one, or one is neither True nor False.
        """
        for name, value in options.items():
            if name not in self.options:
                raise OctConvError(f"the engine {self.name} has no option {name!r}")
            FLAG.demand(name, value)


class ConvertedEngine(Engine):
    """An engine with a model format of its own, which ``paddleclas export --OPTION`` writes.

    Attributes:
        option: of ``paddleclas export``, without the dashes.
        read_by: who reads that format beside this package, for the help of the option.
        files: the models in an exported folder, in float32 ("fp32") and INT8 ("int8").
        weights: the suffix of the file of weights beside a model; None where it holds its own.
        converters: the modules that convert.
        quantizers: the modules that make INT8 of what is converted.
        needs_pdmodel: it is converted from ``inference.pdmodel``, not from what Paddle writes.
        int8_note: what to expect of its INT8, said where it is written.
        takes_slim: it computes what PaddleSlim has quantised.
    """

    option: ClassVar[str]
    read_by: ClassVar[str]
    files: ClassVar[Mapping[str, str]]
    weights: ClassVar[str | None] = None
    converters: ClassVar[tuple[str, ...]]
    quantizers: ClassVar[tuple[str, ...]]
    needs_pdmodel: ClassVar[bool] = False
    takes_slim: ClassVar[bool] = False
    int8_note: ClassVar[str] = ""

    def find(self, folder: Path, precision: str) -> Path | None:
        model, *others = self.paths(folder, precision)
        return model if all(path.is_file() for path in (model, *others)) else None

    def paths(self, folder: Path, precision: str) -> list[Path]:
        """The files of a model, the model itself first, whether they are there or not."""
        model = folder / self.files["int8" if precision == "int8" else "fp32"]
        return [model, model.with_suffix(self.weights)] if self.weights else [model]

    def wanted(self, precision: str) -> str:
        int8 = " --int8" if precision == "int8" else ""
        file = self.files["int8" if precision == "int8" else "fp32"]
        return f"{file} (paddleclas export --{self.option}{int8})"

    def open_plainly(self, model: Path) -> Predictor:
        """A predictor as a program of somebody else opens a model file, all settings by default."""
        return self.open(model, "fp32", 1)

    def demand_conversion(self, what: str = "") -> None:
        """See that ``convert`` can work here. Imports nothing.

        Args:
            what: asks for it; by default the option of ``paddleclas export``.

        Raises:
            OctConvError: a package is missing.
        """
        demand_modules(what or f"--{self.option}", self.converters, self.extra, self.note())

    @abstractmethod
    def convert(self, folder: Path) -> None:
        """Write the float model into an exported folder, in a process that nothing else needs.

        Raises:
            OctConvError: the exported model cannot be converted, or the file not be written.
        """

    @abstractmethod
    def quantize(
        self, folder: Path, images: Iterable[np.ndarray], count: int, ranges: Ranges = "mean"
    ) -> None:
        """Write the INT8 model into an exported folder that holds the float one.

        Args:
            folder: the exported folder.
            images: preprocessed images (N, C, H, W) to calibrate on; gone through once.
            count: how many times N they are.
            ranges: what INT8's steps stand for.

        Raises:
            OctConvError: the tool cannot quantise the model.
        """


def is_there(module: str) -> bool:
    """Whether a module can be imported. Imports nothing."""
    try:
        spec = find_spec(module)
    except ValueError:  # sys.modules holds None in its place
        return False
    # Without an origin it is a folder of that name, such as an export's own openvino/.
    return spec is not None and spec.origin is not None


def demand_modules(what: str, modules: Sequence[str], extra: str, note: str = "") -> None:
    """See that modules can be imported, for something that an option or a precision asks for.

    Raises:
        OctConvError: some are missing; with what to install.
    """
    missing = [module for module in dict.fromkeys(modules) if not is_there(module)]
    if missing:
        raise OctConvError(
            f"{what} needs {' and '.join(missing)}: pip install 'paddleclas-octconv[{extra}]'{note}"
        )


def checked_images(images: Any, image_shape: Sequence[int | None] = (None,) * 3) -> np.ndarray:
    """The images as every engine reads them: contiguous, float32.

    Args:
        images: should be (N, C, H, W), of a floating type.
        image_shape: channels, height and width; None: any.

    Raises:
        OctConvError: they are something else, none at all, or hold what is no number.
    """
    import numpy as np

    wanted = ", ".join(["N", *(str(size or name) for size, name in zip(image_shape, "CHW"))])
    due = f"should be preprocessed images, an array of float32 of shape ({wanted})"
    try:
        array = np.asarray(images)
    except Exception as error:  # rows of different lengths, and whatever an object does
        raise OctConvError(f"images: {type(images).__name__} {due}: {error}") from None
    if array.dtype.kind != "f":
        raise OctConvError(f"images: {type(images).__name__} of {array.dtype} {due}")
    shape = array.shape
    if len(shape) != 4 or any(size not in (None, had) for size, had in zip(image_shape, shape[1:])):
        raise OctConvError(f"images: of shape {list(shape)}: {due}")
    if not array.size:
        raise OctConvError(f"images: of shape {list(shape)}: none; {due}, N from 1")
    with np.errstate(over="ignore"):  # beyond float32 is infinite
        array = np.ascontiguousarray(array, dtype=np.float32)
    if not np.isfinite(array).all():
        raise OctConvError(f"images: hold values that are NaN or infinite: {due}")
    return array


def image_input(inputs: Sequence[Iterable[Any]], model: Path) -> list[int | None]:
    """The shape (N, C, H, W) of a network's one input; None: any.

    Args:
        inputs: the shape of each of its inputs.
        model: its file.

    Raises:
        OctConvError: it has others, as a detector does that takes the size of the image too.
    """
    shapes = [[size if isinstance(size, int) and size > 0 else None for size in s] for s in inputs]
    if len(shapes) != 1 or len(shapes[0]) != 4:
        raise OctConvError(f"{model}: its network takes something else than images (N, C, H, W)")
    return shapes[0]


def filled_up(images: np.ndarray, size: int) -> np.ndarray:
    """Images (N, C, H, W), the last one repeated until N is a multiple of a batch size."""
    import numpy as np

    missing = -len(images) % size
    return np.concatenate([images, np.repeat(images[-1:], missing, axis=0)]) if missing else images


def precision_of(text: str) -> str:
    """One of ``PRECISIONS``, also by another of its names (f32).

    Raises:
        OctConvError: there is no such precision.
    """
    precision = _ALIASES.get(text, text) if isinstance(text, str) else None
    if precision not in PRECISIONS:
        raise OctConvError(f"precision {text!r} should be one of {', '.join(PRECISIONS)}")
    return precision
