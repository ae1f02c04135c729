"""What every engine gives: one predictor over an exported folder, whatever runs it."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ...common.errors import OctConvError

if TYPE_CHECKING:
    import numpy as np

PRECISIONS = ("fp32", "fp16", "bf16", "int8")
_ALIASES = {"f32": "fp32", "float32": "fp32", "f16": "fp16", "float16": "fp16", "bfloat16": "bf16"}


class Predictor(ABC):
    """An exported network, ready to run; from several threads, one after the other.

    Attributes:
        engine: the name of its engine, such as "openvino".
        precision: one of ``PRECISIONS``.
        model: the file it was read from.
    """

    def __init__(self, engine: str, precision: str, model: Path) -> None:
        self.engine, self.precision, self.model = engine, precision, model
        # The engines keep a call's inputs and outputs in one place.
        self._one_at_a_time = threading.Lock()

    def outputs(self, images: np.ndarray) -> list[np.ndarray]:
        """All outputs for float32 images (N, 3, H, W), each float32 and (N, …)."""
        with self._one_at_a_time:
            return self._outputs(images)

    @abstractmethod
    def _outputs(self, images: np.ndarray) -> list[np.ndarray]:
        """The same, of one thread at a time."""

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """The first output, (N, classes), for float32 images (N, 3, H, W)."""
        return self.outputs(images)[0]


class Engine(ABC):
    """A library that runs exported networks.

    Attributes:
        name: how it is called in options.
        module: the Python module it is.
        extra: the extra of this package that installs it.
        precisions: what it can compute in, some of ``PRECISIONS``, if the processor can.
    """

    name: ClassVar[str]
    module: ClassVar[str]
    extra: ClassVar[str]
    precisions: ClassVar[tuple[str, ...]]

    def is_installed(self) -> bool:
        """Whether the library is there. Imports nothing."""
        spec = find_spec(self.module)
        # Without an origin it is a folder of that name, such as an export's own openvino/.
        return spec is not None and spec.origin is not None

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

        Raises:
            OctConvError: the processor lacks the precision, the file is not a model, or the
                engine has no such option.
        """

    def open_plainly(self, model: Path) -> Predictor:
        """A predictor as a program of somebody else opens a model file, all settings by default."""
        return self.open(model, "fp32", 1)

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

    def refuse_options(self, options: dict[str, Any]) -> None:
        """See that an engine without options is given none.

        Raises:
            OctConvError: there is one.
        """
        if options:
            raise OctConvError(f"the engine {self.name} has no option {next(iter(options))!r}")


def contiguous(images: np.ndarray) -> np.ndarray:
    """The images, in the layout that every engine reads."""
    import numpy as np

    return np.ascontiguousarray(images, dtype=np.float32)


def precision_of(text: str) -> str:
    """One of ``PRECISIONS``, also by another of its names (f32).

    Raises:
        OctConvError: there is no such precision.
    """
    precision = _ALIASES.get(text, text)
    if precision not in PRECISIONS:
        raise OctConvError(f"precision {text!r} should be one of {', '.join(PRECISIONS)}")
    return precision
