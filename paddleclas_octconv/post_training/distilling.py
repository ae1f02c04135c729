"""A config by which PaddleClas distils an octave network from the vanilla one that it stands for.

It is one of PaddleClas's own ``DistillationModel``: its trainer runs it unchanged.
"""

from __future__ import annotations

import copy
from typing import Any, Mapping

EPOCHS = 1
RATE = 0.1  # of the learning rate that the network was trained with: it starts near the end
TEACHER, STUDENT = "Teacher", "Student"  # PaddleClas saves the weights of "Student" apart
_MODEL = "DistillationModel"
# What belongs to the training of one network alone.
_NOT_HERE = ("EMA", "Slim")


def distilling_config(
    config: Mapping[str, Any],
    teacher: Mapping[str, Any],
    student: Mapping[str, Any],
    output: str,
    inference: str,
) -> dict[str, Any]:
    """The config of the vanilla network with both networks in it.

    The student learns what the teacher says of the training images, and their labels where the
    vanilla network has learned those alone (``CELoss``, no mixed images). The student by itself is
    evaluated and exported.

    Args:
        config: of the vanilla network, overrides applied.
        teacher: its ``Arch``, with its trained weights as ``pretrained``.
        student: that of the octave network, likewise.
        output: ``Global.output_dir``.
        inference: ``Global.save_inference_dir``.
    """
    changed = copy.deepcopy({k: v for k, v in config.items() if k not in _NOT_HERE})
    changed["Global"].update(
        pretrained_model=None,
        checkpoints=None,
        output_dir=output,
        save_inference_dir=inference,
        epochs=EPOCHS,
        eval_during_train=True,
        eval_interval=1,
        save_interval=1,
    )
    changed["Global"].pop("start_eval_epoch", None)
    classes = {k: v for k, v in student.items() if k == "class_num"}  # PaddleClas ignores it here
    changed["Arch"] = {
        "name": _MODEL,
        **classes,
        # PaddleClas's own ``pretrained_list`` fails in every version: each has its weights itself.
        "freeze_params_list": [True, False],
        "models": [{TEACHER: dict(teacher)}, {STUDENT: dict(student)}],
        "infer_model_name": STUDENT,
    }
    evaluated = (config.get("Loss") or {}).get("Eval")
    changed["Loss"] = {
        "Train": [
            {
                "DistillationKLDivLoss": {
                    "weight": 1.0,
                    "model_name_pairs": [[STUDENT, TEACHER]],
                    "temperature": 4,
                }
            },
            *_of_labels((config.get("Loss") or {}).get("Train")),
        ],
        **({"Eval": evaluated} if evaluated else {}),
    }
    changed["Metric"] = {
        part: _of_the_student(metrics) for part, metrics in (config.get("Metric") or {}).items()
    }
    changed["Optimizer"] = _at_a_low_rate(changed.get("Optimizer") or {})
    return changed


def is_distilling(config: Mapping[str, Any]) -> bool:
    """Whether a config is one of ``distilling_config``."""
    return (config.get("Arch") or {}).get("name") == _MODEL


def student_arch(arch: Mapping[str, Any]) -> Mapping[str, Any]:
    """``Arch`` of the network that is evaluated and exported: of two, that of the student."""
    if arch.get("name") != _MODEL:
        return arch
    students = (each[STUDENT] for each in arch["models"] if STUDENT in each)
    return {k: v for k, v in next(students, arch).items() if k != "pretrained"}


def with_weights(arch: Mapping[str, Any], teacher: str, student: str) -> dict[str, Any]:
    """``Arch`` of both networks, with the weights that they start from.

    Args:
        arch: as of ``distilling_config``.
        teacher, student: weights, without ``.pdparams``.
    """
    given = {TEACHER: teacher, STUDENT: student}
    models = [
        {role: {**model, "pretrained": given[role]} for role, model in each.items()}
        for each in arch["models"]
    ]
    return {**arch, "models": models}


def _of_labels(losses: Any) -> list[dict[str, Any]]:
    """PaddleClas's loss of labels for the student, where a network trains by ``CELoss`` alone."""
    (loss,) = losses if isinstance(losses, list) and len(losses) == 1 else ({},)
    if not isinstance(loss, Mapping) or list(loss) != ["CELoss"]:
        return []
    options = {"weight": 1.0, **(loss["CELoss"] or {}), "model_names": [STUDENT]}
    return [{"DistillationGTCELoss": options}]


def _of_the_student(metrics: Any) -> Any:
    """PaddleClas's metrics, those of top-k as it has them for a network of several."""
    if not isinstance(metrics, list):
        return metrics
    return [
        {"DistillationTopkAcc": {"model_key": STUDENT, **(metric["TopkAcc"] or {})}}
        if isinstance(metric, Mapping) and "TopkAcc" in metric
        else metric
        for metric in metrics
    ]


def _at_a_low_rate(optimizer: Any) -> Any:
    """The same optimizer, from a low rate down to nothing."""
    optimizers = optimizer if isinstance(optimizer, list) else [optimizer]
    for each in optimizers:
        section = each if "lr" in each else next(iter(each.values()), {})
        rate = _highest(section.get("lr"))
        section["lr"] = {"name": "Cosine", "learning_rate": RATE * rate, "warmup_epoch": 0}
    return optimizer


def _highest(schedule: Any) -> float:
    """The highest learning rate of a schedule of PaddleClas."""
    if not isinstance(schedule, Mapping):
        return 0.01
    rates = [schedule.get(key) for key in ("learning_rate", "max_learning_rate")]
    rates += list(schedule.get("values") or [])
    return max((float(rate) for rate in rates if isinstance(rate, (int, float))), default=0.01)
