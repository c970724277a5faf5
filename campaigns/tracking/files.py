"""A campaign's files in MLflow: those that open in its page, and those to take away.

They are laid out in a folder first. What a run has already, by the digest of all of it, is not
sent again, and neither are crystals, which do not change.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pandas as pd
import yaml

from campaigns.reports.crystals import cif
from campaigns.view import CampaignView, decomposition_text
from materials.harmless import cells

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

TABLES_TAG = "mlflow.loggedArtifacts"
"""Which files MLflow's page shows as tables."""
DIGEST_TAG = "galena.files"
CRYSTALS = "structures"

SHORTLIST_SHOWN = (
    *("rank", "formula", "known", "prototype", "band_gap", "band_gap_std"),
    *("energy_above_hull", "formation_energy_per_atom", "decomposition", "score", "round"),
)
ROUNDS_SHOWN = (
    *("round", "n_asked", "n_valid", "n_evaluated", "n_failed", "n_hits", "n_hits_total"),
    *("best_score", "mean_abs_residual", "coverage", "seconds"),
)
VERDICTS_SHOWN = (
    *("order", "formula", "prototype", "hit", "band_gap", "band_gap_std"),
    *("energy_above_hull", "predicted_band_gap", "predicted_energy_above_hull", "error"),
)


def log_campaign_files(
    client: MlflowClient,
    run_id: str,
    tags: Mapping[str, str],
    view: CampaignView,
    report_folder: Path | None,
) -> None:
    """Everything of the parent run that is a file; ``tags`` are those that it has."""
    with TemporaryDirectory(prefix="galena-") as temporary:
        folder = Path(temporary)
        spec = yaml.safe_dump(dict(view.spec), sort_keys=False, allow_unicode=True)
        (folder / "campaign.yaml").write_text(spec, encoding="utf-8")
        names = ["candidates", "verdicts", "rejections", "rounds", "shortlist"]
        if not view.confirmations.empty:
            names.append("confirmations")
        _write_parquet(folder, {name: getattr(view, name) for name in names})
        shortlist = _plain(view.shortlist)
        cells(shortlist).to_csv(folder / "shortlist.csv", index=False)
        shown = {
            "shortlist.json": shortlist[list(SHORTLIST_SHOWN)],
            "rounds.json": view.closed_rounds()[list(ROUNDS_SHOWN)],
        }
        _write_shown(folder, shown)
        _write_crystals(folder / CRYSTALS, view)
        if report_folder is not None and report_folder.is_dir():
            shutil.copytree(report_folder, folder / "report")
        digest = _digest(folder)
        if tags.get(DIGEST_TAG) == digest:
            return
        for file in client.list_artifacts(run_id, CRYSTALS):
            there = folder / file.path
            if there.is_file() and there.stat().st_size == file.file_size:
                there.unlink()
        client.log_artifacts(run_id, str(folder))
        _tag_tables(client, run_id, shown)
        client.set_tag(run_id, DIGEST_TAG, digest)


def log_round_files(
    client: MlflowClient, run_id: str, view: CampaignView, number: int
) -> None:
    """The candidates chosen in one round, and the verdicts.

    Those passed over are in the campaign's own table: they may be chosen in a later round.
    """
    chosen = view.candidates[view.candidates["chosen"].astype(bool)]
    tables = {
        name: table[table["round"] == number]
        for name, table in (("candidates", chosen), ("verdicts", view.verdicts))
    }
    shown = {"verdicts.json": tables["verdicts"][list(VERDICTS_SHOWN)]}
    with TemporaryDirectory(prefix="galena-") as temporary:
        folder = Path(temporary)
        _write_parquet(folder, tables)
        _write_shown(folder, shown)
        client.log_artifacts(run_id, str(folder))
    _tag_tables(client, run_id, shown)


def _write_parquet(folder: Path, tables: Mapping[str, pd.DataFrame]) -> None:
    (folder / "tables").mkdir()
    for name, table in tables.items():
        _plain(table).to_parquet(folder / "tables" / f"{name}.parquet", index=False)


def _write_shown(folder: Path, tables: Mapping[str, pd.DataFrame]) -> None:
    """As ``MlflowClient.log_table`` writes, which would add to a table that is there."""
    for name, table in tables.items():
        rounded = table.infer_objects().round(4)
        text = rounded.to_json(orient="split", index=False)
        (folder / name).write_text(text, encoding="utf-8")


def _write_crystals(folder: Path, view: CampaignView) -> None:
    folder.mkdir()
    for row in view.shortlist.itertuples():
        name = (
            safe_name(f"{row.formula}_{row.candidate_id}") + ".cif"
        )  # ranks change, ids do not
        (folder / name).write_text(cif(view.structure(row.candidate_id)), encoding="utf-8")


def safe_name(name: str) -> str:
    """The name as a file's, still unlike every other: ids of a pool may be anything."""
    plain = re.sub(r"[^\w.+-]", "_", name, flags=re.ASCII)[:120]
    if plain == name and not plain.startswith("."):
        return name
    return f"{plain.lstrip('.')}-{sha256(name.encode()).hexdigest()[:8]}"


def _tag_tables(client: MlflowClient, run_id: str, names: Mapping[str, object]) -> None:
    tables = [{"path": name, "type": "table"} for name in names]
    client.set_tag(run_id, TABLES_TAG, json.dumps(tables))


def _digest(folder: Path) -> str:
    """Of the names and contents of all files."""
    digest = sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(folder)}\0".encode())
        digest.update(sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    """The table with decompositions as text, which every reader of Parquet understands."""
    if "decomposition" not in table.columns:
        return table
    return table.assign(decomposition=table["decomposition"].map(decomposition_text))
