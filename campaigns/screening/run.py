"""A whole screening: shards done, put on disk, and put together."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from campaigns.lock import LOCK_FILES, held
from campaigns.screening.best import best_of_parts
from campaigns.screening.outputs import whole_file
from campaigns.screening.recipe import Recipe
from campaigns.screening.shard import NOT_BEST, Counts, Screener, ShardResult
from campaigns.screening.sources import Source, Task
from campaigns.screening.spec import ScreenSpec
from campaigns.screening.store import BEST, MANIFEST, WHOLE, ShardStore
from materials.errors import InputError
from materials.twice import is_there
from materials.versioned import FileFormat
from materials.whole import same_bytes, sync_folder

if TYPE_CHECKING:
    import pyarrow as pa

    from models.inference import Tell

Engine = Callable[[Iterable[Task]], Generator[ShardResult]]
"""Does tasks, somewhere, and gives their results back in any order."""

SCREENING = FileFormat(
    what="screening",
    version=1,
    remedy="start over with --force, or finish it with the Galena that began it",
)

_PLACE = {"table"}  # what a specification says that is no part of what is found


@dataclass(frozen=True)
class ScreenResult:
    """What a screening came to."""

    path: Path
    """The file or folder that was asked for."""
    files: tuple[Path, ...]
    """Where its rows are, in their order."""
    counts: Counts
    n_resumed: int
    """Shards that were there from before."""
    n_screened: int
    """Crystals done in this run."""
    seconds: float
    """Of this run, by the clock on the wall."""
    stages: dict[str, float]
    """Seconds of one processor by stage, over all runs."""


def screen(
    source: Source,
    path: Path,
    spec: ScreenSpec,
    engine: Engine,
    *,
    model: str,
    precision: str = "float32",
    fresh: bool = False,
    tell: Tell = lambda _: None,
) -> ScreenResult:
    """Screen all shards of ``source`` into a folder, or into one file if ``path`` ends in
    ``.parquet``; a screening that was interrupted goes on, unless it is to be ``fresh``.

    ``engine`` does the work, ``model`` is the version of what predicts, in ``precision``, and
    ``tell`` is told of the crystals of shards that are there already. While a file is in the
    making, its shards are in a hidden folder beside it.

    Raises:
        InputError: the disk is full, or the folder holds another screening.
        BusyError: another process is at it.
    """
    start = time.monotonic()
    source.check_output(path)
    alone = path.suffix.lower() == ".parquet"
    folder = work_folder(path)
    with held(folder, "screening", "--output"):
        store = ShardStore(folder, _as_today, hidden=spec.best is not None)
        header = _header(source, spec, model, precision)
        store.begin(header, replaces=path.exists() if alone else False, fresh=fresh)
        n_resumed = len(store.done)
        n_left = sum(len(s) for s in source.shards if s.number not in store.done)
        tell(sum(len(shard) for shard in source.shards) - n_left)
        made_by = {"model": model, "precision": precision, **source.identity()}
        made_by["spec"] = header["spec"]
        metadata = {"galena": json.dumps(made_by)}
        with closing(engine(source.tasks(store.done))) as results:
            for result in results:
                store.add(result, metadata)
        counts, stages = store.totals()
        n = sum(len(shard) for shard in source.shards)
        if counts.given != n:
            raise InputError(
                f"{counts.given} of {n} crystals came back; start over: --force"
            )
        files = tuple(store.parts())
        if spec.best is not None:
            files = (folder / BEST,)
            best = best_of_parts(store.parts(), by=spec.by, k=spec.best, order=spec.order)
            _write(files[0], [best], metadata)
            lost = counts.missed.get(NOT_BEST, 0) + counts.written - best.num_rows
            missed = {**counts.missed, NOT_BEST: lost}
            counts = replace(counts, missed=missed, written=best.num_rows)
        store.finish(counts=asdict(counts), seconds=stages)
        if alone:
            whole = folder / WHOLE
            _write(whole, files, metadata)
            # It may be this very screening's, killed before it could clear up.
            if path.exists() and not store.replaces and not same_bytes(path, whole):
                raise InputError(
                    f"{path}: appeared while this was screened; move it away and run the "
                    "same command again"
                )
            whole.replace(path)
            sync_folder(path.parent)  # before the shards go
            files = (path,)
            store.clear()
    if alone:
        for name in LOCK_FILES:
            (folder / name).unlink(missing_ok=True)
        with suppress(OSError):  # someone put a file there, or began the next screening
            folder.rmdir()
    return ScreenResult(
        path, files, counts, n_resumed, n_left, time.monotonic() - start, stages
    )


def was_begun(path: Path) -> bool:
    """Whether a screening into this file or folder was begun and not finished."""
    return is_there(work_folder(path) / MANIFEST)


def work_folder(path: Path) -> Path:
    """Where the shards of a screening are kept until its file is complete, or for good."""
    if path.suffix.lower() != ".parquet":
        return path
    return path.with_name(f".{path.name}.parts")


def local_engine(
    screener: Screener, *, workers: int | None = None, tell: Tell = lambda _: None
) -> Engine:
    """The engine of this machine."""
    from campaigns.screening.local import screen_locally

    return lambda tasks: screen_locally(tasks, screener, workers=workers, tell=tell)


def ray_engine(
    recipe: Recipe, *, address: str, workers: int | None = None, tell: Tell = lambda _: None
) -> Engine:
    """The engine of a Ray cluster."""
    from campaigns.screening.ray import screen_on_ray

    return lambda tasks: screen_on_ray(
        tasks, recipe, address=address, workers=workers, tell=tell
    )


def _as_today(header: dict[str, Any], where: Path) -> dict[str, Any]:
    """An older screening's header with the keys that did not exist when it was begun."""
    found = SCREENING.upgraded(header, where)
    with suppress(ValidationError, TypeError):  # of other keys: the differences say which
        spec = ScreenSpec.model_validate(found.get("spec"))
        found["spec"] = spec.model_dump(mode="json", exclude=_PLACE)
    return found


def _header(source: Source, spec: ScreenSpec, model: str, precision: str) -> dict[str, Any]:
    """What must not change while a screening goes on."""
    return {
        **SCREENING.stamp(),
        "model": model,
        "precision": precision,
        "crystals": source.identity(),
        "spec": spec.model_dump(mode="json", exclude=_PLACE),
    }


def _write(path: Path, rows: Iterable[Path | pa.Table], metadata: dict[str, str]) -> None:
    """Put files or tables one after another into one file."""
    import pyarrow.parquet as pq

    with whole_file(path) as partial:
        writer = None
        try:
            for some in rows:
                table = pq.read_table(some) if isinstance(some, Path) else some
                table = table.replace_schema_metadata(metadata)
                if writer is None:
                    writer = pq.ParquetWriter(partial, table.schema, compression="zstd")
                writer.write_table(table)
        finally:
            if writer is not None:
                writer.close()
