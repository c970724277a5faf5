import os
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from campaigns.cli.app import app
from campaigns.config import CampaignConfig
from campaigns.consent import (
    ALLOW_VARIABLE,
    NotAllowedError,
    allow,
    check_allowed,
    programs_of,
    record_folder,
)
from campaigns.evaluation.work import recipe_of
from campaigns.machinery import machinery_of
from campaigns.progress import Silent

BASE = {
    "name": "handed-over",
    "elements": {"allowed": ["Zn", "S", "O"]},
    "targets": {"band_gap": {"min": 1.0, "max": 3.0}},
}
SCRIPT = "script.py"


@pytest.fixture(autouse=True)
def own_record(tmp_path, monkeypatch):
    """A record of the test's own, and nothing allowed by the environment."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv(ALLOW_VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    Path(SCRIPT).write_text("print('{}')")


def config(**oracle: object) -> CampaignConfig:
    return CampaignConfig.model_validate(BASE | {"oracle": oracle})


def command(*argv: str, **more: object) -> CampaignConfig:
    return config(kind="command", argv=[*argv, "{structure}"], **more)


KINDS = {
    "command": {"kind": "command", "argv": ["python3", SCRIPT, "{structure}"]},
    "script": {"kind": "dft", "recipe": "script", "script": {"path": SCRIPT}},
    "ase": {
        "kind": "dft",
        "recipe": "ase",
        "ase": {"calculator": "os.system", "arguments": {"command": "touch here"}},
    },
    "python": {"kind": "dft", "python": "./gpaw-python"},
}


def tier(oracle: dict[str, object]) -> CampaignConfig:
    return CampaignConfig.model_validate(BASE | {"tiers": [{"oracle": oracle}]})


@pytest.mark.parametrize("oracle", KINDS.values(), ids=list(KINDS))
def test_what_starts_a_program_is_refused_until_it_is_allowed(oracle):
    spec = tier(oracle)
    with pytest.raises(NotAllowedError, match=f"oracle '{spec.tiers[0].oracle.name}'"):
        check_allowed(spec)
    allow(programs_of(spec))
    check_allowed(spec)


@pytest.mark.parametrize(
    "oracle", [{"name": "second"}, {"kind": "dft"}, {"kind": "inbox"}, {"kind": "function"}]
)
def test_what_starts_nothing_of_others_needs_no_consent(oracle):
    assert programs_of(tier(oracle)) == ()


@given(
    st.lists(st.text(min_size=1), min_size=1, max_size=3),
    st.lists(st.text(min_size=1), min_size=1, max_size=3),
)
def test_other_words_are_other_programs_and_are_shown_without_controls(one, other):
    found = []
    for argv in (one, other):
        words = [part.replace("{", "(") for part in argv]
        (program,) = programs_of(command(*words))
        assert program.line.isprintable()
        found.append((words, program.digest))
    assert (found[0][0] == found[1][0]) == (found[0][1] == found[1][1])


def test_consent_ends_where_the_program_changes():
    spec = command("python3", SCRIPT)
    allow(programs_of(spec))
    Path(SCRIPT).write_text("print('{}') # and more")
    with pytest.raises(NotAllowedError):
        check_allowed(spec)


def test_consent_ends_where_another_program_has_the_name(tmp_path, monkeypatch):
    spec = command("true")
    allow(programs_of(spec))
    check_allowed(spec)
    other = tmp_path / "bin" / "true"
    other.parent.mkdir()
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", f"{other.parent}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(NotAllowedError):
        check_allowed(spec)


def test_the_environment_allows_one_program_or_all(monkeypatch):
    first, second = command("true"), command("false")
    (program,) = programs_of(first)
    monkeypatch.setenv(ALLOW_VARIABLE, f"0123,{program.digest}")
    check_allowed(first)
    with pytest.raises(NotAllowedError):
        check_allowed(second)
    monkeypatch.setenv(ALLOW_VARIABLE, "all")
    check_allowed(second)


@pytest.mark.parametrize("loose", ["file", "folder", "link"])
def test_a_record_that_others_could_have_written_counts_for_nothing(loose, tmp_path):
    spec = command("true")
    (program,) = programs_of(spec)
    allow([program])
    kept = record_folder() / program.digest
    if loose == "file":
        kept.chmod(0o666)
    elif loose == "folder":
        kept.parent.chmod(0o777)
    else:
        kept.rename(tmp_path / "elsewhere")
        kept.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NotAllowedError):
        check_allowed(spec)


def test_a_campaign_starts_nothing_before_consent(tmp_path):
    def equip(*_):
        raise AssertionError("loaded before consent")

    with (
        pytest.raises(NotAllowedError),
        machinery_of(command("true"), tmp_path, Silent(), "", equip=equip),
    ):
        pass


def test_a_worker_starts_nothing_that_only_the_database_names():
    facts = {"spec": command("true", name="remote").dump()}
    with pytest.raises(NotAllowedError, match="remote"):
        recipe_of(facts, "remote")
    allow(programs_of(command("true", name="remote")))
    assert recipe_of(facts, "remote").oracle == "remote"


def test_the_command_line_names_the_program_and_how_to_allow_it(tmp_path, monkeypatch):
    monkeypatch.setattr("campaigns.cli.campaign._run", lambda *_: pytest.fail("was begun"))
    spec = tmp_path / "given.yaml"
    made = tmp_path / "made"
    content = BASE | {
        "oracle": {"kind": "command", "argv": ["touch", str(made), "{id}{folder}"]}
    }
    spec.write_text(yaml.safe_dump(content))
    done = CliRunner().invoke(app, ["campaign", "run", str(spec)])
    assert done.exit_code == 1
    assert f"touch {made}" in done.output
    assert "--allow-commands" in done.output
    assert not made.exists()
    assert not (tmp_path / "runs").exists()


def test_the_option_keeps_consent(tmp_path, monkeypatch):
    import campaigns.cli.campaign as cli

    spec = tmp_path / "mine.yaml"
    spec.write_text(yaml.safe_dump(BASE | {"oracle": KINDS["command"]}))
    monkeypatch.setattr(cli, "_run", lambda *_: check_allowed(CampaignConfig.load(spec)))
    monkeypatch.setattr(cli, "_print_result", lambda *_: None)
    refused = CliRunner().invoke(app, ["campaign", "run", str(spec)])
    assert refused.exit_code == 1
    for options in (["--allow-commands"], []):
        done = CliRunner().invoke(app, ["campaign", "run", str(spec), *options])
        assert done.exit_code == 0, done.output
