"""Somebody else's program, well behaved and otherwise."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Structure

from campaigns.oracles.command import safe_name
from campaigns.oracles.guard import Guard
from campaigns.oracles.guarded import guarded
from campaigns.oracles.reply import parse_reply
from campaigns.oracles.specs import CommandSpec
from campaigns.protocols import Verdict
from campaigns.specs import parse_spec
from materials.errors import InputError
from tests.campaigns.oracles.contract import check_verdict, copper
from tests.campaigns.oracles.programs import GOOD, program

CU = copper()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["band_gap", "structure", "properties", "error", "n_steps", "x"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=300)
@given(text=st.text(max_size=40) | JSON.map(json.dumps))
def test_any_reply_is_a_verdict_or_a_named_failure(text: str) -> None:
    verdict = Guard(attempt=lambda c: parse_reply(text, c), name="any")(CU)
    check_verdict(verdict, CU, cost=1.0, name="any", origin=False)


@given(ids=st.lists(st.text(max_size=100), min_size=2, max_size=2, unique=True))
def test_file_names_are_safe_and_never_shared(ids: list[str]) -> None:
    names = [safe_name(name) for name in ids]
    assert len(set(names)) == 2
    assert all(n and "/" not in n and not n.startswith(".") and n.isascii() for n in names)


def run(spec_folder: Path, source: str, **changes: object) -> Verdict:
    return guarded(program(spec_folder, source, **changes), spec_folder)(CU)


@pytest.mark.parametrize("kind", ["cif", "poscar", "extxyz", "json"])
def test_the_program_reads_the_crystal_it_is_asked_about(kind: str, tmp_path: Path) -> None:
    source = (
        "import shutil, sys; shutil.copy(sys.argv[1], sys.argv[2]); "
        "print('{\"band_gap\": 1}')"
    )
    spec = program(tmp_path, source, format=kind)
    spec = spec.model_copy(update={"argv": (*spec.argv, str(tmp_path))})
    assert guarded(spec, tmp_path)(CU).error is None
    names = {"cif": "crystal.cif", "poscar": "POSCAR", "json": "crystal.json"}
    if kind == "extxyz":
        from ase.io import read

        assert len(read(tmp_path / "crystal.xyz")) == len(CU.structure)
    else:
        found = Structure.from_file(tmp_path / names[kind])
        assert found.matches(CU.structure)


def test_placeholders_are_filled_in_and_nothing_passes_a_shell(tmp_path: Path) -> None:
    source = (
        "import json, os, sys; print(json.dumps({'band_gap': 1, 'origin': "
        "json.dumps([sys.argv[1:], os.getcwd()])}))"
    )
    spec = program(tmp_path, source, keep=Path("kept"))
    argv = (*spec.argv, "{id}", "{folder}/x", "$HOME; rm -rf *", "{{id}}")
    verdict = guarded(spec.model_copy(update={"argv": argv}), tmp_path)(CU)
    (structure, name, inside, literal, braces), where = json.loads(verdict.origin)
    assert name == CU.id
    assert braces == "{" + CU.id + "}"
    assert literal == "$HOME; rm -rf *"
    assert inside == f"{where}/x"
    assert Path(structure).parent == Path(where)
    assert (tmp_path / "kept" / "Cu-1").is_dir()
    assert Path(structure).is_file(), "kept folders stay"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("print('nothing')", "not JSON"),
        ("", "the reply is empty"),
        ("print('[1]')", "a JSON list, expected an object"),
        ("print('{\"band_gap\": NaN}')", "NaN, which is no number"),
        ("print('{\"band_gap\": 1e999}')", "band_gap is inf"),
        ("print('{\"bandgap\": 1}')", "unknown key 'bandgap'. Did you mean 'band_gap'?"),
        ('print(\'{"band_gap": "1"}\')', "band_gap is '1', expected a number"),
        ("print('{\"band_gap\": true}')", "expected a number"),
        ('print(\'{"error": "would not\\\\nconverge"}\')', "would not converge"),
        ("print('{\"structure\": {}}')", "structure lacks"),
        ("import sys; sys.exit('no licence')", "exit code 1: no licence"),
        ("import os; os.kill(os.getpid(), 11)", "signal 11"),
        ("print('x' * 5000)", "printed more than 2,000 bytes"),
    ],
)
def test_what_the_program_does_wrong_is_named(
    source: str, message: str, tmp_path: Path
) -> None:
    assert message in str(run(tmp_path, source, max_output=2000).error)


def test_a_log_before_the_last_line_does_no_harm(tmp_path: Path) -> None:
    assert run(tmp_path, "print('starting')" + GOOD).band_gap == 1.5


@pytest.mark.parametrize(
    ("program_name", "message"),
    [
        ("pyton3", "pyton3: no such program on the PATH. Did you mean 'py"),
        ("./missing", "./missing: no such program; a relative path begins at {folder}"),
        ("program.py", "for the one in {folder} write ./program.py"),
    ],
)
def test_a_missing_program_is_named_before_anything_is_asked(
    program_name: str, message: str, tmp_path: Path
) -> None:
    spec = program(tmp_path, "").model_copy(update={"argv": (program_name, "{structure}")})
    with pytest.raises(InputError, match="oracle 'command'") as caught:
        guarded(spec, tmp_path)
    assert message.format(folder=tmp_path) in str(caught.value)


def test_a_program_that_cannot_be_started_is_named(tmp_path: Path) -> None:
    text = tmp_path / "no_program"
    text.write_text("hello")
    text.chmod(0o755)
    for argv in ((str(text), "{structure}"), ("./no_program", "{structure}")):
        spec = program(tmp_path, "").model_copy(update={"argv": argv})
        assert "cannot be started: Exec format error" in str(
            guarded(spec, tmp_path)(CU).error
        )


def test_files_among_the_arguments_are_found_from_the_working_folder(
    tmp_path: Path,
) -> None:
    source = (
        "import json, sys; print(json.dumps({'band_gap': 1, 'origin': "
        "json.dumps(sys.argv[1:])}))"
    )
    spec = program(tmp_path, source)
    (tmp_path / "fast").mkdir()
    rest = ("{structure}", "program.py", "./program.py", "fast", "other.py", "-x", "")
    argv = (*spec.argv[:2], "program.py", *rest)
    verdict = guarded(spec.model_copy(update={"argv": argv}), tmp_path)(CU)
    whole = str(tmp_path / "program.py")
    assert json.loads(verdict.origin)[1:] == [whole, whole, "fast", "other.py", "-x", ""]


def test_the_documented_example_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (Path(__file__).parents[3] / "docs" / "oracles.md").read_text("utf-8")
    page = page[page.index("\n## command\n") :]
    settings_text, script = re.findall(r"```(?:yaml|python)\n(.*?)```", page, re.DOTALL)[:2]
    (tmp_path / "gap.py").write_text(script)
    monkeypatch.chdir(tmp_path)
    spec = parse_spec(
        CommandSpec, settings_text.replace("oracle:\n", ""), name="page", keys="it"
    )
    assert spec.argv[:2] == ("python3", "gap.py")
    spec = spec.model_copy(update={"argv": (sys.executable, *spec.argv[1:])})
    verdict = guarded(spec, Path())(CU)
    assert verdict.error is None
    assert verdict.properties["density"] == pytest.approx(9.05, abs=0.05)


def test_exit_codes_that_may_pass_are_tried_again(tmp_path: Path) -> None:
    source = (
        "import sys; from pathlib import Path; flag = Path(sys.argv[0] + '.flag')\n"
        "if not flag.exists(): flag.touch(); sys.exit(75)\n" + GOOD
    )
    verdict = run(tmp_path, source, retries=1)
    assert verdict.error is None
    assert (verdict.attempts, len(verdict.failures)) == (2, 1)
    assert "exit code 75" in verdict.failures[0]


def test_at_the_time_limit_everything_that_was_started_is_killed(tmp_path: Path) -> None:
    source = (
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen(['sleep', '600'])\n"
        "open(sys.argv[0] + '.pid', 'w').write(str(child.pid))\n"
        "time.sleep(600)"
    )
    started = time.monotonic()
    verdict = run(tmp_path, source, time_limit=2.0)
    assert "no end after 2 s, killed" in str(verdict.error)
    assert time.monotonic() - started < 15.0
    grandchild = int((tmp_path / "program.py.pid").read_text())
    _wait_for(lambda: not _alive(grandchild))


def test_what_is_left_in_the_background_goes_when_the_program_does(tmp_path: Path) -> None:
    source = (
        "import subprocess, sys\n"
        "child = subprocess.Popen(['sleep', '600'])\n"
        "open(sys.argv[0] + '.pid', 'w').write(str(child.pid))\n" + GOOD
    )
    started = time.monotonic()
    assert run(tmp_path, source).error is None
    assert time.monotonic() - started < 15.0
    left = int((tmp_path / "program.py.pid").read_text())
    _wait_for(lambda: not _alive(left))


def test_a_program_does_not_outlive_a_campaign_that_was_killed(tmp_path: Path) -> None:
    up = tmp_path / "up"
    spec = program(tmp_path, f"import time; open({str(up)!r}, 'w'); time.sleep(60)")
    caller = (
        "import sys; from pathlib import Path\n"
        "from campaigns.oracles.process import Limits, run_program\n"
        f"run_program({list(spec.argv)!r}, Path({str(tmp_path)!r}), Limits())\n"
    )
    campaign = subprocess.Popen(
        [sys.executable, "-c", caller], cwd=Path(__file__).parents[3]
    )
    _wait_for(up.exists)
    ours = [pid for pid in _processes() if str(tmp_path / "program.py") in _command(pid)]
    ours.remove(campaign.pid)
    assert len(ours) == 2, "the watchdog and the program"
    campaign.kill()
    campaign.wait()
    _wait_for(lambda: not any(_alive(pid) for pid in ours))


def _wait_for(happened: Callable[[], bool]) -> None:
    for _ in range(300):
        if happened():
            return
        time.sleep(0.1)
    raise AssertionError("it did not happen within 30 s")


def _processes() -> list[int]:
    if not Path("/proc").is_dir():
        pytest.skip("no /proc here to find processes in")
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().split(")")[-1].split()[0] != "Z"
