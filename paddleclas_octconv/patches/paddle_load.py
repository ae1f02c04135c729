"""Safe loading for code that is not ours: PaddleClas's trainer calls ``paddle.load`` itself."""

from __future__ import annotations

import functools

from ..weights.safe_load import check_weights_file


def guard_paddle_load() -> None:
    """Make ``paddle.load`` check every file before it unpickles it, in this process."""
    import paddle

    load = paddle.load

    @functools.wraps(load)
    def load_checked(path, **configs):
        # What is no file would be a folder of an older format, which PaddleClas does not use.
        check_weights_file(path)
        return load(path, **configs)

    paddle.load = load_checked
