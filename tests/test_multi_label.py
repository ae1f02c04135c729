"""Several labels an image, from a table of own images to predictions by every way there is."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from conftest import error_line, measuring_here, run_here, run_python, with_several_labels

from paddleclas_octconv.config import Config
from paddleclas_octconv.config.check import check_sections
from paddleclas_octconv.config.vocabulary import check_vocabulary
from paddleclas_octconv.data.own_images import collect
from paddleclas_octconv.deploy.classify import decided
from paddleclas_octconv.deploy.images import Listed, Preprocess
from paddleclas_octconv.deploy.int8.accuracy import top1
from paddleclas_octconv.run.training_log import VALUE
from paddleclas_octconv.trainer.source import source_of


def draw(folder: Path, count: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        pixels = np.random.default_rng(number).integers(0, 255, (6, 5, 3)).astype(np.uint8)
        cv2.imwrite(str(folder / f"{number}.png"), pixels)


FLAGS = ["1,0,1", "0,1,1", "0,0,0", "1,1,0", "1,0,0", "0,1,0"]


@pytest.mark.parametrize(
    "name, text",
    [
        ("a.txt", "".join(f"{n}.png\t{flags}\n" for n, flags in enumerate(FLAGS))),
        ("a.txt", "".join(f"{n}.png {flags}\n" for n, flags in enumerate(FLAGS))),
        ("a.txt", "".join(f"{n}.png {flags}\n".replace(",", " ") for n, flags in enumerate(FLAGS))),
        ("a.csv", "".join(f"{n}.png,{flags}\n" for n, flags in enumerate(FLAGS))),
        ("a.csv", "".join(f'{n}.png,"{flags}"\n' for n, flags in enumerate(FLAGS))),
        ("a.txt", "".join(f"{n}.png;{f.replace(',', ';')}\n" for n, f in enumerate(FLAGS))),
        ("a.txt", "".join(f"{n}.png  {f.replace(',', ',  ')}\n" for n, f in enumerate(FLAGS))),
        ("a.txt", "".join(f"{n}.png {f.replace('0', '-1')}\n" for n, f in enumerate(FLAGS))),
        ("a.csv", "".join(f'{n}.png,"[{f.replace(",", ", ")}]"\n' for n, f in enumerate(FLAGS))),
    ],
)
def test_flags_are_labels_not_classes(tmp_path, name, text):
    draw(tmp_path, 6)
    (tmp_path / name).write_text(text)
    images = collect([tmp_path / name], 0.4, 0, 2)
    assert images.multi_label and images.classes == ["0", "1", "2"] and images.left_out == []
    both = dict(images.splits["train"] + images.splits["val"])
    assert both == {f"{n}.png": tuple(map(int, flags.split(","))) for n, flags in enumerate(FLAGS)}
    assert len(images.splits["val"]) == 2


@pytest.mark.parametrize(
    "header, row",
    [
        ("image,sea,my tree,sky", "{n}.png,{0},{1},{2}"),
        ("image_id,sea,my tree,sky,split", "{n},{0}.0,{1}.0,{2}.0,train"),
        ("sea;file;my tree;sky", "{0};{n}.png;{1};{2}"),
    ],
)
def test_columns_of_flags_are_classes(tmp_path, header, row):
    draw(tmp_path, 6)
    rows = [row.format(*flags.split(","), n=n) for n, flags in enumerate(FLAGS)]
    (tmp_path / "a.csv").write_text("\n".join([header, *rows]))
    images = collect([tmp_path / "a.csv"], 0.4, 0, 2)
    assert images.multi_label and images.classes == ["sea", "my tree", "sky"]
    both = dict(images.splits["train"] + images.splits["val"])
    assert both["3.png"] == (1, 1, 0) and both["2.png"] == (0, 0, 0)


def test_columns_with_one_1_each_are_one_label(tmp_path):
    draw(tmp_path, 6)
    rows = [f"{n}.png,{','.join('01'[n % 3 == c] for c in range(3))}" for n in range(6)]
    (tmp_path / "a.csv").write_text("\n".join(["image,c,b,a", *rows]))
    images = collect([tmp_path / "a.csv"], 0.4, 0, 2)
    assert not images.multi_label and images.classes == ["c", "b", "a"]
    assert dict(images.splits["train"] + images.splits["val"])["5.png"] == 2


@pytest.mark.parametrize("name", ["train_list.txt", "train_list.csv"])
def test_numbers_of_classes_are_several_labels(tmp_path, name):
    """As PaddleLabel writes them, with their names beside."""
    draw(tmp_path, 5)
    mark = ", " if name.endswith("csv") else " "
    lines = [
        mark.join([f"{n}.png", *labels]) for n, labels in enumerate(["03", "2", "03", "1", "20"])
    ]
    (tmp_path / name).write_text("\r\n".join(lines))
    (tmp_path / "labels.txt").write_text("cat\ndog\nyellow\nblack\n")
    images = collect([tmp_path / name], 0.4, 0, 2)
    assert images.multi_label and images.classes == ["cat", "dog", "yellow", "black"]
    both = dict(images.splits["train"] + images.splits["val"])
    assert both["0.png"] == (1, 0, 0, 1) and both["1.png"] == (0, 0, 1, 0)
    assert len(both) == 5


def test_a_list_of_names_in_a_cell_is_one_of_labels(tmp_path):
    draw(tmp_path, 4)
    cells = ("['sea', 'my sky']", "['my sky']", "[]", '["sea"]'.replace('"', '""'))
    rows = "".join(f'{n}.png,"{cell}"\n' for n, cell in enumerate(cells))
    (tmp_path / "a.csv").write_text(f"image,objects\n{rows}")
    images = collect([tmp_path / "a.csv"], 0.4, 0, 2)
    assert images.multi_label and images.classes == ["my sky", "sea"]
    both = dict(images.splits["train"] + images.splits["val"])
    assert both == {"0.png": (1, 1), "1.png": (1, 0), "2.png": (0, 0), "3.png": (0, 1)}


@pytest.mark.parametrize("text", ["image,tags\n{}", "image,label\n{}"])
def test_names_in_one_cell_are_several_labels(tmp_path, text):
    draw(tmp_path, 4)
    mark = " " if "tags" in text else "|"
    rows = [mark.join(names) for names in (["haze", "primary"], ["clear"], ["haze"], ["haze"])]
    (tmp_path / "a.csv").write_text(text.format("".join(f"{n},{r}\n" for n, r in enumerate(rows))))
    images = collect([tmp_path / "a.csv"], 0.4, 0, 2)
    assert images.multi_label and images.classes == ["clear", "haze", "primary"]
    both = dict(images.splits["train"] + images.splits["val"])
    assert both["0.png"] == (0, 1, 1) and both["1.png"] == (1, 0, 0)


def test_flags_that_are_none_are_left_out(tmp_path):
    draw(tmp_path, 5)
    (tmp_path / "a.txt").write_text("0.png\t1,0\n1.png\t0,1\n2.png\t1,1\n3.png\t1,2\n4.png\t1\n")
    images = collect([tmp_path / "a.txt"], 0.4, 0, 2)
    assert images.left_out == [
        "a.txt:4: '1,2' should be 0 or 1 for each of 2 classes",
        "a.txt:5: '1' should be 0 or 1 for each of 2 classes",
    ]


# The config


@pytest.fixture
def config(tiny_config, tmp_path) -> dict:
    return with_several_labels(yaml.safe_load(tiny_config.read_text()), tmp_path)


@pytest.mark.parametrize(
    "mode, spoil, told",
    [
        ("train", lambda c: c["Global"].pop("use_multilabel"), "Global.use_multilabel: should be"),
        (
            "train",
            lambda c: c["DataLoader"]["Train"]["dataset"].update(
                batch_transform_ops=[{"MixupOperator": {"alpha": 0.2}}]
            ),
            "DataLoader.Train.dataset.batch_transform_ops.0: MixupOperator mixes images with one",
        ),
        (
            "train",
            lambda c: c["DataLoader"]["Train"]["dataset"].update(
                name="MLClsDataset", batch_transform_ops=[{"MixupCutmixHybrid": {}}]
            ),
            "DataLoader.Train.dataset.batch_transform_ops.0: MixupCutmixHybrid mixes images",
        ),
        (
            "train",
            lambda c: c["Loss"].update(Train=[{"CELoss": {"weight": 1.0}}]),
            "Loss.Train.0: CELoss is for one label per image: MultiLabelLoss",
        ),
        (
            "eval",
            lambda c: c["Metric"].update(Eval=[{"TopkAcc": {"topk": 1}}]),
            "Metric.Eval.0: TopkAcc is for one label per image: AccuracyScore",
        ),
        (
            "export",
            lambda c: c["Infer"]["PostProcess"].update(name="Topk"),
            "Infer.PostProcess.name: Topk is for one label",
        ),
    ],
)
def test_what_is_for_one_label_is_refused_before_the_start(config, mode, spoil, told):
    check_sections(Config(config, Path("several.yaml")), mode)
    spoil(config)
    with pytest.raises(ValueError, match=told):
        check_sections(Config(config, Path("several.yaml")), mode)


def test_the_post_processing_of_newer_trainers_is_known_to_all(config, fetched_trainer):
    check_vocabulary(config, "infer", source_of(fetched_trainer))
    config["Infer"]["PostProcess"]["treshold"] = 1
    with pytest.raises(ValueError, match="did you mean Infer.PostProcess.threshold"):
        check_vocabulary(config, "infer", source_of(fetched_trainer))


# What is counted


def test_exact_match_counts_images_of_which_every_label_is_right(tiny_data):
    scores = np.array([[0.9, 0.2], [0.5, 0.6], [0.1, 0.4]])
    assert decided(scores, several=True).tolist() == [[1, 0], [1, 1], [0, 0]]
    assert decided(scores, several=False).tolist() == [0, 1, 1]
    listed = Listed(
        [tiny_data / f"images/{n}.png" for n in range(3)], [(1, 0), (0, 1), (0, 0)], True
    )
    steps = Preprocess([{"ToCHWImage": None}])
    (found,) = top1([lambda images: scores], listed, steps, lambda items, *_: items)
    assert (found.right, found.images, found.percent) == (2, 3, pytest.approx(100 * 2 / 3))


def test_each_image_of_many_is_compared_with_its_own_label(tiny_data):
    listed = Listed([tiny_data / f"images/{n}.png" for n in range(40)], [n % 3 for n in range(40)])
    told = iter(range(40))

    def network(images: np.ndarray) -> np.ndarray:
        """Right, but for every fifth image."""
        return np.eye(3)[[(n + (n % 5 == 0)) % 3 for _, n in zip(images, told)]]

    steps = Preprocess([{"ToCHWImage": None}])
    (found,) = top1([network], listed, steps, lambda items, *_: items)
    assert (found.right, found.images) == (32, 40)


# All the way


@pytest.fixture(scope="module")
def trained(tiny_config, tmp_path_factory, fetched_trainer):
    """(its folder, the labels of each image), after a training that has learnt them."""
    folder = tmp_path_factory.mktemp("several")
    config = with_several_labels(yaml.safe_load(tiny_config.read_text()), folder)
    config["Optimizer"]["lr"]["learning_rate"] = 0.01
    (folder / "several.yaml").write_text(yaml.safe_dump(config))
    options = ("-c", "several.yaml", "--epochs", "6")
    done = run_here("train", *options, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "epoch" in done.stderr + done.stdout
    return folder


def test_the_mean_average_precision_is_told():
    """As PaddleClas 2.6 logs it."""
    (found,) = VALUE.findall("MultiLabelMAP(integral): 0.875")
    assert found == ("MultiLabelMAP", "0.875")


def test_it_is_evaluated_by_its_labels(trained):
    done = run_here("eval", "-c", "several.yaml", cwd=trained)
    assert done.returncode == 0, done.stderr
    assert "AccuracyScore" in done.stdout


def test_every_way_predicts_the_same_classes(trained, tiny_data, call_cli, monkeypatch):
    export = run_here("export", "-c", "several.yaml", "--format", "pir", cwd=trained)
    assert export.returncode == 0, export.stderr
    described = yaml.safe_load((trained / "inference/inference.yml").read_text())
    assert described["PostProcess"] == {
        "MultiLabelThreshOutput": {"threshold": 0.5, "label_list": ["bright", "odd one", "always"]}
    }
    infer = run_here(
        "infer", "-c", "several.yaml", "--images", tiny_data / "images", "--json", cwd=trained
    )
    assert infer.returncode == 0, infer.stderr
    inferred = {
        Path(image["image"]).name: {each["class"]: each["score"] for each in image["classes"]}
        for image in json.loads(infer.stdout)
    }
    assert len(inferred) == 40 and any(len(classes) > 1 for classes in inferred.values())
    monkeypatch.chdir(trained)
    predict = call_cli("predict", "inference", tiny_data / "images", "--csv", "p.csv")
    assert predict.returncode == 0, predict.stderr
    predicted: dict[str, dict[str, float]] = {}
    for row in csv.DictReader((trained / "p.csv").open()):
        image = predicted.setdefault(Path(row["file_name"]).name, {})
        if row["label_name"]:
            image[row["label_name"]] = float(row["score"])
    assert predicted.keys() == inferred.keys()
    for name, classes in inferred.items():
        assert predicted[name] == pytest.approx(classes, abs=1e-4)
    ours = run_python(
        "-c",
        "from paddleclas import PaddleClas\n"
        "for found in PaddleClas(inference_model_dir='inference', use_gpu=False).predict("
        f"{str(tiny_data / 'images/3.png')!r}): print('found', found)",
        cwd=trained,
        timeout=900,
    )
    assert ours.returncode == 0, ours.stderr
    names = str(list(sorted(inferred["3.png"], key=["bright", "odd one", "always"].index)))
    assert f"'label_names': {names}" in ours.stdout


def test_a_wrong_threshold_of_a_folder_is_one_line(tmp_path, tiny_data, call_cli):
    steps = {"PreProcess": {"transform_ops": [{"ToCHWImage": None}]}}
    post = {"PostProcess": {"MultiLabelThreshOutput": {"threshold": "high"}}}
    (tmp_path / "inference.yml").write_text(yaml.safe_dump({**steps, **post}))
    done = call_cli("predict", tmp_path, tiny_data / "images")
    assert done.returncode == 2
    assert "threshold: 'high' should be a number from 0 to 1" in error_line(done.stderr)


# Compared


@pytest.fixture
def to_compare(config, tmp_path, monkeypatch) -> list[dict]:
    """An octave network and its twin, as written by ``write``."""
    monkeypatch.chdir(tmp_path)
    config["Optimizer"]["lr"]["learning_rate"] = 0.01
    twin = {**config, "Arch": {"name": "MobileNetV1_x0_25", "class_num": 3}}
    return [config, json.loads(json.dumps(twin))]


def write(configs: list[dict]) -> list[str]:
    for name, each in zip(("oct.yaml", "twin.yaml"), configs):
        Path(name).write_text(yaml.safe_dump(each))
    return ["oct.yaml", "twin.yaml"]


def test_a_comparison_counts_as_paddleclas_evaluates(to_compare, fetched_trainer, call_cli):
    """Its own evaluation is the reference for what is counted of the exported network."""
    options = ["--models", "oct", "--epochs", "2", "--output", "out"]
    with measuring_here():
        done = call_cli("compare", *write(to_compare), *options)
    assert done.returncode == 0, done.stderr
    results = json.loads(Path("out/results.json").read_text())
    (found,) = results["models"]
    assert found["accuracy"] == "labels right"
    evaluated = found["runs"][0]["eval_accuracy"]
    assert 0 < evaluated <= 1
    assert found["runs"][0]["exported_accuracy"] == pytest.approx(evaluated, abs=1e-5)
    predicted = json.loads(Path("out/runs/oct/predictions.json").read_text())
    same = np.array(predicted["labels"]) == np.array(predicted["predicted"])
    assert same.mean() == pytest.approx(evaluated, abs=1e-5)
    assert "Accuracy (labels right) in the last epoch" in Path("out/report.md").read_text()


@pytest.mark.parametrize(
    "metrics, said",
    [
        (
            [{"HammingDistance": None}] * 2,
            "oct: Metric.Eval.0: {'HammingDistance': None}: networks",
        ),
        (
            [{"AccuracyScore": {"base": base}} for base in ("label", "sample")],
            "Metric.Eval.0: oct is evaluated by labels right, twin by exact match: only networks",
        ),
    ],
)
def test_other_metrics_are_not_compared(to_compare, metrics, said, fetched_trainer, call_cli):
    for each, metric in zip(to_compare, metrics):
        each["Metric"]["Eval"] = [metric]
    done = call_cli("compare", *write(to_compare), "--output", "out")
    assert done.returncode == 2 and said in error_line(done.stderr)
    assert not Path("out").exists()


def test_networks_of_several_labels_are_not_octavized_in_a_comparison(
    to_compare, fetched_trainer, call_cli
):
    done = call_cli("compare", *write(to_compare), "--octavize", "0.5", "--output", "out")
    assert done.returncode == 2 and "only networks that classify into one" in done.stderr
    assert not Path("out").exists()
