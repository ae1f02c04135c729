"""What a vanilla twin's weights are worth to an octave network: ``results/finetune.json``.

A MobileNetV1_x0_25 learns the handwritten digits 0 to 5. Its weights, cut, then start an
OctMobileNetV1_x0_25 that learns 6 to 9 from a few images; another one starts from nothing, and the
twin goes on itself, all for the same steps, at the same learning rates, with three seeds.
PaddleClas's trainer does it, through ``paddleclas train``. After ``paddleclas prepare digits``::

    python benchmarks/finetune.py
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
from math import inf
from pathlib import Path
from statistics import mean

import yaml

from paddleclas_octconv.common import machine

ROOT = Path(__file__).resolve().parent.parent
BEFORE, AFTER = (0, 1, 2, 3, 4, 5), (6, 7, 8, 9)  # what the twin learns, and what is learnt then
TWIN, OCTAVE, ALPHA = "MobileNetV1_x0_25", "OctMobileNetV1_x0_25", 0.25
IMAGES, EPOCHS, BATCH, TWIN_EPOCHS = 40, 10, 16, 15  # images of a class that are learnt then
RATES, SEEDS = (0.001, 0.004, 0.016), (1, 2, 3)
ARMS = {"cut from the twin": OCTAVE, "from scratch": OCTAVE, "the twin, from its own": TWIN}


def write_list(source: Path, target: Path, classes: tuple[int, ...], images: float) -> int:
    """The first images of some classes, their classes counted from 0; returns how many."""
    chosen: dict[int, list[str]] = {label: [] for label in classes}
    for line in source.read_text("utf-8").splitlines():
        name, label = line.rsplit(" ", 1)
        if int(label) in chosen and len(chosen[int(label)]) < images:
            chosen[int(label)].append(name)
    lines = [f"{name} {classes.index(label)}" for label in chosen for name in chosen[label]]
    random.Random(0).shuffle(lines)
    target.write_text("\n".join(lines) + "\n", "utf-8")
    return len(lines)


def train(folder: Path, root: Path, arch: dict, lists: tuple[Path, Path], **options) -> float:
    """Train once; returns the accuracy after the last epoch."""

    def loader(file: Path, training: bool) -> dict:
        steps = [{"DecodeImage": {"to_rgb": True, "channel_first": False}}]
        if training:
            steps.append({"RandFlipImage": {"flip_code": 1}})
        normalise = {"scale": "1.0/255.0", "mean": [0.5] * 3, "std": [0.5] * 3, "order": ""}
        steps.append({"NormalizeImage": normalise})
        return {
            "dataset": {
                "name": "ImageNetDataset",
                "image_root": str(root),
                "cls_label_path": str(file),
                "transform_ops": steps,
            },
            "sampler": {
                "name": "DistributedBatchSampler",
                "batch_size": BATCH if training else 250,
                "drop_last": training,
                "shuffle": training,
            },
            "loader": {"num_workers": 0, "use_shared_memory": False},
        }

    accuracy = [{"TopkAcc": {"topk": [1]}}]
    loss = [{"CELoss": {"weight": 1.0}}]
    config = {
        "Global": {
            "checkpoints": None,
            "pretrained_model": options.get("pretrained"),
            "output_dir": str(folder / "output"),
            "device": "cpu",
            "seed": options["seed"],
            "save_interval": options["epochs"],
            "eval_during_train": True,
            "eval_interval": options["epochs"],
            "epochs": options["epochs"],
            "print_batch_step": 1000,
            "use_visualdl": False,
            "image_shape": [3, 32, 32],
            "save_inference_dir": str(folder / "inference"),
        },
        "Arch": arch,
        "Loss": {"Train": loss, "Eval": loss},
        "Optimizer": {
            "name": "Adam",
            "lr": {"name": "Cosine", "learning_rate": options["rate"]},
        },
        "DataLoader": {"Train": loader(lists[0], True), "Eval": loader(lists[1], False)},
        "Metric": {"Train": accuracy, "Eval": accuracy},
    }
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(config, sort_keys=False), "utf-8")
    command = [sys.executable, "-m", "paddleclas_octconv", "train", "-c", str(file)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return float(re.findall(r"\[Eval\].*?\[Avg\].*?top1: ([\d.]+)", done.stdout)[-1])


def main() -> None:
    """Train everything and write the data file."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--dataset", type=Path, default=Path("dataset/digits"))
    parser.add_argument("--work", type=Path, default=Path("output/finetune"))
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "finetune.json")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    lists, test_images = {}, 0
    for kind, classes, images in (("before", BEFORE, inf), ("after", AFTER, IMAGES)):
        lists[kind] = args.work / f"{kind}_train.txt", args.work / f"{kind}_val.txt"
        write_list(args.dataset / "train_list.txt", lists[kind][0], classes, images)
        test_images = write_list(args.dataset / "val_list.txt", lists[kind][1], classes, inf)

    twin = {"name": TWIN, "class_num": len(BEFORE)}
    options = {"epochs": TWIN_EPOCHS, "seed": 0, "rate": 0.004}
    before = train(args.work / "twin", args.dataset, twin, lists["before"], **options)
    [weights] = args.work.glob("twin/output/**/latest.pdparams")
    print(f"the twin on the digits 0 to 5: {before}", flush=True)
    runs = []
    for arm, name in ARMS.items():
        arch = {"name": name, "class_num": len(AFTER)}
        if name == OCTAVE:
            arch["alpha"] = ALPHA
        pretrained = None if arm == "from scratch" else str(weights)
        for rate in RATES:
            for seed in SEEDS:
                folder = args.work / f"{arm.replace(' ', '-').replace(',', '')}-{rate}-{seed}"
                options = {"epochs": EPOCHS, "seed": seed, "rate": rate, "pretrained": pretrained}
                top1 = train(folder, args.dataset, arch, lists["after"], **options)
                runs.append({"arm": arm, "rate": rate, "seed": seed, "top1": top1})
                print(runs[-1], flush=True)
    data = {
        "machine": {**machine.describe(), "command": "python benchmarks/finetune.py"},
        "network": OCTAVE,
        "alpha": ALPHA,
        "twin": TWIN,
        "twin_top1": before,
        "images_a_class": IMAGES,
        "test_images": test_images,
        "steps": EPOCHS * (IMAGES * len(AFTER) // BATCH),
        "runs": runs,
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(data, indent=2) + "\n", "utf-8")
    for arm in ARMS:
        rates = {
            rate: mean(r["top1"] for r in runs if (r["arm"], r["rate"]) == (arm, rate))
            for rate in RATES
        }
        print(arm, rates)


if __name__ == "__main__":
    main()
