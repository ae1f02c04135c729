"""Octave-aware layers: the only code that knows that there are two frequencies."""

from .bn_act_conv import OctBNActConvLayer
from .branchwise import concat, each
from .conv import OctConv2D
from .conv_bn import ConvBNLayer, OctConvBNLayer, add
from .folding import Reparameterizable
from .norm import OctBatchNorm2D
from .octave import Octave, join
from .pool import OctAvgPool2D
from .se import OctSELayer

__all__ = [
    "ConvBNLayer",
    "OctAvgPool2D",
    "OctBNActConvLayer",
    "OctBatchNorm2D",
    "OctConv2D",
    "OctConvBNLayer",
    "OctSELayer",
    "Octave",
    "Reparameterizable",
    "add",
    "concat",
    "each",
    "join",
]
