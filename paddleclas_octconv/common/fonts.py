"""Names in any script, drawn by matplotlib in the fonts that are there."""

from __future__ import annotations

import contextlib
import functools
from typing import Iterator, Sequence

# Beside matplotlib's own DejaVu Sans, which has no Chinese, Japanese or Korean.
_FAMILIES = (
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Source Han Sans SC"),
    *("WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Droid Sans Fallback", "PingFang SC"),
    *("Microsoft YaHei", "SimHei", "Arial Unicode MS", "Unifont"),
)
_OWN = "DejaVu Sans"


@contextlib.contextmanager
def for_any_script() -> Iterator[None]:
    """Let matplotlib take, for what its own font lacks, the fonts of this machine that have it.

    Figures are made and written within.
    """
    import matplotlib

    with matplotlib.rc_context({"font.family": _installed()}):
        yield


def drawable(names: Sequence[str], kind: str) -> dict[str, str]:
    """Names as they can be drawn.

    Args:
        names: of classes or networks.
        kind: what they are of; where no font has all letters of a name, "<kind> <its index>" is
            drawn.
    """
    known = _letters(tuple(_installed()))
    return {
        name: name if all(ord(letter) in known for letter in name) else f"{kind} {index}"
        for index, name in enumerate(names)
    }


def _installed() -> list[str]:
    from matplotlib import font_manager

    there = {font.name for font in font_manager.fontManager.ttflist}
    return [_OWN, *(name for name in _FAMILIES if name in there)]


@functools.lru_cache(maxsize=None)
def _letters(families: tuple[str, ...]) -> frozenset[int]:
    """The code points that the fonts have together; read once, for every plot asks."""
    from matplotlib import font_manager, ft2font

    known: set[int] = set()
    for family in families:
        known.update(ft2font.FT2Font(font_manager.findfont(family)).get_charmap())
    return frozenset(known)
