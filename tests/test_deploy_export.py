"""Placing an export: complete or not at all, nothing stale, nothing foreign touched."""

import os
from pathlib import Path

import pytest
import yaml

from paddleclas_octconv.common import machine
from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.deploy import export, metadata

FORMAT_OF_FLAG = {"1": "pir", "0": "pdmodel"}


@pytest.fixture
def config(tmp_path, monkeypatch):
    """A config with a label map of three classes; the current folder is the test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(machine, "paddle_writes_pir", lambda: True)
    Path("labels").write_text("0 cat\n1 sea lion\n2 dog\n", encoding="utf-8")
    return {
        "Global": {"save_inference_dir": "inference/net"},
        "Arch": {"name": "OctMobileNetV1", "class_num": 3},
        "Infer": {
            "transforms": [
                {"DecodeImage": {"to_rgb": True}},
                {"ResizeImage": {"size": 32}},
                {"NormalizeImage": {"scale": "1.0/255.0", "mean": [0.5] * 3, "std": [0.5] * 3}},
                {"ToCHWImage": None},
            ],
            "PostProcess": {"name": "Topk", "topk": 2, "class_id_map_file": "labels"},
        },
    }


class Exporter:
    """Writes what PaddleClas's exporter writes, as Paddle 3 does by the flag it is given."""

    def __init__(self, params=b"same", fail_at=None, code=3):
        self.params, self.fail_at, self.code, self.calls = params, fail_at, code, []

    def __call__(self, env, changes):
        form = FORMAT_OF_FLAG[env["FLAGS_enable_pir_api"]]
        (folder,) = map(Path, changes.values())
        self.calls.append(form)
        if form == self.fail_at:
            return self.code
        folder.mkdir(parents=True)
        (folder / "inference").with_suffix(export.SUFFIX[form]).write_text(form)
        params = self.params if isinstance(self.params, bytes) else os.urandom(8)
        (folder / "inference.pdiparams").write_bytes(params)
        return 0


def files(folder):
    return sorted(path.name for path in Path(folder).iterdir())


def test_folder_holds_both_formats_over_one_parameter_file(config):
    assert export.export(Exporter(), config) == Path("inference/net")
    assert files("inference/net") == [
        "inference.json",
        "inference.pdiparams",
        "inference.pdmodel",
        "inference.yml",
        "labels.txt",
    ]
    assert files("inference") == ["net"]  # no staging folder is left
    assert files(".") == ["inference", "labels"]


def test_one_export_at_a_time(config):
    class Second(Exporter):
        def __call__(self, env, changes):
            with pytest.raises(OctConvError, match="another export is running in inference/net"):
                export.export(Exporter(), config)
            return super().__call__(env, changes)

    export.export(Second(), config)
    export.export(Exporter(), config)
    assert ".export.lock" not in files("inference/net")


@pytest.mark.parametrize("form, left", [("pir", ".json"), ("pdmodel", ".pdmodel")])
def test_one_format_alone_leaves_no_model_of_the_other(config, form, left):
    export.export(Exporter(b"old"), config)
    export.export(Exporter(b"new"), config, export.formats_of(form))
    models = [n for n in files("inference/net") if n.endswith((".json", ".pdmodel"))]
    assert models == ["inference" + left]
    assert Path("inference/net/inference.pdiparams").read_bytes() == b"new"


def test_foreign_files_stay(config):
    folder = Path("inference/net")
    folder.mkdir(parents=True)
    (folder / "notes.md").write_text("mine")
    (folder / "inference_times.json").write_text("mine")
    export.export(Exporter(), config)
    assert (folder / "notes.md").read_text() == "mine"
    assert (folder / "inference_times.json").read_text() == "mine"


def test_different_parameters_are_refused_and_nothing_is_written(config):
    with pytest.raises(OctConvError, match="parameters of the two formats differ"):
        export.export(Exporter(params=None), config)
    assert files(".") == ["labels"]


def test_a_failing_exporter_leaves_the_previous_export_whole(config):
    export.export(Exporter(b"old"), config)
    with pytest.raises(SystemExit) as stop:
        export.export(Exporter(b"new", fail_at="pdmodel"), config)
    assert stop.value.code == 3
    assert Path("inference/net/inference.pdiparams").read_bytes() == b"old"
    assert files("inference") == ["net"]


@pytest.mark.parametrize(
    "fail_at, left, code",
    [("pir", ".pdmodel", 1), ("pdmodel", ".json", 134), ("pir", ".pdmodel", 139)],
)
def test_where_paddle_cannot_write_one_format_the_other_is_kept(
    config, capsys, fail_at, left, code
):
    """It raises, aborts or crashes."""
    export.export(Exporter(b"old"), config)
    export.export(Exporter(b"new", fail_at, code), config)
    assert [name for name in files("inference/net") if name.endswith((".json", ".pdmodel"))] == [
        "inference" + left
    ]
    assert Path("inference/net/inference.pdiparams").read_bytes() == b"new"
    (line,) = capsys.readouterr().err.splitlines()
    assert f"cannot write this network as inference{export.SUFFIX[fail_at]}" in line
    with pytest.raises(SystemExit):  # it was asked for
        export.export(Exporter(b"newer", fail_at, code), config, export.formats_of("both"))


def test_a_label_map_that_lacks_a_class_is_refused_before_anything_runs(config):
    config["Arch"]["class_num"] = 4
    exporter = Exporter()
    with pytest.raises(OctConvError, match=r"class_id_map_file.*no name for class 3"):
        export.export(exporter, config)
    assert not exporter.calls


@pytest.mark.parametrize(
    "value, said",
    [
        (None, "is not set"),
        ("labels", "not a folder"),
        ("labels/x", "Not a directory"),
        (5, "path of a folder"),
    ],
)
def test_an_unusable_target_is_one_clear_error(config, value, said):
    config["Global"]["save_inference_dir"] = value
    with pytest.raises(OctConvError, match=f"Global.save_inference_dir.*{said}"):
        export.export(Exporter(), config)


def test_formats_by_option(monkeypatch):
    monkeypatch.setattr(machine, "paddle_writes_pir", lambda: True)
    assert export.formats_of(None) == export.formats_of("both") == ("pir", "pdmodel")
    assert export.formats_of("pdmodel") == ("pdmodel",)
    with pytest.raises(OctConvError, match="--format onnx: should be one of"):
        export.formats_of("onnx")
    monkeypatch.setattr(machine, "paddle_writes_pir", lambda: False)
    assert export.formats_of(None) == ("pdmodel",)
    with pytest.raises(OctConvError, match="--format pir.*needs Paddle 3"):
        export.formats_of("pir")


def test_what_the_exporter_wrote_into_inference_yml_stays(config):
    def with_hpi(env, changes):
        code = Exporter()(env, changes)
        (folder,) = map(Path, changes.values())
        (folder / "inference.yml").write_text("Hpi: {backend: x}\nPreProcess: theirs\n")
        return code

    folder = export.export(with_hpi, config)
    written = yaml.safe_load((folder / "inference.yml").read_text(encoding="utf-8"))
    assert written["Hpi"] == {"backend": "x"}
    assert written["PreProcess"]["transform_ops"][0] == {"ResizeImage": {"size": 32}}
    assert metadata.label_list(metadata.read(folder)) == ["cat", "sea lion", "dog"]
