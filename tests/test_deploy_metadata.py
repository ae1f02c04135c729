"""inference.yml and labels.txt: the preprocessing and label names of an exported folder."""

from pathlib import Path

import pytest

from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.deploy import metadata


def config(**infer):
    return {"Arch": {"name": "ResNet50"}, "Infer": infer}


def post(path, **options):
    return {"name": "Topk", "class_id_map_file": str(path), **options}


def test_preprocessing_is_that_of_infer_without_decoding():
    ops = metadata.describe(
        config(
            transforms=[
                {"DecodeImage": {"to_rgb": True}},
                {"CropImage": {"size": 224}},
                {"NormalizeImage": {"scale": "1.0/255.0", "order": ""}},
                {"ToCHWImage": None},
            ]
        )
    )["PreProcess"]["transform_ops"]
    assert ops == [
        {"CropImage": {"size": 224}},
        {"NormalizeImage": {"scale": 1 / 255, "order": "", "channel_num": 3}},
        {"ToCHWImage": None},
    ]


@pytest.mark.parametrize(
    "arch, backbone",
    [
        ({"name": "Octave", "backbone": "ResNet18_vd"}, "ResNet18_vd"),
        ({"name": "Octave", "backbone": {"name": "ResNet50", "class_num": 3}}, "ResNet50"),
        ({"name": "RecModel", "Backbone": {"name": "OctResNet50"}}, "OctResNet50"),
        ({"name": "OctResNet50"}, None),
    ],
)
def test_the_network_inside_another_is_named(arch, backbone):
    described = metadata.describe({**config(), "Arch": arch})["Global"]
    assert (described["model_name"], described.get("backbone")) == (arch["name"], backbone)


def test_without_infer_preprocessing_is_that_of_evaluation():
    eval_ops = [{"DecodeImage": None}, {"ResizeImage": {"size": 32}}]
    described = metadata.describe(
        {"Arch": {}, "DataLoader": {"Eval": {"dataset": {"transform_ops": eval_ops}}}}
    )
    expected = [{"ResizeImage": {"size": 32}}, {"ToCHWImage": None}]
    assert described["PreProcess"]["transform_ops"] == expected


def test_describing_leaves_the_config_alone():
    source = config(transforms=[{"NormalizeImage": {"scale": "1.0/255.0"}}])
    metadata.describe(source)
    assert source == config(transforms=[{"NormalizeImage": {"scale": "1.0/255.0"}}])


def test_label_names_go_through_the_folder(tmp_path):
    names = ["kočka", "sea lion", "犬"]
    labels = tmp_path / "map"
    labels.write_text("".join(f"{i} {n}\n" for i, n in enumerate(names)), encoding="utf-8")
    metadata.write(tmp_path, metadata.describe(config(PostProcess=post(labels, topk=2))))
    described = metadata.read(tmp_path)
    assert described["PostProcess"]["Topk"] == {"topk": 2, "label_list": names}
    assert (tmp_path / "labels.txt").read_bytes() == labels.read_bytes()


def test_a_label_map_may_be_gbk_and_have_its_own_delimiter(tmp_path):
    labels = tmp_path / "map"
    labels.write_bytes("1\t狗\n0\t猫\n".encode("gbk"))
    described = metadata.describe(config(PostProcess=post(labels, delimiter="\t")))
    assert metadata.label_list(described) == ["猫", "狗"]


def test_a_relative_label_map_is_looked_for_in_the_trainer_too(tmp_path, monkeypatch):
    trainer, here = tmp_path / "trainer", tmp_path / "here"
    trainer.mkdir()
    here.mkdir()
    (trainer / "map").write_text("0 cat\n")
    monkeypatch.chdir(here)
    source = config(PostProcess=post("map"))
    assert metadata.label_list(metadata.describe(source, [trainer])) == ["cat"]
    Path("map").write_text("0 dog\n")
    assert metadata.label_list(metadata.describe(source, [trainer])) == ["dog"]


@pytest.mark.parametrize("line, said", [("0 cat\ndog", "line 2: 'dog'"), ("1 cat", "class 0")])
def test_an_unusable_label_map_is_one_clear_error(tmp_path, line, said):
    (tmp_path / "map").write_text(line)
    with pytest.raises(OctConvError, match=f"Infer.PostProcess.class_id_map_file: .*{said}"):
        metadata.describe(config(PostProcess=post(tmp_path / "map")))


def test_a_missing_label_map_is_one_clear_error(tmp_path):
    with pytest.raises(OctConvError, match=r"class_id_map_file: .*map is not a file"):
        metadata.describe(config(PostProcess=post(tmp_path / "map")))


@pytest.mark.parametrize("text", ["", "- 1", "PreProcess: {}", "Global: {model_name: ResNet50}"])
def test_a_folder_from_elsewhere_is_not_ours(tmp_path, text):
    assert metadata.read(tmp_path) is None
    (tmp_path / "inference.yml").write_text(text)
    assert metadata.read(tmp_path) is None


@pytest.mark.parametrize(
    "content, said",
    [
        ("² cat\n", "line 1: '² cat' should be"),
        ("-1 cat\n", "line 1: '-1 cat' should be"),
        (f"0 cat\n{'9' * 5000} dog\n", "line 2: '9999"),
        ("0 cat\n999999999999999999 dog\n", "has no name for class 1"),
    ],
)
def test_a_label_map_of_odd_numbers_is_one_clear_line(tmp_path, content, said):
    labels = tmp_path / "map"
    labels.write_text(content, encoding="utf-8")
    with pytest.raises(OctConvError) as caught:
        metadata.describe(config(PostProcess=post(labels)))
    message = str(caught.value)
    assert said in message and len(message) < 400 and "\n" not in message


@pytest.mark.parametrize(
    "post, fits",
    [
        (None, True),
        ({"Topk": {"topk": 1}}, True),
        ({"Topk": {"topk": 0}}, False),
        ({"Topk": {"topk": True}}, False),
        *(({metadata.MULTI_LABEL: {"threshold": each}}, True) for each in (0, 0.25, 1, None)),
        *(({metadata.MULTI_LABEL: {"threshold": each}}, False) for each in (-0.01, 1.01, "1")),
    ],
)
def test_numbers_of_classes_and_thresholds_are_in_their_range(post, fits):
    if fits:
        metadata.check_post_process({"PostProcess": post}, Path("inference.yml"))
    else:
        with pytest.raises(OctConvError, match="inference.yml: PostProcess.*should be a"):
            metadata.check_post_process({"PostProcess": post}, Path("inference.yml"))


def test_an_image_is_of_several_classes_where_the_folder_has_a_threshold():
    for options, threshold in ((None, 0.5), ({}, 0.5), ({"threshold": 0}, 0.0)):
        described = {"PostProcess": {metadata.MULTI_LABEL: options}}
        assert metadata.threshold_of(described) == threshold
    assert metadata.threshold_of({"PostProcess": {"Topk": None}}) is None
    assert metadata.threshold_of({}) is None


@pytest.mark.parametrize("class_num, lacks", [(2, None), (3, None), (4, 3), (None, None)])
def test_every_class_of_the_network_has_a_name(tmp_path, class_num, lacks):
    (tmp_path / "map").write_text("0 cat\n1 dog\n2 cow\n")
    asked = {**config(PostProcess=post(tmp_path / "map")), "Arch": {"class_num": class_num}}
    if lacks is None:
        assert metadata.label_list(metadata.describe(asked)) == ["cat", "dog", "cow"]
    else:
        said = f"no name for class {lacks}; Arch.class_num is {class_num}"
        with pytest.raises(OctConvError, match=said):
            metadata.describe(asked)
