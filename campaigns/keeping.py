"""A pool that came in memory, kept in the campaign's folder for whoever goes on with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from campaigns.config import CampaignConfig
from campaigns.folder import POOL, CampaignFolder, has_begun
from materials.errors import InputError
from materials.intake import Crystals, crystals_of
from materials.table import CrystalTable

_FILE = "crystals.parquet"
_SHOWN = 3


def pool_of(pool: Any, place: CampaignFolder) -> tuple[Path | None, CrystalTable | None]:
    """Where a specification finds its pool, and what is still to be written there.

    Raises:
        InputError: something in it is no crystal; a pool is not thinned out in silence.
    """
    if pool is None:
        return None, None
    if isinstance(pool, str | Path):
        return Path(pool), None
    found = crystals_of(pool)
    _refuse_bad(found)
    table = CrystalTable.from_structures(found.good.values(), ids=list(found.good))
    return _as_begun(place) or place.pool / _FILE, table


def found_in(place: CampaignFolder, config: CampaignConfig) -> CampaignConfig:
    """The specification with its own pool where it lies now.

    A campaign's folder may have moved, or be read from another working directory than the one
    in which it began.
    """
    if config.pool is None or not _is_own(config.pool.table) or config.pool.table.exists():
        return config
    here = place.pool / _FILE
    if not here.exists():
        return config
    pool = config.pool.model_copy(update={"table": here})
    return config.model_copy(update={"pool": pool})


def _is_own(table: Path) -> bool:
    return table.parts[-2:] == (POOL, _FILE)


def _as_begun(place: CampaignFolder) -> Path | None:
    """How a campaign that has begun names the pool in its folder."""
    if not place.ledger.exists():
        return None
    ledger = place.open_existing()
    try:
        said = (ledger.get("spec") or {}).get("pool") or {}
        table = Path(str(said.get("table", "")))
        return table if has_begun(ledger) and _is_own(table) else None
    finally:
        ledger.close()


def write_pool(table: CrystalTable, place: CampaignFolder) -> None:
    """Write the crystals where the specification says they are; the folder is held.

    Raises:
        InputError: others are there, which the campaign began with.
    """
    path = place.pool / _FILE
    if path.exists() and _rows(CrystalTable.open(path)) == _rows(table):
        return
    if path.exists() and _begun(place):
        raise InputError(
            f"{path}: the campaign has other crystals to choose from than were given; "
            "leave pool out to go on with its own, or start in a new folder"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    table.write(path)


def _begun(place: CampaignFolder) -> bool:
    if not place.ledger.exists():
        return False
    ledger = place.open_existing()
    try:
        return has_begun(ledger)
    finally:
        ledger.close()


def _rows(table: CrystalTable) -> list[tuple[str, bytes, bytes, bytes]]:
    return [
        (
            row.material_id,
            row.atomic_numbers.tobytes(),
            row.frac_coords.tobytes(),
            row.lattice.tobytes(),
        )
        for row in table.rows()
    ]


def _refuse_bad(found: Crystals) -> None:
    bad = [f"{name}: {why}" for name, why in found.failures.items()]
    if bad:
        more = f" and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
        raise InputError(
            f"pool: {len(bad)} of {len(found)} are no crystals that can be chosen, "
            f"{'; '.join(bad[:_SHOWN])}{more}. Leave them out: "
            "crystals_of(pool).good has the others"
        )
