"""The packages are ours, whole when installed, and light to import."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from importlib import import_module
from pathlib import Path

import pytest

from materials.sustainability.facts import absence, load_facts

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("materials", "models", "campaigns")
NOT_DATA = {".py", ".pyc"}
NOT_FOR_COMMERCE = {
    "materials/sustainability/data/companion_fractions.csv",
    "materials/sustainability/data/recycling_unep.csv",
}


@pytest.mark.parametrize("name", PACKAGES)
def test_each_package_is_the_one_of_this_repository(name: str) -> None:
    assert Path(str(import_module(name).__file__)).resolve().parent == ROOT / name


def test_tests_hide_no_package() -> None:
    # tests/models/__init__.py would take the place of models; without tests/__init__.py, a
    # package `tests` that a distribution brings, as optimade does, would take that of ours
    assert list((ROOT / "tests").rglob("__init__.py")) == [ROOT / "tests" / "__init__.py"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.glob("galena_materials-*.whl")
    return zipfile.Path(path)


def test_wheel_holds_every_data_file(wheel: zipfile.Path) -> None:
    inside = set(wheel.root.namelist())
    tracked = subprocess.run(
        ["git", "ls-files", *PACKAGES],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    if tracked.returncode:
        pytest.skip("not a git checkout: nothing says which files belong to the package")
    expected = {name for name in tracked.stdout.split() if (ROOT / name).exists()}
    assert expected >= NOT_FOR_COMMERCE
    expected -= NOT_FOR_COMMERCE
    assert any(Path(name).suffix not in NOT_DATA for name in expected)
    assert expected - inside == set()


def test_wheel_holds_nothing_that_forbids_commercial_use(wheel: zipfile.Path) -> None:
    assert NOT_FOR_COMMERCE.isdisjoint(wheel.root.namelist())


def test_facts_of_the_wheel_say_what_is_unknown(
    wheel: zipfile.Path, tmp_path: Path
) -> None:
    folder = "materials/sustainability/data/"
    for name in wheel.root.namelist():
        if name.startswith(folder) and not name.endswith("/"):
            (tmp_path / Path(name).name).write_bytes(wheel.root.read(name))
    facts = load_facts(tmp_path)
    assert set(facts.absent) == {Path(name).name for name in NOT_FOR_COMMERCE}
    assert "companion dependence unknown" in " ".join(absence(facts))


def test_wheel_brings_our_packages_and_no_other(wheel: zipfile.Path) -> None:
    tops = {name.split("/")[0] for name in wheel.root.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)


@pytest.mark.parametrize("name", PACKAGES)
def test_no_other_distribution_claims_our_names(wheel: zipfile.Path, name: str) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(wheel.root.filename)!r})\n"
        "from importlib.metadata import packages_distributions\n"
        f"print(*sorted(set(packages_distributions()[{name!r}])))"
    )
    command = [sys.executable, "-P", "-c", code]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["galena-materials"]


def test_wheel_brings_the_command_and_the_licence(wheel: zipfile.Path) -> None:
    (info,) = (part for part in wheel.iterdir() if part.name.endswith(".dist-info"))
    assert "galena = campaigns.cli.app:main" in (info / "entry_points.txt").read_text()
    licence = (info / "licenses" / "LICENSE").read_text()
    assert licence == (ROOT / "LICENSE").read_text()


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("materials", {"torch", "pymatgen", "ase", "pandas"}),
        ("materials.table", {"torch", "mlflow", "optuna"}),
        ("models", {"torch"}),
        ("campaigns", {"torch", "mlflow", "optuna", "pandas", "pymatgen", "matplotlib"}),
        ("materials.intake", {"torch", "mlflow", "pandas", "pymatgen", "ase"}),
        ("campaigns.config", {"torch", "mlflow", "optuna", "chgnet"}),
        (
            "campaigns.cli.app",
            {"torch", "mlflow", "optuna", "chgnet", "pymatgen", "pandas", "matplotlib"},
        ),
    ],
)
def test_light_imports_stay_light(module: str, heavy: set[str]) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert heavy & set(done.stdout.split()) == set()


def test_every_requirement_is_pinned() -> None:
    import re
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    wanted = [*project["dependencies"], *(item for extra in extras for item in extra)]
    names = {re.split(r"[<>=\[]", item)[0].lower() for item in wanted} - {project["name"]}
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {line.split("==")[0] for line in lines if not line.startswith("#")}
    assert names - pinned == set()


def test_no_cuda_library_is_pinned() -> None:
    # one file serves machines with a GPU and without
    text = (ROOT / "constraints.txt").read_text()
    assert "-cu1" not in text
    assert "+cpu" not in text
