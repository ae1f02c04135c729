"""The shape of scalars that the pinned trainer expects."""

from __future__ import annotations

from .patch import TRAINER, Patch

NUMPY = Patch(
    "paddle.Tensor.numpy",
    f"{TRAINER}, PaddleClas 2.4.2",
    "it reads scalars by `tensor.numpy()[0]`; they are 0-D since Paddle 2.5, and the flag that "
    "brought the old shape back (`FLAGS_set_to_1d`) is gone from Paddle 3",
    "PaddleClas 2.5",
)
PATCHES = (NUMPY,)


def give_scalars_one_dimension() -> None:
    """Make ``Tensor.numpy()`` give 0-D results the shape (1,). For the pinned trainer alone."""
    import paddle

    NUMPY.wrap(paddle.Tensor, _of_one_dimension)


def _of_one_dimension(numpy, self, *args, **kwargs):
    array = numpy(self, *args, **kwargs)
    return array.reshape(1) if array.ndim == 0 else array
