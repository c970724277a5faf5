"""What commands share: exit codes, consoles, tables and JSON on the screen."""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import IntEnum
from io import StringIO
from typing import TYPE_CHECKING, Any

import typer
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table

from materials.harmless import escaped_json
from materials.harmless import on_screen as on_screen_text

if TYPE_CHECKING:
    from models.inference import Tell

_ASIDE = frozenset({"log10_electron_mass", "log10_hole_mass", "is_metal"})
"""Properties that files and JSON hold, but for which a screen has no room."""

_STANDS_IN = {"band_gap_hse": "band_gap_measured"}
"""Properties that give their room to another one where that is predicted too."""


_HEADING_WIDTH = 10
"""Of a line over a column of numbers, which are about as wide."""


class ExitCode(IntEnum):
    """What ``$?`` says; 2 is a command line that cannot be understood."""

    OK = 0
    ERROR = 1
    PARTIAL = 3
    """Done, but some crystals failed; they are named."""
    INTERRUPTED = 130


class _Screen(Console):
    """Shows names as they are, but nothing in them that a terminal would obey."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterator[Segment]:
        for part in super().render(renderable, options):
            yield part if part.control else Segment(on_screen_text(part.text), part.style)


def console() -> Console:
    """Results go here, names as they are: ``K [gpa]`` is no markup."""
    return _Screen(markup=False, emoji=False)


def side_console() -> Console:
    """Progress, warnings and errors go here, so that results can be piped."""
    return _Screen(stderr=True, markup=False, emoji=False)


def echo(text: str = "", *, nl: bool = True) -> None:
    """Text on standard output as it is, but nothing that a terminal would obey."""
    typer.echo(on_screen_text(text), nl=nl)


def warn(message: str) -> None:
    """One line, as it is, that deserves to be seen."""
    side_console().print(message, style="yellow", highlight=False, soft_wrap=True)


def print_json(content: Mapping[str, Any]) -> None:
    """One JSON document on standard output; NaN becomes null."""
    text = json.dumps(plain(content), indent=2, ensure_ascii=False, allow_nan=False)
    typer.echo(escaped_json(text))


def plain(value: Any) -> Any:
    """Numbers, texts, lists and mappings only, as JSON knows them."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return None if str(value) in ("<NA>", "NaT") else str(value)


def with_deviation(value: float | None, deviation: float | None, digits: int = 2) -> str:
    """``1.23 ± 0.10``; a dash where there is no number."""
    if value is None or math.isnan(value):
        return "–"
    if deviation is None or math.isnan(deviation):
        return f"{value:.{digits}f}"
    return f"{value:.{digits}f} ± {deviation:.{digits}f}"


def number(row: Mapping[str, Any], target: str) -> str:
    """A property of a row and its deviation; energies to the meV."""
    digits = 3 if unit_of(target) == "eV/atom" else 2
    return with_deviation(row[target], row[f"{target}_std"], digits)


def table(columns: Sequence[str], *, title: str = "") -> Table:
    """An empty table in the house style; the first column is text, the others numbers."""
    grid = Table(title=title or None, title_justify="left", box=None, pad_edge=False)
    for place, name in enumerate(columns):
        grid.add_column(
            name,
            justify="left" if place == 0 else "right",
            overflow="fold",
            no_wrap=place > 0,
            min_width=0 if place else 10,
            header_style="bold",
        )
    return grid


def print_table(*layouts: Table) -> None:
    """The first layout that fits the screen, each also tried with less air between columns.

    Where none fits, the last one keeps its own width: lines go on below, and nothing is cut.
    """
    out = console()
    for grid in layouts:
        for grid.padding in (AIRY, CLOSE):
            if width_of(grid) <= out.width:
                out.print(grid)
                return
    _Screen(width=width_of(grid), markup=False, emoji=False).print(grid)


AIRY, CLOSE = (0, 1, 0, 1), (0, 1, 0, 0)


def width_of(grid: Table) -> int:
    """Columns of the screen that a table takes if nothing in it is folded."""
    wide = Console(width=10_000, file=StringIO())
    lines = wide.render_lines(grid, pad=False)
    return max(cell_len("".join(part.text for part in line)) for line in lines)


def unit_of(target: str) -> str:
    """The unit of a property, empty for one that Galena does not know."""
    from models.training.targets import unit

    return "eV" if target == "band_gap_measured" else unit(target)


def on_screen(targets: Sequence[str]) -> list[str]:
    """The properties that a table on the screen shows, in order."""
    return [target for target in targets if not _is_aside(target, targets)]


def left_aside(targets: Sequence[str]) -> str:
    """A line that names the other ones; empty if there are none."""
    others = [target for target in targets if _is_aside(target, targets)]
    return f"also predicted, see --output or --json: {', '.join(others)}" if others else ""


def _is_aside(target: str, targets: Sequence[str]) -> bool:
    return target in _ASIDE or _STANDS_IN.get(target) in targets


def heading(target: str) -> str:
    """A property's name and unit over a column: ``band gap`` above ``eV``."""
    return titled(target.removesuffix("_per_atom").replace("_", " "), unit_of(target))


def titled(title: str, unit: str = "") -> str:
    """A column's title in lines about as wide as a number, its unit below."""
    lines = textwrap.wrap(title, _HEADING_WIDTH, break_long_words=False)
    return "\n".join([*lines, *([unit] if unit else [])])


@contextmanager
def counting(what: str, total: int | None) -> Iterator[Tell]:
    """Show crystals done, their rate and the time left, on standard error."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        SpinnerColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        """Crystals per second."""

        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text(f"{speed:,.0f}/s" if speed else "", style="cyan")

    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(),
        console=side_console(),
        transient=True,
    ) as progress:
        task = progress.add_task(what, total=total)
        yield lambda n: progress.update(task, advance=n)
