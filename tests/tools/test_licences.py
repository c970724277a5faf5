"""Every dependency and every file that ships has a licence that somebody looked at."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("license_expression")
pytest.importorskip("cyclonedx.validation.json")

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tools() -> Iterator[dict[str, ModuleType]]:
    """The scripts, which import each other as neighbours."""
    sys.path.insert(0, str(ROOT / "tools"))
    names = ("licences", "licence_terms", "lock", "sbom")
    yield {name: importlib.import_module(name) for name in names}
    sys.path.remove(str(ROOT / "tools"))
    for name in names:
        del sys.modules[name]


def row(tools: dict[str, ModuleType], licence: str, lock: str = "runtime") -> str:
    made = tools["licences"].Row(name="ore", version="1", lock=lock, licence=licence)
    return tools["licences"].kind(made)


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        ("MIT", "permissive"),
        ("MIT AND MPL-2.0", "weak copyleft"),
        ("GPL-3.0-or-later OR MIT", "permissive"),
        ("GPL-3.0-or-later AND MIT", ""),
        ("GPL-3.0-or-later", ""),
        ("AGPL-3.0-only", ""),
        ("CC-BY-NC-4.0", ""),
        ("LicenseRef-NVIDIA-Proprietary", ""),
        ("", ""),
        ("Apache-2.0 WITH LLVM-exception", "permissive"),
    ],
)
def test_a_licence_is_sorted(
    tools: dict[str, ModuleType], licence: str, expected: str
) -> None:
    assert row(tools, licence) == expected


def test_gpl_stays_where_it_is_compiled_on_demand(tools: dict[str, ModuleType]) -> None:
    assert row(tools, "GPL-3.0-or-later", lock="gpaw") == "confined"
    assert row(tools, "GPL-3.0-or-later", lock="dev") == ""


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("MIT License", "MIT"),
        ("apache 2.0", "Apache-2.0"),
        ("LGPLv3 or BSD", "LGPL-3.0-only OR BSD-3-Clause"),
        ("BSD", ""),
        ("a text\nof many lines", ""),
        ("", ""),
    ],
)
def test_metadata_is_read_as_spdx(
    tools: dict[str, ModuleType], field: str, expected: str
) -> None:
    assert tools["licences"].normalised(field) == expected


def test_what_may_be_installed_has_an_allowed_licence(tools: dict[str, ModuleType]) -> None:
    licences = tools["licences"]
    # a library that is in the locks but not installed here says nothing
    rows = [
        row for row in licences.rows() if row.licence or licences.is_installed(row.name)
    ]
    assert len(rows) > 100
    assert [row for row in rows if not licences.kind(row)] == []
    assert {"numpy", "ase", "torch"} <= {row.name for row in rows}


def test_problems_name_the_unknown_and_the_forbidden(
    tools: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = {**tools["licence_terms"].READ, "ase": "AGPL-3.0-only", "six": ""}
    monkeypatch.setattr(tools["licence_terms"], "READ", read)
    found = "\n".join(tools["licences"].problems())
    assert "AGPL-3.0-only is not allowed in the lock runtime" in found
    assert "six 1.17.0: its licence is unknown" in found
    assert "docs/licences.md is not of today" in found


def test_every_lock_has_its_licences_on_the_page(tools: dict[str, ModuleType]) -> None:
    on_page = {lock for locks in tools["licences"].GROUPS.values() for lock in locks}
    there = {path.stem for path in (ROOT / "tools" / "locks").glob("*.txt")}
    assert there - on_page == {"torch-cpu"}  # another build of torch


def test_page_lists_what_the_locks_have(tools: dict[str, ModuleType]) -> None:
    page = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8")
    for name, version, _ in tools["licences"].locked():
        assert f"| {name} | {version} |" in page
    assert tools["licences"].data_table() in page


def test_every_file_that_ships_has_terms(tools: dict[str, ModuleType]) -> None:
    sbom, terms = tools["sbom"], tools["licence_terms"]
    files = list(sbom.shipped())
    assert len(files) > 20
    found = {sbom.terms_of(path) for path in files}
    assert {"Apache-2.0", "CC-BY-4.0", "CC-BY-NC-4.0"} <= found
    declared = (
        tools["licences"]
        .spdx()
        .license_keys(
            next(
                line.partition('"')[2].rstrip('"')
                for line in (ROOT / "pyproject.toml").read_text().splitlines()
                if line.startswith("license = ")
            )
        )
    )
    sent = found - terms.NOT_DISTRIBUTED
    assert {key for each in sent for key in each.split(" AND ")} == set(declared)


def test_bill_of_materials_fits_its_schema(tools: dict[str, ModuleType]) -> None:
    sbom = tools["sbom"]
    bom = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {},
        "components": [
            {"type": "library", "bom-ref": f"{name}==1", "name": name, "version": "1"}
            for name in ("numpy", "Jinja2", "pytest", "galena-materials", "elsewhere")
        ],
        "dependencies": [
            {"ref": "root-component", "dependsOn": ["numpy==1", "galena-materials==1"]}
        ],
    }
    done = sbom.complete(bom)
    named = {each["name"]: each for each in done["components"]}
    assert named["numpy"]["scope"] == named["Jinja2"]["scope"] == "required"
    assert named["pytest"]["scope"] == "optional"
    assert named["elsewhere"]["scope"] == "excluded"
    assert "galena-materials" not in named
    assert named["numpy"]["properties"][0]["value"] == "tools/locks/runtime.txt"
    weights = named["models/weights/fast/member-1.safetensors"]
    assert weights["type"] == "machine-learning-model"
    assert weights["hashes"][0]["content"] == sbom.sha256(Path(weights["name"]))
    assert not [name for name in named if "companion_fractions" in name]
    assert done["dependencies"][0]["dependsOn"][0] == "numpy==1"
    assert sbom.validated(json.dumps(done)) is None
    named["numpy"]["scope"] = "somewhere"
    assert sbom.validated(json.dumps(done)) is not None


def test_tools_say_what_they_do() -> None:
    for name in ("licences", "sbom", "install_locked", "lock"):
        command = [sys.executable, str(ROOT / "tools" / f"{name}.py"), "--help"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
