"""A job that trains: alone in its output folder, and from where the run in there stands."""

from __future__ import annotations

from ..checkpoints import resume
from ..checkpoints.alone import alone_in
from ..common.say import say
from . import launch
from .job import Job


def train(job: Job, goes_on: bool) -> int:
    """Train, unless all epochs are done.

    Args:
        job: in the mode "train".
        goes_on: whether the run goes on with what its output folder holds.

    Returns:
        The exit code; 128 + n after signal n.

    Raises:
        OctConvError: the output folder holds another run, or one that is still going on.
    """
    general = job.config["Global"]
    # Several machines share the folder; the first of them guards it.
    guards = launch.machines(job.options) == 1 or job.options.get("rank") == "0"
    with alone_in(general["output_dir"], guards):
        plan = resume.prepare(job.config, goes_on)
        if plan.done:
            where = f"{general['output_dir']}: all {general['epochs']} epochs are done"
            say(f"{where}; Global.epochs sets their number", job.output)
            return 0
        return job.run(resume=plan.goes_on)
