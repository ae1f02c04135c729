"""What the functions that forwards call do with pairs: the octave form of each, by its name.

A rule is a function of one ``Call``; it stands in the file of its kind, under the names of the
functions that it is for. It raises ``Unknown`` where the function has no octave form for such
arguments: the pairs are joined then, and the function itself is called.
"""

from . import channels, elementwise, indexing, methods, passing, space, views
from .calls import CALLERS, RULES, Call, Unknown, call, is_tensor

KINDS = (channels, elementwise, indexing, passing, space, views)

__all__ = ["CALLERS", "KINDS", "RULES", "Call", "Unknown", "call", "is_tensor", "methods"]
