"""Reading crystals from files as people keep them: one by one, in folders, in archives.

What cannot be read comes out as a :class:`ReadCrystal` that says why, in its place among the
others; nothing is raised and nothing is skipped in silence, hidden files aside.
"""

from __future__ import annotations

import os
import stat
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Never

import numpy as np

from materials.archives import COMPRESSED_SUFFIXES, uncompressed, zip_members
from materials.bounds import printable, shortened
from materials.columns import crystal_arrays
from materials.errors import InputError, did_you_mean
from materials.formats import Format, find_format
from materials.readers import Frame
from materials.soundness import overlap_fault, vacuum_fault

if TYPE_CHECKING:
    from pymatgen.core import Structure

_FAR_OUT = 2.0  # cells; fractions beyond it are seldom meant
_RIM = 0.01  # of a cell, by which an atom on a face may lie outside
_INWARD = (  # speak to who wrote the parser
    *(TypeError, AttributeError, NameError, LookupError, AssertionError, ArithmeticError),
    StopIteration,
)


@dataclass(frozen=True)
class ReadCrystal:
    """A crystal, or the reason why there is none; exactly one of the two is None."""

    name: str
    """The path, ``box.zip/a.cif`` inside an archive, plus ``#3`` for the fourth crystal of
    a file of many."""
    structure: Structure | None
    """Elements and geometry alone, coordinates in [0, 1)."""
    error: str | None
    """One line: what was wrong."""
    path: Path
    """The file on disk; for a member of an archive, the archive."""


def read_crystals(paths: Iterable[Path | str]) -> Iterator[ReadCrystal]:
    """Yield every crystal of files, folders and zip archives, or why it cannot be read.

    Folders are searched to the bottom in the order of their names, hidden files and folders
    left out; ``.gz``, ``.bz2`` and ``.xz`` are undone on the way. A crystal must be ordered,
    periodic in three directions and free of atoms closer than
    :data:`materials.soundness.CLOSEST`. Files named twice are read once.
    """
    seen: set[Path] = set()
    for path in [paths] if isinstance(paths, (str, Path)) else paths:
        if not str(path).strip():
            yield ReadCrystal(
                "''", None, "an empty name, expected a file or folder", Path()
            )
            continue
        for file, problem in _files_under(Path(path)):
            if file in seen:
                continue
            seen.add(file)
            if problem is not None:
                yield ReadCrystal(_name(file), None, printable(problem), file)
            elif file.suffix.lower() == ".zip":
                yield from _read_archive(file)
            else:
                yield from _read_file(file, _name(file), file)


def _files_under(path: Path) -> Iterator[tuple[Path, str | None]]:
    """Each file to read, and what is wrong with it where that shows before opening it."""
    problem = _path_problem(path)
    if problem is not None or not path.is_dir():
        yield path, problem
        return
    failures: list[OSError] = []
    empty = True
    for folder, inner, names in os.walk(path, onerror=failures.append):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        links = [name for name in inner if (Path(folder) / name).is_symlink()]
        for name in sorted([*names, *links]):
            if name.startswith("."):
                continue
            empty = False
            file = Path(folder) / name
            if name in links:
                yield file, "is a link to a folder and was not followed; name it itself"
            else:
                yield file, _path_problem(file)
    for failure in failures:
        yield Path(failure.filename), f"cannot be listed: {failure.strerror}"
    if empty and not failures:
        yield path, "the folder is empty: expected crystal files"


def _name(path: Path) -> str:
    """A path as it can be printed and written: names on disk may hold any byte."""
    name = str(path)
    return name if name.isprintable() else printable(name)


def _path_problem(path: Path) -> str | None:
    """What can be said of a path without opening it; None if nothing is wrong."""
    try:
        status = path.stat()
    except FileNotFoundError:
        if path.is_symlink():
            return f"is a link to {path.readlink()}, which does not exist"
        near = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
        return f"no such file or folder.{did_you_mean(path.name, near)}"
    except OSError as error:
        return f"cannot be opened: {error.strerror}"
    if stat.S_ISDIR(status.st_mode):
        return None
    if not stat.S_ISREG(status.st_mode):
        return "is a device or a pipe, expected a file"
    if status.st_size == 0:
        return "the file is empty"
    return None


def _read_archive(path: Path) -> Iterator[ReadCrystal]:
    empty = True
    try:
        for member in zip_members(path):
            empty = False
            name = f"{_name(path)}/{shortened(printable(member.name))}"
            if member.path is None:
                yield ReadCrystal(name, None, shortened(printable(str(member.error))), path)
            else:
                problem = _path_problem(member.path)
                if problem is None:
                    yield from _read_file(member.path, name, path)
                else:
                    yield ReadCrystal(name, None, problem, path)
    except (InputError, OSError) as error:
        yield ReadCrystal(_name(path), None, _reason(error, None), path)
        return
    if empty:
        yield ReadCrystal(_name(path), None, "the archive holds no files", path)


def _read_file(file: Path, name: str, origin: Path) -> Iterator[ReadCrystal]:
    """The crystals of one file, numbered if there are several."""
    kind: Format | None = None
    try:
        packed = file.suffix.lower() in COMPRESSED_SUFFIXES
        kind = find_format(file.stem if packed else file.name)
        with uncompressed(file) as plain:
            yield from _read_frames(_frames(plain, kind), kind, name, origin)
    except (InputError, OSError) as error:
        yield ReadCrystal(name, None, _reason(error, kind), origin)


def _read_frames(
    frames: Iterator[Frame], kind: Format, name: str, origin: Path
) -> Iterator[ReadCrystal]:
    frame, number = next(frames, None), 0
    if frame is None:
        yield ReadCrystal(name, None, f"holds no crystal ({kind.name})", origin)
    while frame is not None:
        following = next(frames, None)
        alone = number == 0 and following is None
        label = name if alone else f"{name}#{number}"
        try:
            with _quiet():
                structure = _sound_structure(frame)
        except Exception as error:  # noqa: BLE001 - parsers raise anything; it is reported
            yield ReadCrystal(label, None, _reason(error, kind), origin)
        else:
            yield ReadCrystal(label, structure, None, origin)
        frame, number = following, number + 1


def _frames(path: Path, kind: Format) -> Iterator[Frame]:
    """The frames of a file; where taking it apart fails, a last frame that says so."""
    try:
        with _quiet():
            frames = kind.frames(path)
        while True:
            with _quiet():
                frame = next(frames, None)
            if frame is None:
                return
            yield frame
    except Exception as error:  # noqa: BLE001 - parsers raise anything; it is reported
        yield partial(_fail, error)


def _fail(error: Exception) -> Never:
    raise error


def _sound_structure(frame: Frame) -> Structure:
    """Parse one crystal and check it. Raises whatever its parser raises."""
    from pymatgen.core import Lattice, Structure

    crystal = frame()
    if isinstance(crystal, Structure) and (fault := _cartesian_fault(crystal)):
        raise InputError(fault)
    numbers, coords, lattice = crystal_arrays(crystal)
    if fault := overlap_fault(numbers, coords, lattice) or vacuum_fault(coords, lattice):
        raise InputError(fault)
    return Structure(Lattice(lattice), numbers.tolist(), coords)


def _cartesian_fault(structure: Structure) -> str | None:
    """Say so where fractional coordinates can only be Å: far outside, and all inside as Å."""
    places = np.asarray(structure.frac_coords)
    if not len(places) or not np.isfinite(places).all() or places.max() <= _FAR_OUT:
        return None
    inside = structure.lattice.get_fractional_coords(places)
    if places.min() < -_RIM or inside.min() < -_RIM or inside.max() > 1 + _RIM:
        return None
    return (
        f"fractional coordinates up to {places.max():.3g}, which as Å would all lie in the "
        "cell: are they Cartesian?"
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the parsers' warnings, here and nowhere else."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _reason(error: Exception, kind: Format | None) -> str:
    """One line for a person: what the error says, and what was being read."""
    text = shortened(printable(str(error)))
    if isinstance(error, InputError):
        return text
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be opened: {error.strerror}"
    reading = f"cannot be read as {kind.name}" if kind else "cannot be read"
    if isinstance(error, RecursionError):
        return f"{reading}: nested too deeply"
    if isinstance(error, MemoryError):
        return f"{reading}: takes more memory than there is"
    if isinstance(error, KeyError):
        return f"{reading}: cut short or malformed (at {text})"
    if isinstance(error.__cause__, StopIteration) or isinstance(error, _INWARD) or not text:
        return f"{reading}: cut short or malformed"
    return f"{reading}: {text}"
