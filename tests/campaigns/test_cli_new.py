from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from campaigns.cli.app import app
from campaigns.cli.show import ExitCode
from campaigns.config import CampaignConfig
from campaigns.elements import SYMBOLS
from materials.sustainability.columns import AXES

NAMES = st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,20}\Z")


def new(*arguments: str) -> Result:
    return CliRunner().invoke(
        app, ["campaign", "new", *arguments], env={"LANG": "C", "LANGUAGE": ""}
    )


@settings(deadline=None, max_examples=20, phases=[Phase.explicit, Phase.generate])
@given(
    name=NAMES,
    elements=st.lists(st.sampled_from(SYMBOLS), min_size=1, max_size=12, unique=True),
    low=st.floats(0.0, 9.0).map(lambda x: round(x, 3)),
    width=st.floats(0.1, 9.0).map(lambda x: round(x, 3)),
    hull=st.floats(0.001, 2.0),
    joint=st.sampled_from([",", " ", ", "]),
)
def test_what_is_written_says_what_was_asked(
    name: str, elements: list[str], low: float, width: float, hull: float, joint: str
) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "spec.yaml"
        high = low + width
        asked = ["--elements", joint.join(elements), "--gap", f"{low}:{high}"]
        done = new(name, *asked, "--hull", str(hull), "-o", str(path))
        assert done.exit_code == ExitCode.OK, done.output
        written = CampaignConfig.load(path)
    assert written.name == name
    assert list(written.elements.allowed) == elements
    assert (written.targets.band_gap.min, written.targets.band_gap.max) == (low, high)
    assert written.targets.energy_above_hull.max == pytest.approx(hull, rel=1e-5)
    assert max(written.search.n_species) <= max(len(elements), 1)


def test_an_incumbent_is_to_be_beaten_on_the_axes_named(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    new(
        *("x", "--elements", "Cu,Zn,Sn,S", "--gap", "1:2", "--forbid", "Pb,Cd"),
        *("--better-than", "CdTe", "--on", "toxicity,companion", "-o", str(path)),
    )
    written = CampaignConfig.load(path)
    assert written.better_than is not None
    assert written.better_than.incumbent == "CdTe"
    assert written.better_than.on == ("toxicity", "companion")
    assert {"toxicity", "companion"} <= set(AXES)
    assert written.elements.forbidden == ("Pb", "Cd")


def test_it_names_the_next_command_as_a_shell_takes_it(tmp_path: Path) -> None:
    path = tmp_path / "with space.yaml"
    done = new("x", "--elements", "Zn,S", "--gap", "1:2", "-o", str(path))
    assert f"galena campaign run '{path}' --dry" in done.stdout
    assert "at most 80 relaxations" in done.stdout


@pytest.mark.parametrize(
    ("elements", "told"), [("Zn,Sn,S,P", False), ("Zn,S,Re", True)], ids=["ours", "others"]
)
def test_it_tells_when_competing_phases_are_to_be_computed(
    tmp_path: Path, elements: str, told: bool
) -> None:
    done = new("x", "--elements", elements, "--gap", "1:2", "-o", str(tmp_path / "x.yaml"))
    assert ("do not come with Galena" in done.stdout) is told


@pytest.mark.parametrize(
    ("elements", "told"),
    [
        ("Zn,S", ""),
        ("Si", "with Si alone"),
        ("Zn,He,S", "oxidation states are known of He"),
    ],
)
def test_it_warns_of_what_will_hardly_lead_to_a_hit(
    tmp_path: Path, elements: str, told: str
) -> None:
    done = new("x", "--elements", elements, "--gap", "1:2", "-o", str(tmp_path / "x.yaml"))
    assert done.exit_code == ExitCode.OK
    assert told in done.stderr
    assert bool(done.stderr) == bool(told)
    assert "1 elements" not in done.stdout


def test_another_file_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("years of work")
    done = new("x", "--elements", "Zn,S", "--gap", "1:2", "-o", str(path))
    assert done.exit_code == ExitCode.ERROR
    assert "exists already" in done.stderr
    assert path.read_text() == "years of work"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["x", "--elements", "Zn,Sx", "--gap", "1:2"], "'Sx' is not an element symbol"),
        (["x", "--elements", "Zn,S", "--gap", "2:1"], "min 2.0 eV is not below max 1.0"),
        (["x", "--elements", "Zn,S", "--gap", "1-2"], "--gap '1-2' is no window"),
        (["x", "--elements", "Zn,S", "--gap", "1:2:3"], "is no window"),
        (["x y", "--elements", "Zn,S", "--gap", "1:2"], "name: "),
        (["x", "--elements", "Zn,Pb", "--gap", "1:2", "--forbid", "Pb"], "Pb both"),
        (
            ["x", "--elements", "Zn,S", "--gap", "1:2", "--better-than", "Unobtainium"],
            "better_than",
        ),
        (["x", "--elements", "Zn,S", "--gap", "1:2", "-o", "no/x.yaml"], "no such folder"),
        (["x", "--elements", "zn,S", "--gap", "1:2"], "Did you mean 'Zn'"),
        (["x", "--elements", "Zn,s", "--gap", "1:2"], "Did you mean 'S'"),
        (["x", "--elements", "Zn,S", "--gap", "1:2", "--on", "toxicity"], "--better-than"),
        (
            ["x", "--elements", "Zn,S", "--gap", "1:2", "-o", "/dev/null/x.yaml"],
            "cannot be written: Not a directory",
        ),
    ],
    ids=[
        "element",
        "window",
        "no window",
        "three ends",
        "name",
        "both",
        "incumbent",
        "folder",
        "case",
        "case of one letter",
        "axes of nothing",
        "unwritable",
    ],
)
def test_what_cannot_be_is_told_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = new(*arguments)
    assert done.exit_code == ExitCode.ERROR
    assert told in done.stderr
    assert list(tmp_path.iterdir()) == []
