"""What a worker checks is what oracles' answers depend on, not where candidates come from."""

from __future__ import annotations

from pathlib import Path

import pytest
from pymatgen.core import Lattice, Structure

from campaigns.config import CampaignConfig
from campaigns.consent import ALLOW_VARIABLE
from campaigns.evaluation.recipe import OracleRecipe
from campaigns.evaluation.serial import SerialEvaluator
from campaigns.folder import CampaignFolder
from campaigns.machinery import machinery_of
from campaigns.progress import Silent
from materials.errors import InputError
from materials.table import CrystalTable
from models.potentials import load_potential


def everything(folder: Path) -> CampaignConfig:
    """A specification that names a file wherever it can."""
    places = [[0, 0, 0], [0.25, 0.25, 0.25]]
    crystal = Structure.from_spacegroup("F-43m", Lattice.cubic(5.4), ["Zn", "S"], places)
    CrystalTable.from_structures([crystal], ids=["a"]).write(folder / "pool.parquet")
    (folder / "known.csv").write_text("formula\nCuAu\n")
    origin = load_potential("emt").origin
    (folder / "own.csv").write_text(f"formula,energy_per_atom,origin\nCu,-3.0,{origin}\n")
    (folder / "mine.py").write_text("pass\n")
    script = {"path": str(folder / "mine.py")}
    references = {"table": str(folder / "own.csv")}
    return CampaignConfig.model_validate(
        {
            "name": "everything",
            "elements": {"allowed": ["Zn", "S", "Se"]},
            "targets": {
                "band_gap": {"min": 1, "max": 2},
                "energy_above_hull": {"max": 0.1},
            },
            "pool": {"table": str(folder / "pool.parquet")},
            "search": {"asks": 0},
            "known": [str(folder / "known.csv")],
            "generators": [{"kind": "substitution", "table": str(folder / "pool.parquet")}],
            "model": "fast",
            "oracle": {"kind": "potential", "potential": "emt", "references": references},
            "tiers": [
                {
                    "oracle": {"kind": "dft", "recipe": "script", "script": script},
                    "best": 1,
                }
            ],
        }
    )


def test_a_worker_makes_every_oracle_of_a_campaign_with_files_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ALLOW_VARIABLE, "all")
    config, recipes = everything(tmp_path), []

    def where(recipe: OracleRecipe, campaign_id: str) -> SerialEvaluator:
        recipes.append(recipe)
        return SerialEvaluator(recipe.build())

    place = CampaignFolder(tmp_path / "campaign")
    with machinery_of(config, place, Silent(), "", where=where) as machinery:
        named = machinery.versions.keys()
    assert {"pool", "known formulas", "generator 1"} <= named
    files = {"oracle potential references", "oracle dft script"}
    assert files <= named
    for recipe in recipes:
        assert files <= recipe.versions.keys()
        assert not {"pool", "known formulas", "generator 1"} & recipe.versions.keys()
    (tmp_path / "mine.py").write_text("raise SystemExit\n")
    with pytest.raises(InputError, match="runs with oracle dft script"):
        recipes[0].build()
