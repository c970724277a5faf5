"""Programs that a specification names: none starts before whoever is here allowed it.

A specification, a campaign's folder or a shared database may come from anybody. What may start
a program is shown, with a digest of the program's line and of the files named in it; consent is
kept outside of what was received, and holds for exactly that digest.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from campaigns.oracles.specs import CommandSpec, DftSpec
from materials.errors import InputError
from materials.provenance import file_sha256

if TYPE_CHECKING:
    from campaigns.config import CampaignConfig

ALLOW_VARIABLE = "GALENA_ALLOW_COMMANDS"
"""Digests that are allowed, with commas between them, or ``all``; for batch systems."""
_ALL = "all"
_OTHERS = stat.S_IWGRP | stat.S_IWOTH


class NotAllowedError(InputError):
    """A program was not started, since nobody here allowed it; says how to."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """What one oracle would start."""

    oracle: str
    """The oracle's name in the specification."""
    line: str
    """What would be started, for people: one line, nothing in it but plain text."""
    digest: str
    """32 hexadecimal digits of all that decides what runs: the whole line, which program of
    that name, settings, and what is in the files named."""

    @property
    def is_allowed(self) -> bool:
        """Whether the environment or the user's own record allows exactly this."""
        said = os.environ.get(ALLOW_VARIABLE, "").replace(",", " ").split()
        return _ALL in said or self.digest in said or _is_on_record(self.digest)


def programs_of(config: CampaignConfig, oracle: str | None = None) -> tuple[Program, ...]:
    """What the oracles of a specification would start, or the one of that name.

    GPAW under this Python with its own recipe starts nothing that is not Galena's.
    """
    specs = [spec for spec in config.oracles if oracle in (None, spec.name)]
    found = (_program(spec) for spec in specs if isinstance(spec, CommandSpec | DftSpec))
    return tuple(program for program in found if program is not None)


def check_allowed(config: CampaignConfig, oracle: str | None = None) -> None:
    """Raise :class:`NotAllowedError` for the first program that nobody here allowed."""
    for program in programs_of(config, oracle):
        if not program.is_allowed:
            raise NotAllowedError(
                f"oracle '{program.oracle}' would start a program on this machine, and that "
                f"was not allowed: {program.line}. Look at it and at the files it names; "
                "where you trust them, allow it: --allow-commands on the command line, "
                f"Campaign.allow_commands() in Python, {ALLOW_VARIABLE}={program.digest} in "
                "the environment of a batch job"
            )


def allow(programs: Iterable[Program]) -> None:
    """Put consent on record, in the user's own configuration, until its file is removed.

    Raises:
        InputError: it cannot be written there.
    """
    folder = record_folder()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for program in programs:
            handle, name = tempfile.mkstemp(dir=folder)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(f"{program.line}\n")
            Path(name).replace(folder / program.digest)
    except OSError as error:
        raise InputError(
            f"{folder}: consent cannot be kept: {error.strerror}; say it in the environment: "
            f"{ALLOW_VARIABLE}={','.join(program.digest for program in programs)}"
        ) from error


def record_folder() -> Path:
    """Where consent is kept: a file for each digest, the program's line in it."""
    from platformdirs import user_config_path

    return user_config_path("galena") / "allowed"


def _is_on_record(digest: str) -> bool:
    """Only what this user wrote, and nobody else could have, counts."""
    path = record_folder() / digest
    try:
        found = [path.lstat(), path.parent.stat()]
    except OSError:
        return False
    return stat.S_ISREG(found[0].st_mode) and all(
        each.st_uid == os.geteuid() and not each.st_mode & _OTHERS for each in found
    )


def _program(spec: CommandSpec | DftSpec) -> Program | None:
    if isinstance(spec, CommandSpec):
        return _described(spec.name, list(spec.argv), _files(spec.argv), {})
    settings: dict[str, Any] = {"recipe": spec.recipe}
    python = spec.python or "python"
    if spec.recipe == "script" and spec.script is not None:
        line = [python, str(spec.script.path)]
        settings["script"] = spec.script.settings
        return _described(spec.name, line, [spec.script.path], settings, own=spec.python)
    if spec.recipe == "ase" and spec.ase is not None:
        settings["ase"] = spec.ase.model_dump(mode="json")
        arguments = json.dumps(spec.ase.arguments, sort_keys=True)
        line = [python, "-c", f"{spec.ase.calculator}(**{arguments})"]
        return _described(spec.name, line, [], settings, own=spec.python)
    if spec.python is None:
        return None
    return _described(spec.name, [python], _files([python]), settings, own=spec.python)


def _described(
    oracle: str,
    argv: list[str],
    files: Iterable[Path],
    settings: dict[str, Any],
    *,
    own: str | None = "",
) -> Program:
    """``own`` is the interpreter where the specification names one, None where it does not."""
    program = "" if own is None else shutil.which(own or argv[0]) or ""
    content = {
        "argv": argv,
        "program": str(Path(program).absolute()) if program else "",
        "settings": settings,
        "files": {str(path.absolute()): _sha256(path) for path in files},
    }
    text = json.dumps(content, sort_keys=True)
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return Program(oracle=oracle, line=_plain(shlex.join(argv)), digest=digest)


def _files(argv: Iterable[str]) -> Iterator[Path]:
    """Arguments that are files here, as :class:`campaigns.oracles.command.Command` has it."""
    for place, part in enumerate(argv):
        if part and (place or os.sep in part) and _is_file(Path(part)):
            yield Path(part)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name too long, or with a null byte
        return False


def _sha256(path: Path) -> str:
    try:
        return file_sha256(path) if path.is_file() else ""
    except (InputError, OSError):
        return ""


def _plain(line: str) -> str:
    """Nothing that a terminal would obey, nor hide: escapes, line breaks, turned text."""
    return "".join(sign if sign.isprintable() else f"\\u{ord(sign):04x}" for sign in line)
