"""The sources there are, and how a text such as ``jarvis:dft_3d`` becomes one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from materials.errors import InputError, did_you_mean
from materials.sources.download import Tell, silent
from materials.sources.http import Pace, PoliteSession
from materials.sources.protocol import UNKNOWN, Column, Source
from materials.sources.query import Query


@dataclass(frozen=True, kw_only=True)
class SourceKind:
    """One kind of source, for people to choose from."""

    name: str
    example: str
    what: str
    functional: str
    licence: str
    needs: str


KINDS = (
    SourceKind(
        name="mp",
        example="mp:GGA_GGA+U",
        what="Materials Project, entries that are not deprecated",
        functional="per row: PBE, PBE+U or r2SCAN; one scheme per pull",
        licence="CC-BY-4.0; single entries CC-BY-NC-4.0, per row",
        needs="the extra 'mp', a key in MP_API_KEY",
    ),
    SourceKind(
        name="jarvis",
        example="jarvis:dft_3d",
        what="datasets of JARVIS, as jarvis-tools lists them",
        functional="OptB88vdW for dft_3d and dft_2d; gaps also TBmBJ",
        licence="not stated by jarvis-tools; see the dataset's page",
        needs="the extra 'jarvis'",
    ),
    SourceKind(
        name="matminer",
        example="matminer:matbench_mp_gap",
        what="datasets of matminer with crystals, matbench among them",
        functional="by dataset: PBE or PBE+U, OptB88vdW, RPBE, PBEsol",
        licence="CC-BY-4.0 for copies of the Materials Project",
        needs="nothing more",
    ),
    SourceKind(
        name="optimade",
        example="optimade:cod, optimade:https://HOST/PATH",
        what="any database that speaks OPTIMADE",
        functional="unknown, unless --functional says it",
        licence="as the server says, or --licence",
        needs="nothing more",
    ),
    SourceKind(
        name="files",
        example="mine.cif, folder/, tables/*.parquet",
        what="crystal files and tables of your own",
        functional="a table's own column, or --functional",
        licence="a table's own column, or --licence",
        needs="nothing more",
    ),
)


@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """What a person says about all sources of a pull."""

    query: Query = field(default_factory=Query)
    filter: str = ""
    """In OPTIMADE's language; for OPTIMADE sources alone."""
    columns: tuple[Column, ...] = ()
    """In place of a source's usual properties."""
    functional: str = UNKNOWN
    """Of sources that do not say."""
    licence: str = ""
    """Of sources that do not say."""
    page_size: int | None = None
    pace: Pace = field(default_factory=Pace)


def open_source(
    text: str, options: SourceOptions | None = None, *, tell: Tell = silent
) -> Source:
    """Make the source that ``text`` names: ``KIND:WHICH``, or else a path.

    Nothing is asked of a server yet. Raises :class:`InputError` for what does not exist.
    """
    chosen = options or SourceOptions()
    kind, colon, which = text.partition(":")
    known = [one.name for one in KINDS if one.name != "files"]
    if text in known and text != "mp":
        example = next(one.example for one in KINDS if one.name == text)
        raise InputError(f"'{text}' alone is not enough; say which: {example}")
    if kind not in known or (kind == text and text != "mp"):
        if colon and not Path(text).exists() and not kind.startswith(("/", ".")):
            raise InputError(
                f"'{kind}' is no kind of source: {', '.join(known)}, or a path."
                f"{did_you_mean(kind, known)}"
            )
        return _local(text, chosen)
    if chosen.filter and kind != "optimade":
        raise InputError(f"{text}: --filter is for OPTIMADE sources alone")
    session = PoliteSession(chosen.pace)
    if kind == "mp":
        return _materials_project(which, chosen, session)
    if kind == "optimade":
        return _optimade(which, chosen, session)
    return _dataset(kind, which, chosen, session, tell)


def _local(text: str, chosen: SourceOptions) -> Source:
    from materials.sources.local import local

    if not text.strip():
        raise InputError("a source is empty; give a path, or see galena data list")
    return local(
        Path(text),
        functional=chosen.functional,
        licence=chosen.licence,
        columns=chosen.columns,
    )


def _materials_project(
    scheme: str, chosen: SourceOptions, session: PoliteSession
) -> Source:
    from materials.sources.materials_project import COLUMNS, SCHEMES, MaterialsProject

    return MaterialsProject(
        scheme=scheme or SCHEMES[0],
        query=chosen.query,
        columns=chosen.columns or COLUMNS,
        page_size=chosen.page_size or 200,
        session=session,
    )


def _optimade(address: str, chosen: SourceOptions, session: PoliteSession) -> Source:
    from materials.sources.optimade import Optimade

    source = Optimade(
        address=address,
        query=chosen.query,
        filter=chosen.filter,
        columns=chosen.columns,
        functional=chosen.functional,
        licence=chosen.licence,
        page_size=chosen.page_size or 100,
        session=session,
    )
    _ = source.base  # complains about addresses
    return source


def _dataset(
    kind: str, which: str, chosen: SourceOptions, session: PoliteSession, tell: Tell
) -> Source:
    from materials.sources.jarvis import Jarvis, dataset_file
    from materials.sources.matminer import Matminer, dataset_about

    if kind == "jarvis":
        dataset_file(which)  # complains about names
        made: type[Jarvis | Matminer] = Jarvis
    else:
        dataset_about(which)
        made = Matminer
    return made(
        dataset=which,
        columns=chosen.columns,
        functional=chosen.functional,
        licence=chosen.licence,
        session=session,
        tell=tell,
    )


def columns_of(texts: Sequence[str]) -> tuple[Column, ...]:
    """Read properties as people write them; see :meth:`Column.parse`."""
    return tuple(Column.parse(text) for text in texts)
