"""Whether two engines compute the same network: the one check of every converted model.

Probabilities do not show it. Where a softmax saturates, as it does in a trained network, its
outputs are the same to seven digits whatever the kernels are. Their logarithms are the logits up to
a constant for each image, which cancels in their differences, and a float32 probability has seven
digits however small it is. So logits are compared, recovered in float64 from the outputs that both
engines give: nothing is cut off or added to what is checked.

A sigmoid, which ends a network of several labels an image, saturates at both sides: its logits are
compared as far as they can be recovered (``before_sigmoid``).

The images are of several kinds, since an error may show in one alone: noise of several scales,
smooth fields that an octave layer's low branch holds, and real images where there are some.
"""

from __future__ import annotations

from typing import Callable, Iterable, Iterator, NamedTuple, Sequence

import numpy as np

from ..common.errors import OctConvError

#: Images (N, C, H, W), float32, to all outputs of a model.
Forward = Callable[[np.ndarray], Sequence[np.ndarray]]

TOLERANCE = 1e-4  # of the greatest logit; two engines' float32 kernels stay ten times below it
#: A network of random weights may blow rounding up beyond that. Then as much as this many times
#: what changes of the images' last digits do to it at worst, but never more than ``LIMIT``.
ROUNDINGS, DRAWS, LIMIT = 3, 4, 1e-3
BATCHES = (1, 3)  # both are dynamic: the second must not be a repetition of the first
#: Other batches, after those. Some engines take a general way after the fourth shape.
MORE_BATCHES = (17, 2, 1, 5)
#: How a model of fewer digits than float32, INT8 or bfloat16, is called to see that it is right in
#: every call: both ways through the sizes.
CALLS = (1, 2, 3, 17, 1, 1, 4, 5, 1, 17, 3, 1, 2, 1)
CALL_IMAGES = 17
#: As many see whether a float model is right as other programs open it.
PLAIN_IMAGES = 3
#: Two calls of such a model round differently, by as much of the logits as this at least.
CALL_TOLERANCE = 0.02
SCALES = (0.25, 1.0, 4.0)  # standard deviations of noise; normalized images have about 1
ANY_SIZE = ((224, 224), (97, 131))  # tried where a model takes any height and width
# Up to this logit, and down to its negative, a sigmoid tells logits apart: engines give it to 6e-8
# of 1 (ONNX Runtime near 0 too), which here is 1e-5 of a logit.
_OF_SIGMOID = 5.0
_LEAST = 1e-30  # probabilities below lose digits in float32, or are flushed to zero


class Difference(NamedTuple):
    """How far two engines are apart, at worst over all kinds of images.

    Attributes:
        relative: the greatest difference of logits, over the greatest logit of that image.
        cosine: the least cosine between the logits of an image in the one and the other.
        inputs: the kind of images that ``relative`` was found on, such as "noise of scale 4".
    """

    relative: float
    cosine: float
    inputs: str


def difference(
    wanted: Forward, given: Forward, kinds: Iterable[tuple[str, np.ndarray]]
) -> Difference:
    """Compare the logits that two engines give for the same images.

    Args:
        wanted: runs the model that is right.
        given: runs the one that is checked.
        kinds: names and images (N, C, H, W) to compare on, such as ``inputs`` gives.

    Raises:
        OctConvError: the two give outputs of different number or shape, or what is no number.
    """
    worst = Difference(0.0, 1.0, "")
    for kind, images in kinds:
        ours, theirs = list(given(images)), list(wanted(images))
        shapes, due = ([list(output.shape) for output in outputs] for outputs in (ours, theirs))
        if shapes != due:
            raise OctConvError(f"it gives outputs of shapes {shapes}, not {due}")
        for one, other in zip(ours, theirs):
            relative, cosine = _compare(one, other)
            if not np.isfinite(relative):
                raise OctConvError(f"an output for {kind} is not a number (NaN or infinite)")
            if relative >= worst.relative:
                worst = worst._replace(relative=relative, inputs=kind)
            worst = worst._replace(cosine=min(worst.cosine, cosine))
    return worst


def demand(
    what: str,
    wanted: Forward,
    given: Forward,
    image_shape: Sequence[int],
    images: np.ndarray | None = None,
) -> Difference:
    """The ``difference`` on all kinds of images, which must be rounding.

    It is within ``TOLERANCE``, or within what rounding does to this network, which is measured.

    Args:
        what: the option and file that an error names, such as ``"--onnx: inference.onnx"``.
        wanted, given: as in ``difference``.
        image_shape, images: as in ``inputs``.

    Raises:
        OctConvError: the model that is checked gives something else.
    """
    try:
        found = difference(wanted, given, inputs(image_shape, images))
    except OctConvError as error:
        raise OctConvError(f"{what} differs from Paddle Inference: {error}") from None
    if found.relative > TOLERANCE:
        for kind in inputs(image_shape, images):
            _refuse_more_than_rounding(what, wanted, given, kind)
    return found


def demand_steady(what: str, wanted: Forward, given: Forward, images: np.ndarray) -> None:
    """See that a model in INT8 or bfloat16 gives an image the same logits in every call.

    Engines choose other kernels for other batches, and these round differently. But no call may
    differ from another by more than its precision has changed the model.

    Args:
        what: the option and file that an error names.
        wanted: runs the model in float32.
        given: runs the one that is checked; it is called with the batches of ``CALLS`` that there
            are images for.
        images: preprocessed images (N, C, H, W).

    Raises:
        OctConvError: the model gives something else for batches of some size.
    """
    exact = logits(wanted(images)[0])
    at_once = logits(given(images)[0])
    gaps: dict[int, list[np.ndarray]] = {}
    losses: dict[int, list[np.ndarray]] = {}
    start = 0
    for size in (size for size in CALLS if size <= len(images)):
        chosen = np.arange(start, start + size) % len(images)
        found = logits(given(images[chosen])[0])
        gaps.setdefault(size, []).append(np.abs(found - at_once[chosen]))
        losses.setdefault(size, []).append(np.abs(at_once[chosen] - exact[chosen]))
        start += size
    least = CALL_TOLERANCE * np.abs(exact).mean()
    for size in gaps:
        gap, loss = (np.concatenate(values[size]).mean() for values in (gaps, losses))
        if not gap <= max(loss, least):
            raise OctConvError(
                f"{what} gives other classes in batches of {size} than in batches of "
                f"{len(images)}: its logits differ by {gap / np.abs(exact).mean():.0%} of their "
                f"mean size, where its precision changes them by {loss / np.abs(exact).mean():.0%}"
            )


def inputs(
    image_shape: Sequence[int], images: np.ndarray | None = None
) -> Iterator[tuple[str, np.ndarray]]:
    """The kinds of images to compare on: (name, images (N, C, H, W) of float32).

    Args:
        image_shape: channels, height and width; a size that is not positive stands for any.
        images: preprocessed real images (N, C, H, W), if there are any.
    """
    if images is not None and len(images):
        yield f"{len(images)} real images", np.ascontiguousarray(images, dtype=np.float32)
    channels = image_shape[0]
    random = np.random.RandomState(0)
    for height, width in _sizes(image_shape):
        for batch in BATCHES:
            for scale in SCALES:
                noise = random.standard_normal((batch, channels, height, width)) * scale
                yield f"noise of scale {scale:g}", noise.astype(np.float32)
            yield "smooth fields", _smooth(random, (batch, channels, height, width))
    for batch in MORE_BATCHES:  # of the last size
        noise = random.standard_normal((batch, channels, height, width))
        yield f"{batch} images of noise", noise.astype(np.float32)


def noise(image_shape: Sequence[int], count: int) -> np.ndarray:
    """Images (count, C, H, W) of noise; a size that is not positive stands for any."""
    shape = (count, image_shape[0], *_sizes(image_shape)[0])
    return np.random.RandomState(0).standard_normal(shape).astype(np.float32)


def _sizes(image_shape: Sequence[int]) -> Sequence[Sequence[int]]:
    """Heights and widths to try: the model's own, or ``ANY_SIZE``."""
    size = image_shape[1:]
    return [size] if all(side and side > 0 for side in size) else ANY_SIZE


def logits(outputs: np.ndarray) -> np.ndarray:
    """The logits, less their mean for each image, that outputs (N, classes) were made of.

    Outputs that are no probabilities (their rows do not sum to 1) are logits or features already,
    and stay as they are. What is below 1e-30 counts as that, since float32 holds no more.

    Returns:
        float64, shaped like the outputs.
    """
    values = np.asarray(outputs, dtype=np.float64)
    if not _are_probabilities(values):
        return values
    logarithms = np.log(np.maximum(values, _LEAST))
    return logarithms - logarithms.mean(-1, keepdims=True)


def before_sigmoid(forward: Forward) -> Forward:
    """The logits of a model that ends in a sigmoid, from -5 to 5: what is beyond is not told."""
    least, most = (1 / (1 + np.exp(-logit)) for logit in (-_OF_SIGMOID, _OF_SIGMOID))

    def run(images: np.ndarray) -> Sequence[np.ndarray]:
        given = (np.asarray(output, dtype=np.float64) for output in forward(images))
        kept = (np.clip(values, least, most) for values in given)
        return [np.log(values) - np.log1p(-values) for values in kept]

    return run


def _refuse_more_than_rounding(
    what: str, wanted: Forward, given: Forward, kind: tuple[str, np.ndarray]
) -> None:
    relative = difference(wanted, given, [kind]).relative
    if relative <= TOLERANCE:
        return
    allowed = min(max(TOLERANCE, ROUNDINGS * _rounding(wanted, kind)), LIMIT)
    if relative > allowed:
        raise OctConvError(
            f"{what} differs from Paddle Inference by {relative:.1e} of the greatest logit on "
            f"{kind[0]}, more than {allowed:.0e}"
        )


def _rounding(forward: Forward, kind: tuple[str, np.ndarray]) -> float:
    """What changes of the images' last digits do to the logits, as ``Difference.relative``."""
    random = np.random.RandomState(0)
    outputs = list(forward(kind[1]))

    def nudged(images: np.ndarray) -> Sequence[np.ndarray]:
        digits = np.finfo(np.float32).eps * random.standard_normal(images.shape)
        return forward((images * (1 + digits)).astype(np.float32))

    return max(difference(lambda _: outputs, nudged, [kind]).relative for _ in range(DRAWS))


def _are_probabilities(values: np.ndarray) -> bool:
    is_share = values.ndim > 1 and values.shape[-1] > 1 and bool((values >= 0).all())
    return is_share and bool(np.allclose(values.sum(-1), 1.0, atol=1e-2))


def _compare(given: np.ndarray, wanted: np.ndarray) -> tuple[float, float]:
    """For the worst image: the difference over the greatest wanted logit, and the cosine."""
    ours, theirs = logits(given), logits(wanted)
    ours, theirs = (values.reshape(len(values), -1) for values in (ours, theirs))
    greatest = np.abs(theirs).max(1)
    gaps = np.abs(ours - theirs).max(1)
    relative = np.divide(gaps, greatest, out=gaps.copy(), where=greatest > 0)  # 0 where both are 0
    norms = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
    products = (ours * theirs).sum(1)
    cosine = np.divide(products, norms, out=np.ones_like(products), where=norms > 0)
    return float(relative.max()), float(cosine.min())


def _smooth(random: np.random.RandomState, shape: tuple[int, int, int, int]) -> np.ndarray:
    """Waves of a few pixels' length and more, of about unit variance."""
    *_, height, width = shape
    rows, columns = np.mgrid[:height, :width]
    fields = np.zeros(shape)
    for _ in range(4):
        across, down = random.uniform(-0.6, 0.6, (2, *shape[:2], 1, 1))
        fields += np.cos(across * rows + down * columns + random.uniform(0, 6.3)) / np.sqrt(2)
    return fields.astype(np.float32)
