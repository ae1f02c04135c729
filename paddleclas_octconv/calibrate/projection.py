"""The kernel that belongs on a low-frequency map, in closed form.

A vanilla convolution has at every cell the value y[i] = sum_k w[k] x[s i - p + d k]. Let x be
constant over cells of ``cells_in`` pixels, as a map is that was upsampled (nearest) from z, and let
the mean of y over ``cells_out`` of its pixels be wanted. That is again a convolution, of z:

    mean_a y[c q + a] = mean_a sum_k w[k] z[(s (c q + a) - p + d k) // cells_in],  c = cells_out

so along each axis the new kernel is M w, where M[t, k] is the share of those a for which tap k
falls on tap t. Where x is not constant over the cells, but averaged over them, M w is the best
approximation for white noise.

Everything here is numpy in float64, without Paddle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Axis:
    """A convolution along one axis of the image.

    Attributes:
        kernel: how many taps.
        stride, dilation: as in ``paddle.nn.Conv2D``.
        padding: zeros before the first pixel.
    """

    kernel: int
    stride: int = 1
    dilation: int = 1
    padding: int = 0


def tap_matrix(vanilla: Axis, path: Axis, cells_in: int, cells_out: int) -> np.ndarray:
    """M [taps of the path, taps of the vanilla convolution] with M w the kernel of the path.

    A tap that falls between two taps of the path (under dilation) is shared by both, the nearer
    one getting more; one that falls outside of them goes to the last one (even kernels whose
    padding is not that of the half-sized map). Columns sum to 1, so that constant maps are exact
    in any case.

    Args:
        vanilla: the convolution that is to be replaced.
        path: the geometry of the one that replaces it.
        cells_in: pixels of the vanilla input that a pixel of the path's input stands for: 1, 2
            for a low map or a pooled high one, 4 for a low map that is pooled.
        cells_out: pixels of the vanilla output over which the path's output is constant: 1 or 2.
    """
    matrix = np.zeros([path.kernel, vanilla.kernel])
    last = path.kernel - 1
    for tap in range(vanilla.kernel):
        for pixel in range(cells_out):
            place = vanilla.stride * pixel - vanilla.padding + vanilla.dilation * tap
            wanted = (place // cells_in + path.padding) / path.dilation
            wanted = min(max(wanted, 0.0), float(last))
            before = min(int(wanted), max(last - 1, 0))
            matrix[before, tap] += (1 - (wanted - before)) / cells_out
            if wanted > before:
                matrix[before + 1, tap] += (wanted - before) / cells_out
    return matrix


def project(kernel: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """A kernel [C_out, C_in, k, k] between low maps: M w M^T of each of its planes.

    Args:
        kernel: of the vanilla convolution.
        rows, columns: ``tap_matrix`` of the vertical and of the horizontal axis.
    """
    return np.einsum("tk,oikl,ul->oitu", rows, kernel.astype(np.float64), columns)
