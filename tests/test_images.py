"""Images by the size that they ask for."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.common.images import why_too_large
from paddleclas_octconv.data.survey import content_of
from paddleclas_octconv.deploy.images import Preprocess, batches, decode


def png(width: int, height: int) -> bytes:
    """A PNG that says it is of a size, and hardly holds anything."""
    parts = [b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)]
    parts += [b"IDAT" + zlib.compress(bytes(1000)), b"IEND"]
    chunks = (
        struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part))
        for part in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize("size", [(32766, 32766), (2**31 - 1, 1), (1 << 14, (1 << 13) + 1)])
def test_a_bomb_is_named(tmp_path, size):
    path = tmp_path / "bomb.png"
    path.write_bytes(png(*size))
    with pytest.raises(OctConvError, match=r"bomb\.png: has .* pixels"):
        decode(path)
    assert "pixels" in content_of(path)[0].what


def test_other_images_are_read(tmp_path):
    content = io.BytesIO()
    Image.fromarray(np.zeros((3, 5, 3), np.uint8)).save(content, "PNG")
    assert why_too_large(content.getvalue()) is None
    assert why_too_large(png(1 << 14, 1 << 13)) is None
    assert why_too_large(b"P6 5 3 255\n" + bytes(45)) is None and why_too_large(b"") is None
    (tmp_path / "a.png").write_bytes(content.getvalue())
    assert decode(tmp_path / "a.png").shape == (3, 5, 3)


def test_images_of_one_size_go_together_in_their_order(tmp_path):
    sizes = [(4, 4), (4, 4), (4, 6), (4, 4), (4, 4), (4, 4)]
    random = np.random.RandomState(0)
    pixels = [random.randint(0, 256, (*size, 3)).astype(np.uint8) for size in sizes]
    paths = [tmp_path / f"{number}.png" for number in range(len(sizes))]
    for path, image in zip(paths, pixels):
        Image.fromarray(image).save(path)
    found = list(batches(paths, Preprocess([{"ToCHWImage": None}]), 2))
    assert [(start, len(images)) for start, images in found] == [(0, 2), (2, 1), (3, 2), (5, 1)]
    for start, images in found:
        for place, image in enumerate(images, start):
            np.testing.assert_array_equal(image, pixels[place].transpose(2, 0, 1))
    assert not list(batches([], Preprocess([]), 2))


def test_more_pixels_than_opencv_takes_are_told_in_one_line(tmp_path):
    header = b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 60000 +X 60000\n"  # Pillow reads no such
    (tmp_path / "large.hdr").write_bytes(header)
    with pytest.raises(OctConvError, match=r"large\.hdr: cannot be read as an image$"):
        decode(tmp_path / "large.hdr")


@pytest.mark.parametrize(
    "step, said",
    [
        ({"CropImage": None, "ToCHWImage": None}, "should be one step"),
        ({}, "should be one step"),
        ({"CropImage": ["size"]}, r"CropImage: \['size'\] should be options by name"),
        ({"CropImage": {1: 2}}, "CropImage: {1: 2} should be options by name"),
    ],
    ids=str,
)
def test_steps_that_are_none_are_one_line(step, said):
    with pytest.raises(OctConvError, match=f"PreProcess.transform_ops: .*{said}"):
        Preprocess([step])
