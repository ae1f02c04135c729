"""``paddleclas check-data``: a look at every image of a config's data, before days of training."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from .. import data
from ..common.errors import OctConvError
from ..common.progress import bar
from ..common.say import escaped, say
from ..config import Config
from ..config.check import check_sections
from ..config.data_sets import ONE_LABEL, class_num_of
from .options import add_config, add_json, add_overrides, config_from, threads

HELP = "look for missing, broken, mislabelled and shared images in a config's data"
SHOWN = 10  # lines of each kind, unless --all


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_config(parser)
    add_overrides(parser, "set a value of the config; any number of times")
    parser.add_argument("--threads", type=threads, metavar="N", help="images to read at once")
    add_json(parser)
    parser.add_argument(
        "--all", action="store_true", help=f"show all lines, not only {SHOWN} of each kind"
    )


def run(args: argparse.Namespace) -> int:
    """Print what is found, split by split.

    Raises:
        OctConvError: an image is missing or cannot be decoded, or a label is wrong.
    """
    from ..data import survey

    threads = args.threads or survey.default_threads()
    config = config_from(args)
    check_sections(config, "eval" if config.at("DataLoader.Train") is None else "train")
    data.ensure_for(config, "train")
    shown = sys.maxsize if args.all else SHOWN
    checked = []
    for split in _splits(config):

        def progress(lines, total, name=split.name):
            return bar(total, name, items=lines)

        findings = survey.survey(split, threads, progress)
        if not args.json:
            _print_findings(findings, shown)
        checked.append(findings)
    shared = [
        (one, other, survey.in_both(one, other))
        for index, one in enumerate(checked)
        for other in checked[index + 1 :]
    ]
    if args.json:
        print(json.dumps(_as_json(checked, shared), indent=2, ensure_ascii=False))
    else:
        for one, other, lines in shared:
            _print_shared(one, other, lines, shown)
    wrong = sum(map(_wrong_lines, checked))
    if wrong:
        raise OctConvError(f"{wrong} lines have to be fixed, see above")
    return 0


def _splits(config: Config) -> list:
    from ..data.list_files import MULTI_LABEL, delimiter_of, has_several
    from ..data.survey import Split

    splits = []
    for name in ("Train", "Eval", "Eval.Query", "Eval.Gallery"):
        dataset = config.at(f"DataLoader.{name}.dataset")
        if not isinstance(dataset, dict):
            continue
        key = f"DataLoader.{name}.dataset"
        if dataset.get("name") not in (*ONE_LABEL, *MULTI_LABEL):
            say(f"{name}: {key}.name: {dataset.get('name')} is not one that is checked")
            continue
        for required in ("image_root", "cls_label_path"):
            if not isinstance(dataset.get(required), str):
                raise OctConvError(f"{key}.{required}: {dataset.get(required)!r} should be a path")
        known = class_num_of(config, key)
        root, path = Path(dataset["image_root"]), Path(dataset["cls_label_path"])
        splits.append(Split(name, path, root, known, delimiter_of(dataset), has_several(dataset)))
    if not splits:
        raise OctConvError("DataLoader: no data set to check: neither Train nor Eval has a list")
    return splits


def _wrong_lines(findings) -> int:
    """The number of lines that are wrong; an empty list counts as one."""
    if not findings.images:
        return 1
    return len({number for lines in findings.problems.values() for number, _ in lines})


def _as_json(checked: list, shared: list[tuple]) -> dict[str, Any]:
    """All that was found, with nothing cut short."""
    return {
        "splits": [
            {
                "name": findings.split.name,
                "list": str(findings.split.path),
                "images": findings.images,
                "classes": {str(label): n for label, n in sorted(findings.classes.items())},
                "empty_classes": findings.empty_classes,
                "small_classes": findings.small_classes,
                "contradictions": [list(lines) for lines in findings.contradictions],
                "problems": [
                    {"line": number, "problem": problem, "what": what}
                    for problem, lines in findings.problems.items()
                    for number, what in lines
                ],
            }
            for findings in checked
        ],
        "shared": [
            {"splits": [one.split.name, other.split.name], "lines": [here, there]}
            for one, other, lines in shared
            for here, there in lines
        ],
    }


def _print_findings(findings, shown: int) -> None:
    """Print what was found in a split."""
    from ..data.survey import FEW

    split, counts = findings.split, findings.classes.values()
    print(f"{split.name}: {findings.images} images in {split.path}")
    if not findings.images:
        print("  empty")
        return
    if counts:
        print(
            f"  {len(counts)} classes of {min(counts)} to {max(counts)} images "
            f"(on average {sum(counts) / len(counts):.1f})"
        )
    _print_labels("without an image", findings.empty_classes, shown)
    if split.name == "Train":
        _print_labels(f"fewer than {FEW} images", findings.small_classes, shown)
    if findings.contradictions:
        print(f"  warning: the same image under two labels: {len(findings.contradictions)}")
        pairs = findings.contradictions
        _print_lines([f"{split.path}:{one} = {split.path}:{other}" for one, other in pairs], shown)
    for problem, lines in findings.problems.items():
        print(f"  {problem}: {len(lines)}")
        _print_lines([f"{split.path}:{number}: {what}" for number, what in lines], shown)


def _print_labels(what: str, labels: list[int], shown: int) -> None:
    if labels:
        more = f" and {len(labels) - shown} more" if len(labels) > shown else ""
        print(f"  {what}: classes {', '.join(map(str, labels[:shown]))}{more}")


def _print_shared(one, other, shared: list[tuple[int, int]], shown: int) -> None:
    if shared:
        names = f"{one.split.name} and {other.split.name}"
        print(f"warning: {len(shared)} images are in both {names}: evaluation looks too good")
        paths = one.split.path, other.split.path
        _print_lines([f"{paths[0]}:{here} = {paths[1]}:{there}" for here, there in shared], shown)


def _print_lines(lines: list[str], shown: int) -> None:
    for line in lines[:shown]:
        print(f"    {escaped(line)}")
    if len(lines) > shown:
        print(f"    … and {len(lines) - shown} more (--all shows them)")
