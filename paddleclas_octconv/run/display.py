"""How far trainings are: a table that is drawn anew on a terminal, else a line an epoch."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from typing import IO, Iterator, Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from .watched import DONE, HEADER, TRAIN, Watched, duration

_WAITING = "waiting"
_FEWEST = 5  # columns beside the time, however narrow the terminal is
_NARROWEST = 12  # that of the names


def short(name: str, width: int) -> str:
    """A name with both its ends, of which the last tells alphas apart."""
    if len(name) <= width:
        return name
    end = (width - 1) * 2 // 3
    return f"{name[: width - 1 - end]}…{name[-end:]}"


class Display:
    """Shows how far each training is, and how long all of them will take."""

    def __init__(self, trainings: Sequence[Watched], jobs: int = 1, live: bool = True) -> None:
        """
        Args:
            trainings: all of them, in their order.
            jobs: how many are at work at once.
            live: whether a table may be drawn, where there is a terminal for it.
        """
        self._trainings, self._jobs, self._may_be_live = list(trainings), jobs, live
        self._working: Sequence[str] = ()
        self._stage = ""
        self._told: dict[str, str] = {}  # the stage of each that a line has told
        self._console = Console(stderr=True)
        self._live: Live | None = None

    def __enter__(self) -> Display:
        for each in self._trainings:
            each.begin()
        done = [each.name for each in self._trainings if each.stage() == DONE]
        if done:
            self.say(f"paddleclas: finished before: {', '.join(done)}")
        if self._may_be_live and sys.stderr.isatty() and not self._console.is_dumb_terminal:
            # What this process prints on standard error meanwhile stands above the table, too.
            self._live = Live(
                console=self._console, auto_refresh=False, transient=True, redirect_stdout=False
            )
            self._live.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._live is not None:
            self._live.__exit__(None, None, None)
            self._live = None
        else:
            for each in self._trainings:
                each.look()  # what was logged since the last look
            self._say_epochs(self._trainings, has_ended=True)

    def say(self, message: str) -> None:
        """Print a line without disturbing the table."""
        if self._live is not None:
            self._console.print(Text(message), soft_wrap=True)
            return
        with contextlib.suppress(OSError, ValueError):  # nobody reads it any more
            print(message, file=sys.stderr, flush=True)

    @contextlib.contextmanager
    def output(self) -> Iterator[IO | None]:
        """A file for what a process prints, line by line, above the table; None where there is no
        table that it could disturb."""
        if self._live is None:
            yield None
            return
        reader, writer = os.pipe()
        copying = threading.Thread(target=self._copy, args=(reader,), daemon=True)
        copying.start()
        with os.fdopen(writer, "wb") as file:
            yield file
        copying.join(timeout=1.0)  # a process that outlives its parent may hold it for longer

    def look(self, working: Sequence[str] | None = None) -> None:
        """See how far the trainings are; those of these names are at work, or all."""
        self._working = [each.name for each in self._trainings] if working is None else working
        at_work = [each for each in self._trainings if each.name in self._working]
        for each in at_work:
            each.look()
        self._say_epochs(at_work)
        self._say_stages(at_work)
        self._draw()

    def stage(self, name: str, detail: str = "") -> None:
        """Show what is done after the trainings.

        Args:
            name: of it, such as "latency".
            detail: how far it is, in words.
        """
        if self._live is None and self._stage.partition(":")[0] != name:
            self.say(f"paddleclas: {name}")
        self._stage = f"{name}: {detail}" if detail else name
        self._draw()

    def render(self, width: int = 80) -> Group:
        """The table: a row a training, with the columns for which there is room, and the time that
        is left for all."""
        rows = [self._row(each) for each in self._trainings]
        columns = [list(column) for column in zip(HEADER, *rows)]
        left = ["left", *map(self._shown_left, self._trainings)]
        widths = [max(map(len, cells)) + 1 for cells in columns]
        room = width - max(map(len, left))
        while len(columns) > _FEWEST and sum(widths[: len(columns)]) > room:
            columns.pop()
        most = max(_NARROWEST, room - sum(widths[1 : len(columns)]) - 1)
        columns[0] = [short(name, most) for name in columns[0]]
        table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
        table.add_column(columns[0][0], no_wrap=True)
        for name, *_ in (*columns[1:], left):
            table.add_column(name, justify="right", no_wrap=True)
        for row in list(zip(*columns, left))[1:]:
            table.add_row(*row)
        left_for_all = self.left()
        below = "all are trained" if left_for_all == 0 else f"all: {duration(left_for_all)} left"
        return Group(table, Text(self._stage or below))

    def left(self) -> float | None:
        """Seconds until all are trained, as far as that is known."""
        known = [self._left(each) for each in self._trainings if each.stage() != DONE]
        times = [seconds for seconds in known if seconds is not None]
        if not times or len(times) < len(known):
            return None
        ends = [0.0] * self._jobs  # each training is taken by whoever is free first
        for seconds in times:
            ends[ends.index(min(ends))] += seconds
        return max(ends)

    def _draw(self) -> None:
        if self._live is not None:
            self._live.update(self.render(self._console.width), refresh=True)

    def _row(self, each: Watched) -> list[str]:
        name, stage, *others = each.row()
        is_waiting = each.stage() != DONE and name not in self._working
        return [name, _WAITING if is_waiting else stage, *others]

    def _shown_left(self, each: Watched) -> str:
        """The time until it is trained; what comes then takes a time of its own."""
        return duration(self._left(each)) if each.stage() == TRAIN else ""

    def _left(self, each: Watched) -> float | None:
        """Seconds until it is trained; of one that waits, by others, best of its model."""
        same = [other for other in self._trainings if other.model == each.model]
        paces = [other.pace for other in (each, *same, *self._trainings)]
        return each.left(next((pace for pace in paces if pace is not None), None))

    def _say_epochs(self, trainings: Sequence[Watched], has_ended: bool = False) -> None:
        several = len(self._trainings) > 1
        for each in () if self._live is not None else trainings:
            for line in each.new_lines(has_ended):
                left = f"{duration(self._left(each))} left"
                all_left = f", all: {duration(self.left())}"
                self.say(f"{self._place(each)}{line}, {left}{all_left * several}")

    def _say_stages(self, trainings: Sequence[Watched]) -> None:
        """Of several, what each begins with: an epoch, or what comes after the last, takes long."""
        several = len(self._trainings) > 1
        for each in trainings if self._live is None and several else ():
            stage = each.stage()
            if stage not in (DONE, self._told.get(each.name)):
                self._told[each.name] = stage
                self.say(f"{self._place(each)}{stage}")

    def _place(self, each: Watched) -> str:
        """Which of several it is, to begin a line with."""
        if len(self._trainings) == 1:
            return ""
        return f"{self._trainings.index(each) + 1}/{len(self._trainings)} {each.name}: "

    def _copy(self, reader: int) -> None:
        with os.fdopen(reader, "r", encoding="utf-8", errors="replace", newline="\n") as lines:
            for line in lines:  # of a progress bar, its last state
                self.say(line.rstrip("\r\n").rpartition("\r")[2])
