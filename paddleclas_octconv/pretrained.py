"""The ``pretrained`` argument of a backbone."""

from __future__ import annotations

from pathlib import Path

import paddle

from .errors import OctConvError


def load_pretrained(name: str, model: paddle.nn.Layer, pretrained, use_ssld: bool = False) -> None:
    """Load what PaddleClas's ``pretrained`` asks for.

    Args:
        name: the backbone's registered name, for messages.
        pretrained: False; True; or the path of a ``.pdparams`` file, with or without its suffix.
        use_ssld: asks for distilled weights.

    Raises:
        OctConvError: nothing is published under that name, the file is missing, or its
            parameters are not those of the model.
    """
    if pretrained is False or pretrained is None:
        return
    if pretrained is True or use_ssld:
        raise OctConvError(
            f"no weights are published for {name}: pretrained must be False or the path of a .pdparams file"
        )
    if not isinstance(pretrained, (str, Path)):
        raise OctConvError(f"pretrained must be False, True or a path, got {pretrained!r}")
    path = Path(pretrained)
    if path.suffix != ".pdparams":
        path = path.with_name(path.name + ".pdparams")
    if not path.is_file():
        raise OctConvError(f"pretrained={pretrained!r}: no such file: {path}")
    weights = paddle.load(str(path))
    wanted = model.state_dict()
    for key, value in wanted.items():
        if key not in weights:
            raise OctConvError(f"pretrained={str(path)!r} lacks {key} of {name}")
        if list(weights[key].shape) != list(value.shape):
            raise OctConvError(
                f"pretrained={str(path)!r}: {key} has shape {list(weights[key].shape)}, "
                f"{name} wants {list(value.shape)}"
            )
    model.set_state_dict(weights)
