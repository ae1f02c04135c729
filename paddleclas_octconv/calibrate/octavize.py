"""``octavize`` with ``calibrate``: the octave network that computes what the vanilla one did."""

from __future__ import annotations

import copy
from typing import Any, Callable, Sequence

import paddle
from paddle import nn

from ..common.errors import explained
from ..octavizer import network as octavizer
from ..weights.match import load_into
from .images import Images, as_array
from .network import arrays_of
from .network import calibrate as solve


def octavize(
    network: nn.Layer,
    alpha: float | Sequence[float] = 0.5,
    *,
    calibrate: Images | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> nn.Layer:
    """Make the convolutions of a network octave convolutions ("Drop an Octave", arXiv:1904.05049).

    The network itself is changed and returned; make its optimizer afterwards. Without ``calibrate``
    its parameters are cut from those that it has: a start for a training. With ``calibrate`` they
    are solved so that the octave network computes what the network, as trained, did: no training
    is needed (see ``paddleclas_octconv.calibrate.calibrate``). Octave convolutions keep the strides
    of the vanilla ones then, unless ``keep_stride=False`` says otherwise.

    Args:
        network: any network of convolutions for images (N, C, H, W).
        alpha: share of low-frequency channels: one number in [0, 1), or one for each resolution
            that the convolutions behind the stem have, the largest first. At 0 the network stays
            as it is, to the bit.
        calibrate: some hundred images like those that the network is for, preprocessed as for it,
            without labels: an array or tensor (N, C, H, W), or an iterable of batches.
        seed: of the cells of large maps that the equations are made of.
        progress: called with the number of convolutions solved and that of all.
        **options: ``input_size``, ``stem``, ``max_stride``, ``min_size``, ``plain``,
            ``pool_stride`` and ``keep_stride``, as in
            ``paddleclas_octconv.octavizer.options.Options``.

    Returns:
        The network. Its state dict has "hh.weight", "hl.weight", "lh.weight" and "ll.weight" in
        the place of an octave convolution's "weight", and it loads vanilla state dicts too.

    Raises:
        OctConvError: an option or the images are wrong, the network does not run on such images,
            or nothing of it becomes octave; the network is unchanged then.
    """
    if calibrate is None:
        return octavizer.octavize(network, alpha, **options)
    images = as_array(calibrate)
    options.setdefault("keep_stride", not options.get("pool_stride"))
    kind = type(network).__name__
    with explained(f"{kind} cannot be copied"), paddle.utils.unique_name.guard():
        octave = copy.deepcopy(network)
    octave = octavizer.octavize(octave, alpha, **options)
    if alpha == 0:
        return network
    solve(octave, network, images, seed=seed, progress=progress)
    # Only now that all went well is the network itself changed.
    octavizer.octavize(network, alpha, **options)
    load_into(network, arrays_of(octave))
    return network
