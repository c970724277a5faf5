"""Run, keep and compare the notebooks.

Usage: python tools/notebooks.py run FOLDER       # execute a copy of the English ones in FOLDER
       python tools/notebooks.py compare FOLDER   # the key numbers there and in notebooks/
       python tools/notebooks.py keep [FILE…]     # execute in place; outputs free of noise

Those in other languages are the English ones with other words, which a test of them compares;
so they are not executed again.

Cells tagged ``key`` show the numbers that must come out again. They are compared word by word
as they are printed. Whole numbers are counts and must be the same; others may differ by 0.005,
which in eV/atom is what another processor explains, and by 1 % of their size. ``tolerance`` in
a cell's metadata names other widths, ``{"absolute": 1, "relative": 0.1}``, which hold for its
whole numbers, too. ``alt`` there is the text for those who cannot see its picture; ``stated``,
of a cell of text, lists numbers that neither code nor outputs of the notebook show.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import nbformat
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # so that tools find each other when run as scripts

from campaigns.words import Words, words  # noqa: E402
from campaigns.words.say import ENGLISH  # noqa: E402
from tools.notebook_text import LEFT_OUT  # noqa: E402

HERE = Path("notebooks")
ABSOLUTE, RELATIVE = 0.005, 0.01
LIMIT = 300
"""Seconds that one notebook may take."""

_NUMBER = re.compile(
    r"(?<![\w.,−-])[+−-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:e[+-]?\d+)?(?![\w])"
)
"""A number, and no part of a formula, a prototype or an identifier."""
_NO_PROSE = re.compile(
    r"```.*?```|`[^`]*`|\[[^\]]*\]\([^)]*\)|^#.*?$", re.DOTALL | re.MULTILINE
)
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
_TEMPORARY = re.compile(r"(?:/tmp|/var/folders/\S+?)/tmp\w+")
LARGEST = 200_000
"""Characters of HTML; what is larger, such as a view in three dimensions, is left out."""


def main() -> int:
    """Do one of the three; exit with 1 if a notebook failed or its numbers differ."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    what = parser.add_subparsers(dest="what", required=True)
    for name in ("run", "compare"):
        what.add_parser(name).add_argument("folder", type=Path)
    what.add_parser("keep").add_argument("files", type=Path, nargs="*")
    arguments = parser.parse_args()
    if arguments.what == "run":
        return run(arguments.folder)
    if arguments.what == "compare":
        return compare(arguments.folder)
    return keep(arguments.files or notebooks())


def notebooks(folder: Path = HERE) -> list[Path]:
    """All of them, those in other languages too."""
    return sorted(p for p in folder.rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts)


def english(folder: Path = HERE) -> list[Path]:
    """Those that are written, not translated."""
    return [path for path in notebooks(folder) if len(path.suffixes) == 1]


def run(folder: Path) -> int:
    """Execute a copy of ``notebooks`` with nbmake; the copy keeps what came out."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(HERE, folder, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    options = [
        "--nbmake",
        "--overwrite",
        f"--nbmake-timeout={LIMIT}",
        "--durations=0",
        "-n2",
    ]
    command = [
        sys.executable,
        "-m",
        "pytest",
        *options,
        "-p",
        "no:cacheprovider",
        *map(str, english(folder)),
    ]
    return subprocess.run(command, check=False, env=quiet()).returncode


def compare(folder: Path) -> int:
    """Print every key number that came out otherwise than it is kept."""
    faults = [
        f"{path.relative_to(HERE)}: {fault}"
        for path in english()
        for fault in differences(read(path), clean(read(folder / path.relative_to(HERE))))
    ]
    for fault in faults:
        print(f"FAIL {fault}")
    if not faults:
        print(f"ok   {len(english())} notebooks show the numbers that were computed now")
    return 1 if faults else 0


def keep(files: Sequence[Path]) -> int:
    """Execute notebooks where they are, and keep their outputs without noise."""
    from nbclient import NotebookClient

    os.environ.update(quiet())
    for path in files:
        started, notebook = time.monotonic(), read(path)
        NotebookClient(
            notebook,
            timeout=LIMIT,
            kernel_name="python3",
            resources={"metadata": {"path": str(path.parent)}},
        ).execute()
        write(clean(notebook), path)
        print(f"{path}: {time.monotonic() - started:.0f} s")
    return 0


def quiet() -> dict[str, str]:
    """The environment that notebooks run in: this one, with nothing that differs by machine."""
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(Path.cwd()), os.environ.get("PYTHONPATH", "")]),
        "PYTHONWARNINGS": "ignore",
        "OMP_NUM_THREADS": "1",  # two run at a time; sums do not depend on the number of cores
        "TQDM_DISABLE": "1",
        "LANGUAGE": "en",
    }


def read(path: Path) -> NotebookNode:
    """A notebook as it is on disk."""
    return nbformat.read(path, as_version=4)


def write(notebook: NotebookNode, path: Path) -> None:
    """Write it, checked."""
    nbformat.validate(notebook)
    nbformat.write(notebook, path)


def clean(notebook: NotebookNode) -> NotebookNode:
    """Keep what people read; drop what changes from one run or machine to the next."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        **({"lang": notebook.metadata.lang} if "lang" in notebook.metadata else {}),
    }
    say = words(notebook.metadata.get("lang", "en"))
    number = 0
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type != "code":
            continue
        number += 1
        cell.execution_count = number
        cell.outputs = [out for out in cell.outputs if not _is_noise(out)]
        for out in cell.outputs:
            if "execution_count" in out:
                out.execution_count = number
            if "text" in out:
                out.text = _plain(out.text, say)
            for kind, content in out.get("data", {}).items():
                if isinstance(content, str) and kind.startswith("text/"):
                    out.data[kind] = _plain(content, say)
            if "alt" in cell.metadata and "image/png" in out.get("data", {}):
                out.metadata.setdefault("image/png", {}).setdefault(
                    "alt", cell.metadata.alt
                )
    return notebook


def _plain(text: str, say: Words = ENGLISH) -> str:
    """Text without addresses in memory, folders of one machine, and pages too large to keep."""
    if len(text) > LARGEST:
        return f"<p><em>{say.catalogue.gettext(LEFT_OUT)}</em></p>"
    return _TEMPORARY.sub("work", _ADDRESS.sub("", text))


def _is_noise(out: NotebookNode) -> bool:
    """Warnings, progress and widgets, whose state is not kept."""
    if out.output_type == "stream":
        return out.name == "stderr"
    return "application/vnd.jupyter.widget-view+json" in out.get("data", {})


def differences(kept: NotebookNode, now: NotebookNode) -> list[str]:
    """What key cells show otherwise than they did, in words."""
    faults: list[str] = []
    if [cell.source for cell in kept.cells] != [cell.source for cell in now.cells]:
        return ["other cells; it was not executed from what is kept"]
    for place, (old, new) in enumerate(zip(kept.cells, now.cells, strict=True), start=1):
        if "key" in old.metadata.get("tags", []):
            before, after = (_plain("\n".join(texts(cell))) for cell in (old, new))
            found = text_differences(before, after, old.metadata.get("tolerance", {}))
            faults += [f"cell {place}: {fault}" for fault in found]
    return faults


def texts(cell: NotebookNode) -> Iterator[str]:
    """What a cell shows, as plain text; of one that failed, the error."""
    for out in cell.get("outputs", []):
        if out.output_type == "error":
            yield f"{out.ename}: {out.evalue}"
        elif out.output_type == "stream":
            yield str(out.text)
        else:
            yield str(out.data.get("text/plain", ""))


def text_differences(
    before: str, after: str, tolerance: Mapping[str, float] = MappingProxyType({})
) -> list[str]:
    """Words that changed, and numbers that changed by more than the tolerance."""
    words = [_NUMBER.sub("#", text).split() for text in (before, after)]
    if words[0] != words[1]:
        return [f"shows other words: {_first_difference(*words)}"]
    pairs = zip(_NUMBER.findall(before), _NUMBER.findall(after), strict=True)
    return [
        f"{now}, kept is {then}" for then, now in pairs if not _agree(then, now, tolerance)
    ]


def _agree(then: str, now: str, tolerance: Mapping[str, float]) -> bool:
    """Whether two numbers are the same within the tolerance, or one unit of the last digit."""
    digits = min(_digits(then), _digits(now))
    if not tolerance and digits == 0:
        return value(then) == value(now)
    unit = 0.0 if digits == 0 else float(f"1e-{digits}")
    width = tolerance.get("absolute", ABSOLUTE)
    width += tolerance.get("relative", RELATIVE) * abs(value(then))
    return abs(value(now) - value(then)) <= max(width, unit) * (1 + 1e-9)


def _digits(number: str) -> int:
    """Digits behind the point; of a number with an exponent, as many as tell nothing."""
    return 99 if "e" in number else len(number.partition(".")[2])


def value(number: str) -> float:
    """A number as it is printed, ``1,500`` or ``−0.01``."""
    return float(number.replace(",", "").replace("−", "-"))


def untold(notebook: NotebookNode) -> list[str]:
    """Numbers in the text that neither code nor outputs show, nor ``stated`` accounts for."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    shown = "\n".join(text for cell in code for text in (cell.source, *texts(cell)))
    there = [abs(value(number)) for number in _NUMBER.findall(shown)]
    faults = []
    for place, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type == "markdown":
            for number in _NUMBER.findall(_NO_PROSE.sub(" ", cell.source)):
                near = 0.5 * 10.0 ** -_digits(number) + 1e-9
                told = any(abs(abs(value(number)) - one) <= near for one in there)
                if not told and number not in cell.metadata.get("stated", []):
                    faults.append(f"cell {place}: {number}")
    return faults


def _first_difference(before: list[str], after: list[str]) -> str:
    for then, now in zip(before, after, strict=False):
        if then != now:
            return f"'{now}', kept is '{then}'"
    return f"{len(after)} words, kept are {len(before)}"


def pictures(notebook: NotebookNode) -> Iterator[tuple[int, Any]]:
    """Number of the cell, counted from 1, and output of every picture."""
    for place, cell in enumerate(notebook.cells, start=1):
        for out in cell.get("outputs", []):
            if "image/png" in out.get("data", {}):
                yield place, out


if __name__ == "__main__":
    sys.exit(main())
