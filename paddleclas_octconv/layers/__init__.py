"""Octave-aware layers: all that backbones need to know of two frequencies.

Every layer takes and gives a plain tensor or the pair ``Octave``, so that networks read like
vanilla ones. How many channels are low is said by a count and ``alpha``, or by ``Channels``.
"""

from .bn_act_conv import OctBNActConvLayer
from .branchwise import concat, each
from .channels import Channels, Split
from .conv import OctConv2D, keep_strides
from .conv_bn import ConvBNLayer, OctConvBNLayer, add
from .cutting import OctaveLayer, Order, grouped_order
from .folding import Reparameterizable
from .norm import OctBatchNorm2D
from .octave import DataFormat, Feature, Octave, join
from .pool import OctAvgPool2D
from .se import OctSELayer

__all__ = [
    "Channels",
    "ConvBNLayer",
    "DataFormat",
    "Feature",
    "OctAvgPool2D",
    "OctBNActConvLayer",
    "OctBatchNorm2D",
    "OctConv2D",
    "OctConvBNLayer",
    "OctSELayer",
    "Octave",
    "OctaveLayer",
    "Order",
    "Reparameterizable",
    "Split",
    "add",
    "concat",
    "each",
    "grouped_order",
    "join",
    "keep_strides",
]
