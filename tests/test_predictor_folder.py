"""What a folder says about itself is data: PaddleClas's predictor runs nothing of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

predictor = pytest.importorskip("paddleclas.paddleclas")

from paddleclas_octconv.common.errors import OctConvError  # noqa: E402
from paddleclas_octconv.deploy import metadata  # noqa: E402
from paddleclas_octconv.patches import paddleclas_predictor  # noqa: E402

OURS = {"exporter": f"{metadata.EXPORTER} 0"}
STEPS = [
    {"ResizeImage": {"size": 32}},
    {"NormalizeImage": {"scale": 0.1, "mean": [0.5] * 3, "std": [0.5] * 3, "channel_num": 3}},
    {"ToCHWImage": None},
]


def write(folder: Path, **sections) -> str:
    text = yaml.safe_dump({"PreProcess": {"transform_ops": STEPS}, **sections})
    (folder / metadata.CONFIG_FILE).write_text(text)
    return str(folder)


def init_config(folder: str, **options):
    return predictor.init_config("custom", None, folder, **options)


@pytest.mark.parametrize(
    "sections, told",
    [
        ({"PreProcess": {"transform_ops": [{"NormalizeImage": {"scale": "open('ran', 'w')"}}]}},
         "scale"),
        ({"PreProcess": {"transform_ops": [{"NormalizeImage": {"scale": [1]}}]}}, "scale"),
        ({"PreProcess": {"transform_ops": [{"partial": {"func": "x"}}]}}, "partial"),
        ({"PreProcess": {"transform_ops": [{"__loader__": None}]}}, "__loader__"),
        ({"PreProcess": {"transform_ops": [{"importlib": None}]}}, "importlib"),
        ({"PreProcess": {"transform_ops": ["ToCHWImage"]}}, "ToCHWImage"),
        ({"PreProcess": {"transform_ops": {"a": 1}}}, "transform_ops"),
        ({"PreProcess": 3}, "PreProcess"),
        ({"PostProcess": {"Topk": {"topk": "9**9**9"}}}, "topk"),
        ({"PostProcess": {"Topk": {"topk": 0}}}, "topk"),
        ({"PostProcess": [1]}, "PostProcess"),
        ({"PostProcess": {"Topk": [1]}}, "PostProcess"),
        ({"PostProcess": {"Topk": {"label_list": "abc"}}}, "label_list"),
        ({"PostProcess": {"Topk": {"label_list": [1, 2]}}}, "label_list"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("ours", [True, False])
def test_what_is_no_data_is_refused(sections, told, ours, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folder = write(tmp_path, **({"Global": OURS} if ours else {}), **sections)
    if ours:
        with pytest.raises(OctConvError) as error:
            init_config(folder)
        said = str(error.value)
    else:  # from elsewhere: as if it said nothing
        assert init_config(folder) == predictor.init_config.__wrapped__("custom", None, folder)
        said = capsys.readouterr().err.splitlines()[0]
    assert metadata.CONFIG_FILE in said and told in said
    assert [path.name for path in tmp_path.iterdir()] == [metadata.CONFIG_FILE]


def test_what_paddleclas_exported_for_others_is_taken_too(tmp_path, capsys):
    """Its own exporter writes inference.yml with Global.export_for_fd."""
    post = {"Topk": {"topk": 3, "label_list": ["a", "b", "c", "d"]}}
    config = init_config(write(tmp_path, PostProcess=post))
    assert config.PreProcess.transform_ops == STEPS
    assert config.PostProcess.Topk.topk == 3
    assert config.PostProcess.Topk.label_list == ["a", "b", "c", "d"]
    assert capsys.readouterr().err == ""


def test_labels_that_are_guessed_are_told(tmp_path, capsys):
    init_config(str(tmp_path))
    said = capsys.readouterr().err
    assert said.startswith(f"paddleclas: warning: {tmp_path} does not name its classes")
    assert "--class_id_map_file" in said and said.count("\n") == 1
    (tmp_path / "labels").write_text("0 a\n")
    init_config(str(tmp_path), class_id_map_file=str(tmp_path / "labels"))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("kind", [Exception, predictor.InputModelError])
def test_what_it_is_wrongly_given_is_told_in_one_line(kind, capsys):
    def main():
        raise kind("not found any img file\nin nix")

    main.__module__ = predictor.__name__
    assert paddleclas_predictor._main(main) == 2
    assert capsys.readouterr().err == "paddleclas: error: not found any img file in nix\n"


def test_an_error_that_is_none_of_its_own_is_not_hidden():
    def main():
        raise IndexError

    with pytest.raises(IndexError):
        paddleclas_predictor._main(main)
