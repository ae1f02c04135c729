"""The configs of the networks that post-training makes, and of the training that distils them."""

from __future__ import annotations

import copy

import pytest

from paddleclas_octconv.post_training.distilling import (
    distilling_config,
    is_distilling,
    student_arch,
    with_weights,
)
from paddleclas_octconv.post_training.task import arch_in, octave_arch

TEACHER = {"name": "ResNet50", "class_num": 10, "pretrained": "vanilla"}
STUDENT = {"name": "OctResNet50", "class_num": 10, "alpha": 0.25, "pretrained": "octave"}


def config(**changes) -> dict:
    sections = {
        "Global": {"epochs": 120, "output_dir": "here", "eval_interval": 5, "start_eval_epoch": 9},
        "Arch": {"name": "ResNet50", "class_num": 10},
        "Loss": {"Train": [{"CELoss": {"epsilon": 0.1}}], "Eval": [{"CELoss": None}]},
        "Optimizer": {"name": "Momentum", "lr": {"name": "Constant", "learning_rate": 0.4}},
        "Metric": {"Train": None, "Eval": [{"TopkAcc": {"topk": [1, 5]}}, {"mAP": None}]},
        "EMA": {"decay": 0.9},
        "Slim": {"quant": {"name": "pact"}},
    }
    return {**sections, **changes}


def distilled(**changes) -> dict:
    return distilling_config(config(**changes), TEACHER, STUDENT, "out", "inference")


@pytest.mark.parametrize(
    "schedule, highest",
    [
        ({"name": "Constant", "learning_rate": 0.4}, 0.4),
        ({"name": "Piecewise", "values": [0.1, 0.01, 0.001]}, 0.1),
        ({"name": "Step", "learning_rate": 0.2, "values": []}, 0.2),
        ({"name": "OneCycleLR", "learning_rate": 0.01, "max_learning_rate": 0.3}, 0.3),
        ({"name": "Cosine", "learning_rate": None}, 0.01),
        (None, 0.01),
    ],
)
@pytest.mark.parametrize("several", [False, True])
def test_it_starts_at_a_tenth_of_the_highest_rate(schedule, highest, several):
    own = {"name": "Momentum", "lr": schedule}
    given = [{"Momentum": {"lr": schedule}}, {"SGD": {"lr": schedule}}] if several else own
    optimizers = distilled(Optimizer=given)["Optimizer"]
    sections = [each for one in optimizers for each in one.values()] if several else [optimizers]
    for section in sections:
        assert section["lr"]["name"] == "Cosine" and section["lr"]["warmup_epoch"] == 0
        assert section["lr"]["learning_rate"] == pytest.approx(highest / 10)


def test_it_is_one_epoch_that_is_evaluated_in_folders_of_its_own():
    given = config()
    before = copy.deepcopy(given)
    changed = distilling_config(given, TEACHER, STUDENT, "out", "inference")
    assert given == before
    assert changed["Global"] == {
        **{key: None for key in ("pretrained_model", "checkpoints")},
        **{"epochs": 1, "eval_interval": 1, "save_interval": 1, "eval_during_train": True},
        **{"output_dir": "out", "save_inference_dir": "inference"},
    }
    assert not {"EMA", "Slim"} & set(changed)
    assert changed["Metric"] == {
        "Train": None,
        "Eval": [{"DistillationTopkAcc": {"model_key": "Student", "topk": [1, 5]}}, {"mAP": None}],
    }


def test_the_student_learns_from_the_teacher_which_stays():
    changed = distilled()
    assert changed["Arch"]["models"] == [{"Teacher": TEACHER}, {"Student": STUDENT}]
    assert changed["Arch"]["freeze_params_list"] == [True, False]
    assert changed["Arch"]["infer_model_name"] == "Student"
    divergence, labels = changed["Loss"]["Train"]
    # What is compared with what: PaddleClas takes the logits of the student first.
    expected = {"model_name_pairs": [["Student", "Teacher"]], "weight": 1.0, "temperature": 4}
    assert divergence == {"DistillationKLDivLoss": expected}
    expected = {"weight": 1.0, "epsilon": 0.1, "model_names": ["Student"]}
    assert labels == {"DistillationGTCELoss": expected}
    assert changed["Loss"]["Eval"] == [{"CELoss": None}]


@pytest.mark.parametrize(
    "losses",
    [None, [], [{"MixCELoss": {}}], [{"CELoss": {}}, {"TripletLoss": {}}], "CELoss", ["CELoss"]],
)
def test_labels_count_where_they_are_all_that_was_learned(losses):
    (only,) = distilled(Loss={"Train": losses})["Loss"]["Train"]
    assert list(only) == ["DistillationKLDivLoss"]


def test_of_two_networks_the_student_is_told():
    arch = distilled()["Arch"]
    assert is_distilling({"Arch": arch}) and not is_distilling(config()) and not is_distilling({})
    assert student_arch(arch) == {"name": "OctResNet50", "class_num": 10, "alpha": 0.25}
    assert student_arch(TEACHER) == TEACHER
    (teacher,), (student,) = (each.values() for each in with_weights(arch, "t", "s")["models"])
    assert teacher == {**TEACHER, "pretrained": "t"} and student == {**STUDENT, "pretrained": "s"}


@pytest.mark.parametrize(
    "vanilla, alpha, by_resolution, octave",
    [
        (TEACHER, 0.25, False, {"name": "OctResNet50", "class_num": 10, "alpha": 0.25}),
        (
            TEACHER,
            (0.5, 0.0),
            True,
            {
                "name": "Octave",
                "backbone": {"name": "ResNet50"},
                "class_num": 10,
                "alpha": [0.5, 0.0],
                "input_size": 96,
            },
        ),
        # An option that the network by hand has not.
        (
            {"name": "ResNet50", "lr_mult_list": [1.0], "use_ssld": True},
            0.5,
            False,
            {
                "name": "Octave",
                "backbone": {"name": "ResNet50", "lr_mult_list": [1.0]},
                "alpha": 0.5,
                "input_size": 96,
            },
        ),
        (
            {"name": "ResNet50", "class_num": 10, "lr_mult_list": [1.0]},
            0.5,
            False,
            {
                "name": "Octave",
                "backbone": {"name": "ResNet50", "lr_mult_list": [1.0]},
                "class_num": 10,
                "alpha": 0.5,
                "input_size": 96,
            },
        ),
        # A network from elsewhere, whose config says that nothing of it is octave.
        (
            {"name": "Octave", "backbone": "timm.X", "class_num": 10, "alpha": 0, "input_size": 32},
            0.5,
            False,
            {
                "name": "Octave",
                "backbone": "timm.X",
                "class_num": 10,
                "alpha": 0.5,
                "input_size": 96,
            },
        ),
    ],
)
def test_the_octave_network_is_the_one_by_hand_where_there_is_one(
    vanilla, alpha, by_resolution, octave
):
    assert octave_arch(vanilla, alpha, 96, by_resolution) == {**octave, "keep_stride": True}


def test_how_a_network_is_trained_and_exported_stays():
    given = {"Arch": {"name": "ResNet50", "use_sync_bn": True, "infer_add_softmax": False}}
    assert arch_in(given, STUDENT) == {
        **{"name": "OctResNet50", "class_num": 10, "alpha": 0.25},
        **{"use_sync_bn": True, "infer_add_softmax": False},
    }
