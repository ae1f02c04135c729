"""The figures of the documents are those of the data files."""

import importlib.util
import json
from dataclasses import asdict
from pathlib import Path

import pytest

from paddleclas_octconv.compare.results import spread
from paddleclas_octconv.compare.verdict import verdicts
from paddleclas_octconv.measure.cases import Case, Contender, Settings, cases_of
from paddleclas_octconv.measure.kernels import Kernels
from paddleclas_octconv.measure.rows import Measured, as_json, rows_of

ROOT = Path(__file__).parents[1]
spec = importlib.util.spec_from_file_location("tables", ROOT / "docs" / "tables.py")
tables = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tables)

MACHINE = {
    "processor": "a processor",
    "cores": 2,
    "python": "3.11",
    "versions": {"paddlepaddle": "3.2.2"},
    "date": "2026-11-24",
    "command": "paddleclas benchmark",
}
CONTENDERS = [Contender("OctNet", "OctNet", twin="Net"), Contender("Net", "Net")]


@pytest.mark.parametrize("page", tables.pages(), ids=lambda page: page.name)
def test_page_and_data_are_together(page):
    text = page.read_text(encoding="utf-8")
    assert tables.fill(text) == text, "python docs/tables.py"


def test_there_are_pages_with_tables():
    assert ROOT / "docs" / "performance.md" in tables.pages()


def write(root, name, milliseconds, planned, kernels=None):
    """A file of `paddleclas benchmark --json` with made-up times."""
    counted = {
        (contender.label, case.image_size): {"multiply_adds": 100 if "Oct" in label else 173}
        for case in planned
        for contender, label in ((c, c.label) for c in CONTENDERS)
    }
    found = {
        case: Measured([[milliseconds(case) / 1000] * 3], 50_000_000, 10_000_000, kernels=kernels)
        for case in planned
    }
    table = rows_of(CONTENDERS, counted, found)
    (root / "benchmarks").mkdir(exist_ok=True)
    data = as_json(table, Settings(), MACHINE)
    (root / "benchmarks" / f"{name}.json").write_text(json.dumps(data), encoding="utf-8")
    return table


@pytest.fixture
def root(tmp_path):
    """Data in which OctNet is 1.5 times as fast as Net in OpenVINO, but slower at 32 pixels."""
    both = [("openvino", "fp32"), ("openvino", "int8"), ("paddle", "fp32")]

    def milliseconds(case: Case) -> float:
        base = {"openvino": 30.0, "paddle": 60.0}[case.engine]
        gain = 0.8 if case.image_size == 32 else 1.5
        return base / gain if case.contender == "OctNet" else base

    write(tmp_path, "engines", milliseconds, cases_of(CONTENDERS, both, [224], [1, 8]))
    planned = cases_of(CONTENDERS, both[:1], [32, 64], [1])
    write(tmp_path, "sizes", milliseconds, planned)
    return tmp_path


def test_the_tables_show_the_ratios_and_the_times(root):
    text = tables.fill("<!-- table: engines -->\nold\n<!-- end -->\n", root)
    assert "old" not in text
    assert "| OctNet, batch 8 | 1.73x | **1.50x** (30.0 to 20.0 ms) |" in text
    assert "OpenVINO float32 | OpenVINO INT8 | Paddle Inference float32" in text
    assert tables.sizes(root).splitlines()[-1] == "| OctNet | 0.80x | 1.50x | 1.50x |"
    costs = tables.costs(root)
    assert "| OctNet | OpenVINO float32 | 20.0 | 20.0 | 50 | 3.00x | 10.0 | 50 |" in costs
    assert "[`engines.json`](../benchmarks/engines.json): 2026-11-24, a processor" in (
        tables.provenance(root)
    )


def test_readme_shows_what_is_gained_in_both_languages(root):
    assert "| OctNet |  | 42% fewer | **1.50x** (30.0 to 20.0 ms) |" in tables.gains(root)
    assert "| OctNet |  | 减少 42% | **1.50 倍**（30.0 → 20.0 ms） |" in tables.gains_ch(root)


def test_accuracy_is_that_of_what_is_published(tmp_path):
    (tmp_path / "results").mkdir()
    file = tmp_path / "results" / "published.json"
    file.write_text(json.dumps({"vanilla": {"OctPreResNet50": 70.5, "OctDenseNet121": 99.9}}))
    assert "| OctPreResNet50 | 70.5 | **78.2** | 78.0 | 77.4 | 76.7 |" in tables.alphas(tmp_path)
    assert "| OctDenseNet121 | **99.9** | 76.1 | 75.9 | – | – |" in tables.alphas(tmp_path)
    shown = tables._top1(tmp_path, "OctResNet50", tables._GAINS)
    assert shown == "77.4% (vanilla 70.5%; 78.0% at alpha 0.25)"
    assert tables._top1(tmp_path, "OctMobileNetV1", tables._GAINS_CH) == "72.5%"


def test_a_busy_machine_is_not_passed_over(root):
    assert "busy" not in tables.provenance(root)
    file = root / "benchmarks" / "engines.json"
    data = json.loads(file.read_text())
    data["machine"]["busy_cpus"] = 1.4
    file.write_text(json.dumps(data))
    assert "**1.4 cores busy with other work**, " in tables.provenance(root)


def test_the_rule_says_from_which_size_octave_pays_and_what_it_costs_below(root):
    rule = tables.rule(root)
    assert "float32: OpenVINO (OctNet 20.0 ms)" in rule
    assert "**OctNet pays from 64x64 on**: 0.80x at 32, 1.50x at 64, 1.50x at 224" in rule
    assert "below it costs up to 25% more time than the twin" in rule


def test_another_figure_is_another_page(root):
    page = "<!-- table: rule -->\n<!-- end -->\n<!-- table: engines -->\n<!-- end -->\n"
    before = tables.fill(page, root)
    assert tables.fill(before, root) == before
    file = root / "benchmarks" / "engines.json"
    data = json.loads(file.read_text())
    data["networks"][0]["speed_up"] += 0.02
    file.write_text(json.dumps(data))
    assert tables.fill(before, root) != before


def test_a_route_that_was_not_run_says_why(tmp_path):
    network = {"network": "OctNet", "twin": "Net", "size": 32}
    rows = [
        {"route": "OpenCV", **network, "images": 100, "same": 98, "difference": 3e-5},
        {"route": "MNN", **network, "images": 100, "error": "no such operator"},
        {"route": "TensorFlow Lite", "not_run": "tflite: no such package"},
    ]
    (tmp_path / "results").mkdir()
    data = {"machine": MACHINE, "rows": rows}
    (tmp_path / "results" / "routes.json").write_text(json.dumps(data))
    shown = tables.routes(tmp_path)
    assert "| OpenCV | 98 of 100 (3e-05) |" in shown
    assert "| MNN | fails |" in shown and "MNN, OctNet at 32x32: `no such operator`" in shown
    assert "| TensorFlow Lite | not run |" in shown
    assert "- TensorFlow Lite, not run: tflite: no such package" in shown


def test_routes_are_timed_beside_the_twin_of_the_same_run(tmp_path):
    assert "Not timed yet" in tables.route_times(tmp_path)
    octave, twin = {"network": "OctNet", "twin": "Net", "size": 224}, {"network": "Net"}
    rows = [
        {"route": "OpenCV", **octave, "ms": 10.0},
        {"route": "OpenCV", **twin, "ms": 14.96},
        {"route": "MNN", **octave, "error": "no such operator"},
        {"route": "MNN", **twin, "ms": 30.0},
    ]
    (tmp_path / "benchmarks").mkdir()
    data = {"machine": MACHINE, "rows": rows}
    (tmp_path / "benchmarks" / "routes.json").write_text(json.dumps(data))
    header, _, first, second, *_ = tables.route_times(tmp_path).splitlines()
    assert header == "|  | OctNet, 224 |"
    assert first == "| OpenCV | 1.50x (15.0 to 10.0 ms) |"
    assert second == "| MNN | – |"


def test_kernels_and_forms(tmp_path):
    plain = Contender("OctNet (plain)", "OctNet", form="plain", twin="Net")
    contenders = [CONTENDERS[0], plain, CONTENDERS[1]]
    planned = cases_of(contenders, [("paddle", "fp32")], [224], [1])
    times = {"OctNet": 0.010, "OctNet (plain)": 0.012, "Net": 0.015}
    kernels = [Kernels("convolution", 20, 6.0), Kernels("pooling", 5, 1.5)]
    found = {c: Measured([[times[c.contender]]], 1, 1, kernels=kernels) for c in planned}
    counted = {(label, 224): {"multiply_adds": 100} for label in times}
    table = rows_of(contenders, counted, found)
    (tmp_path / "benchmarks").mkdir()
    data = {"machine": MACHINE, "networks": [asdict(row) for row in table]}
    (tmp_path / "benchmarks" / "forms.json").write_text(json.dumps(data))
    assert tables.forms(tmp_path).splitlines()[-1] == (
        "| OctNet, batch 1 | 1.00x | **1.50x** (15.0 to 10.0 ms) | **1.25x** (15.0 to 12.0 ms) |"
    )
    assert "| OctNet, batch 1 | 25 | 6.0 | 1.5 | 2.5 |" in tables.kernels(tmp_path)


def model(name, *accuracies, twin=None):
    curves = {"train_accuracy": [[1, 0.5]], "eval_accuracy": [[1, 0.5]], "train_loss": [[1, 2.0]]}
    rates = [[step / 500, 0.001] for step in range(1000)]
    each = [
        {"seed": seed, "eval_accuracy": value, "curves": {**curves, "learning_rate": rates}}
        for seed, value in enumerate(accuracies, 1)
    ]
    return {
        **{"model": name, "arch": {"name": name}, "epochs": 12, "image_size": 32},
        **{"twin_model": twin, "runs": each, "published": None, "mistakes": [{"image": "a.jpg"}]},
        **{"batch_size": 64, "steps_per_epoch": 782, "multiply_adds": 50 if twin else 80},
        **{"total_parameters": 1000, "peak_memory": 2**30, "images_per_second": {"mean": 40.0}},
        **{"train_accuracy": spread(accuracies), "eval_accuracy": spread(accuracies)},
        **{"eval_loss": spread([1.5]), "exported_accuracy": spread(accuracies)},
        **{"train_seconds": {"mean": 600.0}, "latency": None, "confusion": [[3, 1], [0, 4]]},
    }


def test_the_results_of_a_comparison_are_kept_and_shown(tmp_path):
    models = [model("OctNet", 0.61, 0.52, 0.703, twin="Net"), model("Net", 0.59, 0.50, 0.68)]
    results = {
        **{"models": models, "verdicts": verdicts(models), "unfinished": [], "preset": "best"},
        **{"machine": MACHINE, "date": "2026-11-24", "command": "paddleclas compare"},
        **{"image_root": "dataset/cifar10", "train_images": 50000, "eval_images": 10000},
    }
    folder = tmp_path / "compared"
    (folder / "plots").mkdir(parents=True)
    (tmp_path / "docs" / "images").mkdir(parents=True)
    (folder / "results.json").write_text(json.dumps(results))
    (folder / "plots" / "accuracy-Net.png").write_bytes(b"png")
    (folder / "plots" / "confusion-Net.png").write_bytes(b"png")
    stale = tmp_path / "docs" / "images" / "best-32-accuracy-Other.png"
    stale.write_bytes(b"png")
    tables.keep(folder, "best-32", tmp_path)
    kept = json.loads((tmp_path / "results" / "best-32.json").read_text())
    rates = kept["models"][0]["runs"][0]["curves"]["learning_rate"]
    assert 100 < len(rates) < 200 and rates[1] == [0.016, 0.001]
    assert kept["models"][0]["confusion"] == [[3, 1], [0, 4]]
    assert kept["models"][0]["mistakes"] == []
    images = sorted(path.name for path in (tmp_path / "docs" / "images").iterdir())
    assert images == ["best-32-accuracy-Net.png"]
    page = tables.comparisons(tmp_path)
    assert "> OctNet is 0.0210 above Net in evaluation accuracy, in the mean of 3 seeds" in page
    assert "| OctNet | 12 | 0.6110 ± 0.0915 (3) | 0.6110 ± 0.0915 (3) | 1.5000 | 1,000 |" in page
    assert "![best-32-accuracy-Net](images/best-32-accuracy-Net.png)" in page
    assert "[`best-32`](../results/best-32.json)" in tables.verdict(tmp_path)


TRAINED = [
    {
        **{"network": "Net", "alpha": 0.5, "vanilla": 70.0, "solved": 68.0, "distilled": 69.5},
        **{"vanilla_multiply_adds": 80_000_000, "multiply_adds": 50_000_000},
        **{"vanilla_ms": 10.0, "ms": 8.0, "speed_up": 1.25, "measured_on": {"processor": "A"}},
        **{"vanilla_int8": 69.9, "int8": 67.9},
        **{"vanilla_int8_ms": 4.0, "int8_ms": 5.0, "int8_speed_up": 0.8},
    },
    {
        **{"network": "Net", "alpha": 0.25, "vanilla": 70.0, "solved": 69.0, "scratch": 67.0},
        **{"vanilla_multiply_adds": 80_000_000, "multiply_adds": 60_000_000},
        **{"vanilla_ms": 20.0, "ms": 22.0, "speed_up": 20 / 22, "measured_on": {"processor": "A"}},
    },
    {
        **{"network": "Light", "alpha": 0.5, "vanilla": 60.0, "solved": 50.0},
        **{"vanilla_multiply_adds": 8_000_000, "multiply_adds": 5_000_000},
    },
]


@pytest.fixture
def of_trained(tmp_path) -> Path:
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "trained-96.json").write_text(json.dumps({"rows": TRAINED}))
    return tmp_path


def test_readme_shows_one_network_before_and_after(of_trained):
    assert tables.before_after(of_trained).splitlines() == [
        "| Net, alpha | top-1 before | after | distilled | ms before | ms after |",
        "|:--|--:|--:|--:|--:|--:|",
        "| 0.25 | 70.00% | 69.00% | – | 20.0 | 22.0 (**0.91x**) |",
        "| 0.5 | 70.00% | 68.00% | 69.50% | 10.0 | 8.0 (**1.25x**) |",
    ]
    assert "8.0 (**1.25 倍**)" in tables.before_after_ch(of_trained)


def test_the_deciding_table_has_all_networks_and_says_what_is_not_measured(of_trained):
    rows = [line.split(" | ") for line in tables.deciding(of_trained).splitlines()[2:]]
    assert [row[1] for row in rows] == [
        "vanilla",
        "alpha 0.25",
        "alpha 0.5",
        "vanilla",
        "alpha 0.5",
    ]
    assert rows[1][2:5] == ["69.00%", "–", "67.00%"] and rows[2][2:5] == ["68.00%", "69.50%", "–"]
    assert rows[2][5:7] == ["50 M", "1.25x (10.0 to 8.0 ms)"] and rows[4][6] == "–"
    assert rows[2][-2:] == ["67.90%", "0.80x (4.0 to 5.0 ms) |"] and rows[0][-2] == "69.90%"


def test_the_front_is_that_of_networks_measured_in_turns(of_trained):
    """Of 15 ms, the median of the vanilla network's, the octave ones have their ratios."""
    assert tables.decided(of_trained).splitlines() == [
        "- float32 (A), front of top-1 over latency: Oct Net alpha 0.5 distilled (69.50%, 12.0 "
        "ms), Net (70.00%, 15.0 ms). Octave networks on it: Oct Net alpha 0.5 distilled.",
        "- INT8 (A), front of top-1 over latency: Net (69.90%, 4.0 ms). Octave networks on it: "
        "none.",
    ]


def test_no_front_has_networks_of_two_machines(of_trained):
    other = {**TRAINED[0], "network": "Other", "solved": 99.0, "measured_on": {"processor": "B"}}
    file = of_trained / "results" / "trained-96.json"
    file.write_text(json.dumps({"rows": [*TRAINED, other]}))
    lines = tables.decided(of_trained).splitlines()
    assert [line.partition(",")[0] for line in lines] == [
        *("- float32 (A)", "- float32 (B)", "- INT8 (A)", "- INT8 (B)"),
    ]
    assert all(("Other" in line) == ("(B)" in line) for line in lines)


def test_a_training_step_is_shown_by_operator(tmp_path):
    (tmp_path / "benchmarks").mkdir()
    kinds = {"conv2d": 60.0, "conv2d_grad": 110.0, "pool2d_grad": 7.0, "mean_all": 0.1}
    kernels = [{"name": name, "count": 1, "milliseconds": ms} for name, ms in kinds.items()]
    data = {"machine": MACHINE, "networks": [{"label": "Net", "kernels": kernels}]}
    (tmp_path / "benchmarks" / "training-profile.json").write_text(json.dumps(data))
    lines = tables.profile(tmp_path).splitlines()
    assert lines[:4] == [
        "|  | Net | back |",
        "|:--|--:|--:|",
        "| convolution | 60 | 110 |",
        "| pooling | 0 | 7 |",
    ]
    assert "others" not in lines[4] and "paddleclas benchmark" in lines[-1]


def test_stems_are_compared_by_their_time_of_training(tmp_path):
    (tmp_path / "results").mkdir()
    for stem in (1, 2):
        octave = model("OctNet", 0.6 / stem, twin="Net")
        octave["arch"] = (
            {"name": "OctNet", "small_images": True} if stem == 1 else {"name": "OctNet"}
        )
        text = json.dumps({"models": [octave], "verdicts": []})
        (tmp_path / "results" / f"{stem}-stem.json").write_text(text)
        (tmp_path / "results" / f"{stem}-other.json").write_text(text)
    one, two = tables.stems(tmp_path).splitlines()[2:]
    said = "| OctNet, stem of stride {0} | 40 images/s | 12 | 10.0 min | {1} | [`{0}-stem`]"
    assert one.startswith(said.format(1, "0.6000"))
    assert two.startswith(said.format(2, "0.3000"))


def test_what_is_not_measured_says_so(tmp_path):
    for name in ("engines", "sizes", "costs", "rule", "provenance"):
        assert tables.TABLES[name](tmp_path) == tables.MISSING
    for name in (
        "comparisons",
        "verdict",
        "stems",
        "trained",
        "before_after",
        "deciding",
        "decided",
    ):
        assert tables.TABLES[name](tmp_path) == tables.NOT_RUN


def test_an_unknown_table_is_an_error():
    with pytest.raises(KeyError):
        tables.fill("<!-- table: nothing -->\n<!-- end -->")
