"""``octavizer``: every rule is tried by the tables of its kind."""

from __future__ import annotations

import test_octavize_channels as channels
import test_octavize_elementwise as elementwise
import test_octavize_space as space
from pairs import LAYOUTS, Maps, check

from paddleclas_octconv.octavizer.rules import RULES

OF_ONE = {
    **{name: elementwise.alone(name) for name in elementwise.NAMES},
    **elementwise.WITH_ARGUMENTS,
}
OF_TWO = {
    **elementwise.OF_TWO,
    **elementwise.COMPARED,
    **channels.PIECES,
    **channels.VIEWS,
    **channels.WRITTEN,
}
OF_SPACE = {**space.OF_BLOCKS, **space.REDUCED, "adaptive maximum": space.adaptive_maximum}


def test_every_rule_is_tried(monkeypatch):
    tried = set()
    for name, rule in list(RULES.items()):

        def noted(call, name=name, rule=rule):
            tried.add(name)
            return rule(call)

        monkeypatch.setitem(RULES, name, noted)
    maps = Maps(block=4, size=(8, 12), low=0.1)
    options = {"gradient": False, "joins": None}
    for function in (*OF_ONE.values(), *OF_SPACE.values()):
        check(function, maps, maps.of(), LAYOUTS["shuffled"], **options)
    maps = Maps()
    for function in OF_TWO.values():
        check(function, maps, maps.of(), LAYOUTS["shuffled"], y=maps.of(seed=3), **options)
    # In test_octavize_styles.py, and for want of a GPU.
    elsewhere = {"recompute", "cuda"}
    assert not set(RULES) - tried - elsewhere, sorted(set(RULES) - tried)
