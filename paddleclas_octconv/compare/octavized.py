"""Networks that a comparison makes of one that it has trained: octavized, and distilled after that.

Each is a run of its own, which begins once its source is finished: the octavized one where the
trained network is, the distilled one where the octavized one is.
"""

from __future__ import annotations

from ..checkpoints import whole as checkpoints
from ..common.errors import OctConvError
from ..config import Config
from ..deploy.engines import fastest_installed
from ..post_training import distilling, task
from ..post_training.written import WEIGHTS
from .planned import OCTAVIZE, Run

_FOLDER = "octave"  # in that of a run


def octavize(run: Run) -> None:
    """Solve the octave network of a run, from the weights that its source was trained to.

    Raises:
        OctConvError: it cannot become octave.
    """
    from ..post_training.run import KIND, solve

    assert run.source is not None
    output = run.folder / _FOLDER
    if KIND.is_complete(output):  # killed before that was noted
        return
    asked = task.Task(
        config=run.source.config,
        weights=f"{weights_of(run.source)}.pdparams",
        output=output,
        alpha=run.config.at("Arch.alpha"),
        max_drop=None,
        images=task.CALIBRATION,
        engine=fastest_installed(),
        seed=run.seed,
    )
    solve(asked, lambda what, done=0, of=0: None)


def weights_of(run: Run) -> str:
    """The weights that a run has made, without ``.pdparams``: of its last epoch, or solved.

    Raises:
        OctConvError: there are none.
    """
    if run.making == OCTAVIZE:
        return str(run.folder / _FOLDER / WEIGHTS[: -len(".pdparams")])
    last, _ = checkpoints.newest(run.config)
    if last is None:
        raise OctConvError(f"Global.output_dir: {run.config.output_dir} has no complete checkpoint")
    return str(last.prefix)


def config_to_train(run: Run) -> Config:
    """The config of a run, with the weights that it starts from where it distils."""
    octave = run.source
    if octave is None or octave.source is None:
        return run.config
    arch = distilling.with_weights(
        run.config["Arch"], weights_of(octave.source), weights_of(octave)
    )
    return run.config.changed({"Arch": arch})
