"""What a command hands over to the trainer process arrives as it was."""

from __future__ import annotations

import datetime
import math
import types

import pytest

from paddleclas_octconv.handover import Handover
from paddleclas_octconv.patches import paddleclas_config

CONFIG = {
    "Global": {
        "output_dir": "a=b[0]/{x}/__import__('os').system('x')",
        "number": "2024",
        "literal": "(1, 2)",
        "none": "None",
        "epochs": 3,
        "big": 10**17,
        "ratio": 1e-5,
        "scale": (0.2, 1.0),
        "nothing": None,
        "infinite": math.inf,
        "text": "é\u2028\x85\t\udc80 # : - 'x' \"y\"",
        "day": datetime.date(2020, 2, 3),
        "bytes": b"\0\xff",
        "set": {1, 2},
    },
    3: [{"RandomCrop": {"size": (8, 8)}}, [], {}, [None, True, "yes", "0x10", "1e3"]],
}


def test_every_value_arrives(tmp_path):
    given = Handover("train", "/x", CONFIG, "a b.yaml", resume=True, profiler_options="x=1")
    assert Handover.read(given.write(tmp_path)) == given


def test_what_is_no_data_does_not(tmp_path):
    file = Handover("train", "/x", {}, "c").write(tmp_path)
    file.write_text(file.read_text() + "trust_weights: !!python/object/apply:os.getcwd []\n")
    with pytest.raises(Exception, match="could not determine a constructor"):
        Handover.read(file)


class AttrDict(dict):
    """As PaddleClas's."""


def test_paddleclas_takes_it_as_it_is(monkeypatch):
    def evaluate(*args, **kwargs):
        raise AssertionError("PaddleClas's own reader was asked")

    configs = types.SimpleNamespace(AttrDict=AttrDict, get_config=evaluate)
    for name, module in (
        ("ppcls", types.ModuleType("ppcls")),
        ("ppcls.utils", types.SimpleNamespace(config=configs)),
    ):
        monkeypatch.setitem(__import__("sys").modules, name, module)
    paddleclas_config.hand_over(CONFIG)
    config = configs.get_config("file", overrides=["x=1"], show=False)
    assert config == CONFIG
    assert type(config) is type(config["Global"]) is AttrDict
    assert type(config[3][0]) is dict  # PaddleClas leaves sections in lists as they are
    config[3][0]["RandomCrop"]["size"] = None
    config["Global"].pop("output_dir")
    assert configs.get_config("file") == CONFIG
