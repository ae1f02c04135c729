"""The plots of a report can be read: names in any script, and no more than one plot an image."""

from __future__ import annotations

import warnings

import pytest
from matplotlib import font_manager
from matplotlib.text import Text
from PIL import Image

from paddleclas_octconv.common import fonts
from paddleclas_octconv.compare import plots
from paddleclas_octconv.run import plots as shared

LATENCY = {"median_ms": 2.0, "engine": "paddle", "spread": 0.1}
CLASSES = ["小 猫", "big dog", "飞机"]


def results(folder) -> dict:
    Image.new("RGB", (8, 8)).save(folder / "图.png")
    curves = {
        "train_accuracy": [[1, 0.5], [2, 0.6]],
        "eval_accuracy": [[1, 0.4], [2, 0.5]],
        "train_loss": [[1, 2.0], [2, 1.0]],
        "eval_loss": [[1, 2.0], [2, 1.0]],
        "learning_rate": [[0.0, 0.1], [1.5, 0.0]],
    }
    mistake = {"image": "图.png", "label": "小 猫", "predicted": "飞机", "confidence": 0.9}

    def model(name: str, twin: str | None) -> dict:
        return {
            **{"model": name, "group": "网", "twin_model": twin, "multiply_adds": 10**6},
            **{"epochs": 3},
            **{"runs": [{"curves": curves}], "latency": LATENCY},
            **{"eval_accuracy": {"mean": 0.5, "spread": 0.0}, "classes": CLASSES},
            **{"confusion": [[1, 0, 0], [0, 2, 0], [1, 0, 0]], "mistakes": [mistake]},
        }

    return {"image_root": str(folder), "models": [model("八度", "网"), model("网", None)]}


@pytest.fixture
def only_matplotlibs_own_fonts(monkeypatch):
    own = [font for font in font_manager.fontManager.ttflist if font.name == "DejaVu Sans"]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", own)


def test_names_that_no_font_has_are_numbers(only_matplotlibs_own_fonts):
    drawn = fonts.drawable(["小 猫", "Žluťoučký kůň", "飞机"], "class")
    assert list(drawn.values()) == ["class 0", "Žluťoučký kůň", "class 2"]


def test_every_name_can_be_drawn(tmp_path, only_matplotlibs_own_fonts):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of a glyph that is missing
        captions = plots.draw_all(results(tmp_path), tmp_path / "plots")
    assert sorted(captions) == sorted(path.name for path in (tmp_path / "plots").iterdir())
    assert captions["confusion-网.png"] == (
        "Confusion matrix of 网 (class 0 is 小 猫, class 2 is 飞机)"
    )


def test_each_image_is_one_plot(tmp_path):
    captions = plots.draw_all(results(tmp_path), tmp_path / "plots")
    for name in captions:
        with Image.open(tmp_path / "plots" / name) as image:
            assert image.width < 1.7 * image.height or name.startswith("mistakes"), name
    for name in ("loss-网.png", "learning-rate-网.png"):
        assert name in captions
    for name in ("accuracy-multiply-adds.png", "accuracy-latency.png"):
        assert name in captions


def test_plots_by_epochs_have_one_x_axis_whatever_they_show(tmp_path):
    models = results(tmp_path)["models"]
    limits = set()
    for plot in (shared.accuracy, shared.loss, shared.learning_rate):
        (axes,) = plots.by_epoch(plot, models, 12).axes
        limits.add(axes.get_xlim())
    ((first, last),) = limits
    assert first == 0 and 12 <= last < 13


def test_letters_can_be_read_on_a_telephone(tmp_path):
    """At 370 pixels, the width that a page of 400 leaves, the smallest have at least ten."""
    models = results(tmp_path)["models"]
    many = {**models[0], "classes": [f"class {i}" for i in range(10)]}
    many["confusion"] = [[i == j for i in range(10)] for j in range(10)]
    figures = [plots.by_epoch(shared.accuracy, models, 3), plots.confusion(many)]
    figures.append(plots.cost(models, "ms", plots._milliseconds, plots._milliseconds_spread))
    figures.append(plots.mistakes({**models[0], "mistakes": models[0]["mistakes"] * 8}, tmp_path))
    for figure in figures:
        width = figure.get_figwidth() * 72  # points
        letters = figure.findobj(lambda artist: isinstance(artist, Text) and artist.get_text())
        assert min(text.get_fontsize() for text in letters) * 370 / width > 9.5


def test_a_matrix_of_many_classes_is_as_wide_as_it_must_be(tmp_path):
    models = results(tmp_path)["models"]
    many = {**models[0], "classes": [f"class {i}" for i in range(30)]}
    many["confusion"] = [[i == j for i in range(30)] for j in range(30)]
    widths = []
    for model in (models[0], many):
        plots.confusion(model).savefig(tmp_path / "matrix.png", dpi=plots.DPI)
        widths.append(plots.least_width(tmp_path / "matrix.png"))
    assert widths[0] < 370 < widths[1]


def test_plots_of_what_was_compared_before_are_not_kept(tmp_path):
    folder = tmp_path / "plots"
    folder.mkdir()
    (folder / "accuracy-OctNet.png").write_bytes(b"of the time before its twin was there")
    captions = plots.draw_all(results(tmp_path), folder)
    assert {path.name for path in folder.iterdir()} == set(captions)


def test_more_networks_than_colours_can_be_told_apart(tmp_path):
    (first, second) = results(tmp_path)["models"]
    models = [{**first, "model": f"Oct{i}"} for i in range(12)] + [{**second, "model": "网"}]
    figure = plots.cost(models, "cost", plots._mega_adds)
    (axes,) = figure.axes
    looks = [
        (handle[0].get_color(), handle[0].get_marker())
        for handle in axes.get_legend_handles_labels()[0]
    ]
    assert len(set(looks)) == len(looks) == 13


def test_a_latency_is_drawn_with_its_spread(tmp_path):
    models = results(tmp_path)["models"]
    (axes,) = plots.cost(models, "ms", plots._milliseconds, plots._milliseconds_spread).axes
    (line, _, (horizontal, *_)) = axes.containers[0]
    (left, right) = horizontal.get_segments()[0][:, 0]
    assert (left, right) == pytest.approx((1.8, 2.2))
