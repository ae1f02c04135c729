"""Which networks lie on the front of accuracy over latency, precision by precision, in words.

A network lies on it where no other one is as accurate and as fast, and better in one of the two.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Sequence

from .accuracy import TOP1
from .variants import is_octave

ALL = "all"  # precisions together


class Point(NamedTuple):
    """An exported network.

    Attributes:
        model: its name.
        precision: that it computes in.
        top1: the share of the evaluation images that it classifies right, or its accuracy as of
            ``accuracy_of``.
        ms: the median latency of one image.
    """

    model: str
    precision: str
    top1: float
    ms: float


def points_of(models: Sequence[dict[str, Any]]) -> list[Point]:
    """The exported networks of which top-1 and latency are known.

    Args:
        models: the entries of ``results.json``.
    """
    return [
        Point(model["model"], form["precision"], form["top1"]["mean"], form["latency"]["median_ms"])
        for model in models
        for form in model.get("formats", ())
        if form["top1"] and form["latency"]
    ]


def front(points: Sequence[Point]) -> list[Point]:
    """Those of the points that lie on their front, the fastest first."""
    found: list[Point] = []
    for point in sorted(points, key=lambda point: (point.ms, -point.top1)):
        best = found[-1] if found else None
        if best is None or point.top1 > best.top1 or point[2:] == best[2:]:
            found.append(point)
    return found


def fronts(models: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The front at each precision and, of several, that of all together.

    Returns:
        For each: ``precision`` (or ``ALL``), ``front`` (models with their precision), ``octave``
        (those of them that are octave networks) and ``text``. None of a single network.
    """
    points = points_of(models)
    precisions = list(dict.fromkeys(point.precision for point in points))
    found = []
    for precision in [*precisions, *([ALL] if len(precisions) > 1 else [])]:
        members = [point for point in points if precision in (point.precision, ALL)]
        if len({point.model for point in members}) > 1:
            found.append(_front(precision, members, {model["model"]: model for model in models}))
    return found


def _front(precision: str, points: Sequence[Point], models: dict[str, dict]) -> dict[str, Any]:
    on_it = front(points)
    octave = [point for point in on_it if is_octave(models[point.model]["arch"])]
    forms = [_form(models, point) for point in points]
    engine = forms[0]["latency"]["engine"]
    where = "all precisions together" if precision == ALL else precision
    said = ", ".join(_told(point, precision) for point in on_it)
    names = ", ".join(_name(point, precision) for point in octave)
    verdict = f"octave networks on it: {names}" if octave else "no octave network lies on it"
    accuracy = next(iter(models.values())).get("accuracy", TOP1)
    text = f"Front of {accuracy} over latency, {where} ({engine}, one image): {said}; {verdict}."
    doubtful = [point for point in octave if _is_doubtful(point, points, models)]
    if doubtful:
        names = ", ".join(_name(point, precision) for point in doubtful)
        text += f" By a latency that cannot be told from that of a more accurate one: {names}."
    seeds = min(form["top1"]["count"] for form in forms)
    if seeds == 1:
        text += " With one seed: another may change that."
    if any(form["latency"]["busy"] for form in forms):
        text += " The machine was busy: the latencies are a guide alone."
    return {
        "precision": precision,
        "front": [[point.model, point.precision] for point in on_it],
        "octave": [[point.model, point.precision] for point in octave],
        "text": text,
    }


def _is_doubtful(point: Point, points: Sequence[Point], models: dict[str, dict]) -> bool:
    """Whether another one is as accurate, and slower by less than the latencies spread."""
    return any(
        other is not point
        and other.top1 >= point.top1
        and other.ms - point.ms < _spread(models, point) + _spread(models, other)
        for other in points
    )


def _spread(models: dict[str, dict], point: Point) -> float:
    return _form(models, point)["latency"]["spread"] * point.ms


def _form(models: dict[str, dict], point: Point) -> dict[str, Any]:
    forms = models[point.model]["formats"]
    return next(form for form in forms if form["precision"] == point.precision)


def _name(point: Point, precision: str) -> str:
    return f"{point.model} in {point.precision}" if precision == ALL else point.model


def _told(point: Point, precision: str) -> str:
    return f"{_name(point, precision)} ({point.top1:.2%}, {point.ms:.2f} ms)"
