"""Read a pickle that may come from anyone: arrays and containers, never code."""

from __future__ import annotations

import io
import pickle
from typing import Any


class _ArrayUnpickler(pickle.Unpickler):
    """Resolves what numpy arrays are made of, and no other global."""

    def find_class(self, module: str, name: str) -> Any:
        import numpy

        # numpy 2 calls numpy.core numpy._core.
        known = {
            "numpy.ndarray": numpy.ndarray,
            "numpy.dtype": numpy.dtype,
            "numpy.core.multiarray._reconstruct": numpy.zeros(0).__reduce__()[0],
            "numpy.core.numeric._frombuffer": numpy.zeros(0).__reduce_ex__(5)[0],
            "_codecs.encode": _latin1,  # bytes in pickles of protocol 2
        }
        try:
            return known[f"{module}.{name}".replace("numpy._core.", "numpy.core.")]
        except KeyError:
            raise pickle.UnpicklingError(f"it refers to {module}.{name}") from None


def _latin1(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it refers to the codec {encoding!r}")
    return text.encode("latin1")


def load_arrays(content: bytes) -> Any:
    """Unpickle `content`; strings written by Python 2 come back as bytes.

    Raises pickle.UnpicklingError for anything that is not arrays, containers, numbers and
    strings, without having run any of it.
    """
    try:
        return _ArrayUnpickler(io.BytesIO(content), encoding="bytes").load()
    except pickle.UnpicklingError:
        raise
    except Exception as error:  # a damaged pickle can end in almost any exception
        raise pickle.UnpicklingError(f"damaged pickle ({error})") from None
