"""The versions that are tested together.

``nox`` runs all of it: ``matrix``, all modes on every Paddle with every trainer, and ``pythons``,
the real commands on every Python, and ``paddlex``, exported folders in PaddleX. ``nox -s
"matrix(3.2.2)"`` or ``nox -s pythons-3.13`` runs one.
The result is written in docs/compatibility.md by hand. Trainers that are not fetched by the package
itself are cloned, or taken from the folders that PADDLECLAS_2_5_2 and PADDLECLAS_DEVELOP name.
"""

import os
from pathlib import Path

import nox

PYTHONS = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13")
PADDLES = ("2.6.2", "3.2.2")
TRAINERS = {"2.4.2": None, "2.5.2": "v2.5.2", "develop": "develop"}  # version: branch or tag
PADDLEXES = ("3.7.2", "3.3.13")  # the newest, and an older one
REPOSITORY = "https://github.com/PaddlePaddle/PaddleClas"

CONFIG = "Digits/OctMobileNetV1.yaml"
# The smallest network, two epochs: what is tested is that versions fit together.
OVERRIDES = ("Arch.name=OctMobileNetV1_x0_25", "Global.epochs=2", "Global.print_batch_step=40")
IMAGE = "dataset/digits/val/3/0060.png"

nox.options.error_on_missing_interpreters = True
nox.options.reuse_existing_virtualenvs = True


@nox.session
@nox.parametrize("paddle", PADDLES, ids=PADDLES)
def matrix(session: nox.Session, paddle: str) -> None:
    """Train, evaluate, export and predict with every trainer on one Paddle."""
    # Paddle 2.6.2 is built for numpy 1, and crashes beside scikit-learn from 1.5 on.
    older = ("numpy<2", "scikit-learn<1.5") if paddle.startswith("2.") else ()
    session.install("-e", ".", f"paddlepaddle=={paddle}", *older)

    failures = []
    for trainer, branch in TRAINERS.items():
        options = ("--paddleclas", checkout(session, trainer, branch)) if branch else ()
        try:
            run_modes(session, trainer, options)
            result = "passed"
        except nox.command.CommandFailed as error:
            failures.append(trainer)
            result = f"FAILED: {error}"
        session.log(f"Paddle {paddle} x PaddleClas {trainer}: {result}")
    if failures:
        session.error(f"failed with PaddleClas {', '.join(failures)}")


@nox.session(python=PYTHONS)
def pythons(session: nox.Session) -> None:
    """The real commands, installed as README says, on one Python."""
    session.install(".[cpu]")
    session.run("pip", "check")
    run_modes(session, "2.4.2", ())


@nox.session(python="3.11")
@nox.parametrize("paddlex", PADDLEXES, ids=PADDLEXES)
def paddlex(session: nox.Session, paddlex: str) -> None:
    """Exported folders in PaddleX, through each of its doors."""
    session.install(".[cpu]", f"paddlex[cv,serving]=={paddlex}", "pytest", "pytest-timeout")
    session.run("pytest", "tests/test_paddlex.py")


def run_modes(session: nox.Session, trainer: str, options: tuple) -> None:
    """Run each mode of a trainer, in a folder of its own."""
    folder = Path(session.create_tmp()) / trainer
    folder.mkdir(exist_ok=True)
    with session.chdir(folder):
        session.run("rm", "-rf", "output", "inference", external=True)
        arguments = ["-c", CONFIG, *options]
        for override in OVERRIDES:
            arguments += ["-o", override]
        session.run("paddleclas", "train", *arguments)
        session.run("paddleclas", "eval", *arguments)
        session.run("paddleclas", "infer", *arguments, "-o", f"Infer.infer_imgs={IMAGE}")
        session.run("paddleclas", "export", *arguments)
        model = "inference/Digits/OctMobileNetV1"
        predicted = session.run(
            "paddleclas",
            f"--inference_model_dir={model}",
            f"--infer_imgs={IMAGE}",
            "--use_gpu=False",
            silent=True,
        )
        if "class_ids" not in predicted:
            session.error(f"PaddleClas's predictor gave no classes: {predicted}")


def checkout(session: nox.Session, trainer: str, branch: str) -> str:
    """The folder of a version of PaddleClas's sources."""
    given = os.environ.get("PADDLECLAS_" + trainer.replace(".", "_").upper())
    if given:
        return given
    folder = Path(session.cache_dir).resolve() / f"PaddleClas-{trainer}"
    if not folder.is_dir():
        clone = ("git", "clone", "--depth", "1", "--branch", branch, REPOSITORY, str(folder))
        session.run(*clone, external=True)
    return str(folder)
