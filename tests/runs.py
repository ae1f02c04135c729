"""Runs that are watched, and interrupted, while they go on; and what they leave."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import psutil

from paddleclas_octconv.checkpoints import whole as checkpoints
from paddleclas_octconv.config import Config

NAME = "OctMobileNetV1_x0_25"
EPOCHS = 4


class Run:
    """A training run in a process group of its own."""

    def __init__(self, folder: Path, *arguments: str, **environ: str) -> None:
        self.log = next(iter((folder / "output").rglob("train.log")), None)
        self.read_from = self.log.stat().st_size if self.log else 0
        self.folder = folder
        self.console = folder / f"console-{uuid.uuid4().hex[:8]}"
        with open(self.console, "w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "paddleclas_octconv", *arguments],
                cwd=folder,
                env={**os.environ, **environ},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_for(self, text: str, timeout: float = 120) -> bool:
        """Wait until the log of this run has a text; False if the run ends before."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            ended = self.process.poll() is not None
            self.log = self.log or next(iter((self.folder / "output").rglob("train.log")), None)
            if self.log and text in self.log.read_text()[self.read_from :]:
                return True
            if ended:
                return False
            time.sleep(0.01)
        raise AssertionError(f"{text!r} did not appear: {self.said}")

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):  # it has ended
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def wait(self, timeout: float = 120) -> int:
        """Wait for its end; the exit code."""
        return self.process.wait(timeout=timeout)

    @property
    def said(self) -> str:
        """All that it has printed."""
        return self.console.read_text()

    def family(self) -> list[psutil.Process]:
        """Its processes, the one that started the others first."""
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]


def alive(process: psutil.Process) -> bool:
    """Whether a process still runs; a zombie, which nobody has waited for, does not."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def rank_of(process: psutil.Process) -> str | None:
    """The rank that the launcher has given a process; None for others."""
    try:
        program = any(word == "paddleclas_octconv.child.main" for word in process.cmdline())
        return process.environ().get("PADDLE_TRAINER_ID") if program else None
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None


def load(path: Path):
    with open(path, "rb") as file:
        return pickle.load(file)


def newest_in(output: Path) -> checkpoints.Checkpoint | None:
    return checkpoints.newest(config_of(output))[0]


def config_of(output: Path, epochs: int = EPOCHS, given: str | None = None) -> Config:
    sections = {
        "Global": {"output_dir": str(output), "epochs": epochs, "checkpoints": given},
        "Arch": {"name": NAME},
    }
    return Config(sections, Path("config.yaml"))


def damage(path: Path, how: str) -> None:
    content = path.read_bytes()
    if how == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "missing":
        path.unlink()
    else:
        path.write_bytes(pickle.dumps(os.system))
