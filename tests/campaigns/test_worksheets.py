"""Half a worksheet with bad rows comes back: good rows count, bad ones are named."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from typer.testing import CliRunner

from campaigns.cli.app import app
from campaigns.cli.show import ExitCode
from campaigns.config import CampaignConfig
from campaigns.evaluation.elsewhere import Elsewhere
from campaigns.evaluation.serial import SerialEvaluator
from campaigns.folder import CampaignFolder
from campaigns.judgements import ASKED, NOT_ASKED
from campaigns.loop import Machinery, run_campaign
from campaigns.results import open_view
from campaigns.worksheets import take_answers
from materials.errors import InputError
from tests.campaigns.fakes import FakeOracle, toy_config, toy_machinery

pytestmark = pytest.mark.usefixtures("without_study")

WANTED = [
    {"name": "band_gap", "unit": "eV", "min": 0, "max": 20},
    {"name": "energy_above_hull", "unit": "eV/atom"},
]
LAB = {"kind": "inbox", "name": "lab", "wanted": WANTED, "enough": 0.5}


def lab_config(**changes: object) -> CampaignConfig:
    return toy_config(oracle=LAB, **changes)


def go_on(config: CampaignConfig, folder: Path):
    plain = toy_machinery(config)
    machinery = Machinery(plain.proposer, (Elsewhere(),), plain.versions)
    return run_campaign(config, folder, machinery=machinery)


def sheet(folder: Path, number: int = 1, oracle: str = "lab") -> Path:
    return folder / "inbox" / oracle / f"round-{number:02d}" / "worksheet.csv"


def fill(path: Path, values: list[tuple[str, str]]) -> Path:
    """The first rows of a worksheet with gaps and distances from the hull."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        head, *rows = list(csv.reader(file))
    gap = next(i for i, title in enumerate(head) if title.startswith("band_gap"))
    hull = next(
        (i for i, title in enumerate(head) if title.startswith("energy_above")), gap
    )
    for row, (a, b) in zip(rows, values, strict=False):
        row[gap], row[hull] = a, b
    back = path.with_name("back.csv")
    with back.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([head, *rows[: len(values)]])
    return back


def galena(*words: object):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_half_comes_back_with_bad_rows_and_the_campaign_goes_on(tmp_path: Path) -> None:
    config, folder = lab_config(), tmp_path / "c"
    view = go_on(config, folder)
    assert view.status == "waiting"
    assert view.n_waiting == 4
    back = fill(
        sheet(folder), [("1.4", "0.02"), ("blue", "0.01"), ("1,6", "0.05"), ("99", "0.1")]
    )
    done = galena("campaign", "answers", folder, back)
    assert done.exit_code == ExitCode.PARTIAL, done.output
    told = done.stderr.replace("\n", " ")
    assert "row 3, band_gap 'blue'" in told
    assert "row 5, band_gap '99'" in told
    assert "2 answers of lab taken, 2 problems, 2 questions open" in done.stdout
    view = go_on(config, folder)  # half is enough: the next round is proposed
    assert len(view.rounds) == 2
    assert view.status == "waiting"
    assert sheet(folder, 2).exists()
    asked_again = set(open_view(folder).verdicts["candidate_id"])
    second = sheet(folder, 2).read_text(encoding="utf-8-sig")
    assert not any(name in second for name in asked_again)
    late = fill(sheet(folder), [("1.4", "0.02"), ("1.1", "0.01"), ("1.6", "0.05")])
    done = galena("campaign", "answers", folder, late)
    assert done.exit_code == 0
    assert "1 answer of lab taken, 2 known before" in done.stdout
    verdicts = open_view(folder).verdicts
    assert sorted(verdicts["band_gap"]) == [1.1, 1.4, 1.6]
    assert set(verdicts["round"]) == {1}


def test_a_worksheet_that_somebody_may_be_filling_in_is_left_alone(tmp_path: Path) -> None:
    config, folder = lab_config(), tmp_path / "c"
    go_on(config, folder)
    sheet(folder).write_text("half filled in")
    go_on(config, folder)
    assert sheet(folder).read_text() == "half filled in"


def test_everything_answered_the_campaign_finishes(tmp_path: Path) -> None:
    config, folder = lab_config(rounds=1), tmp_path / "c"
    go_on(config, folder)
    galena("campaign", "answers", folder, fill(sheet(folder), [("1.4", "0.02")] * 3))
    assert go_on(config, folder).status == "waiting"
    galena("campaign", "answers", folder, fill(sheet(folder), [("1.4", "0.02")] * 4))
    view = go_on(config, folder)
    assert view.status == "finished"
    assert len(view.shortlist) == 4


def test_a_correction_needs_to_be_meant_and_stays_on_record(tmp_path: Path) -> None:
    config, folder = lab_config(rounds=1), tmp_path / "c"
    go_on(config, folder)
    galena("campaign", "answers", folder, fill(sheet(folder), [("1.4", "0.02")]))
    other = fill(sheet(folder), [("3.0", "0.02")])
    refused = galena("campaign", "answers", folder, other)
    assert refused.exit_code == ExitCode.PARTIAL
    assert open_view(folder).verdicts["band_gap"].tolist() == [1.4]
    meant = galena("campaign", "answers", folder, other, "--replace")
    assert meant.exit_code == 0
    ledger = CampaignFolder(folder).open_existing()
    ((_, verdict),) = ledger.verdicts()
    ledger.close()
    assert verdict.band_gap == 3.0
    assert "replaced: " in verdict.failures[0]
    assert "band_gap 1.4" in verdict.failures[0]


def test_what_is_a_target_must_be_answered(tmp_path: Path) -> None:
    config, folder = lab_config(rounds=1), tmp_path / "c"
    go_on(config, folder)
    done = galena("campaign", "answers", folder, fill(sheet(folder), [("1.4", "")]))
    assert "energy_above_hull: is needed too" in done.stderr.replace("\n", " ")
    assert open_view(folder).verdicts.empty


def test_people_as_a_further_oracle_never_hold_the_campaign_up(tmp_path: Path) -> None:
    lab = {**LAB, "wanted": WANTED[:1]}
    config = toy_config(tiers=[{"best": 1, "oracle": lab}])
    plain = toy_machinery(config)
    machinery = Machinery(
        plain.proposer, (SerialEvaluator(FakeOracle()), Elsewhere()), plain.versions
    )
    folder = tmp_path / "c"
    view = run_campaign(config, folder, machinery=machinery)
    assert len(view.verdicts) == 12
    assert view.status == "waiting"
    assert view.n_waiting == 3
    standings = view.verdicts["standing"].value_counts().to_dict()
    assert standings == {ASKED: 3, NOT_ASKED: 9}
    asked = [sheet(folder, n).read_text(encoding="utf-8-sig") for n in (1, 2, 3)]
    assert len(set(asked)) == 3
    for number in (1, 2, 3):
        galena("campaign", "answers", folder, fill(sheet(folder, number), [("5.0",) * 2]))
    view = run_campaign(config, folder, machinery=machinery)
    assert view.status == "finished"
    refuted = view.verdicts[view.verdicts["standing"] == "refuted"]
    assert len(refuted) == 3
    assert not refuted["hit"].any()


def test_a_campaign_that_asks_nobody_takes_no_answers(tmp_path: Path) -> None:
    config = toy_config(rounds=1)
    run_campaign(config, tmp_path / "c", machinery=toy_machinery(config))
    ledger = CampaignFolder(tmp_path / "c").open_existing()
    with pytest.raises(InputError, match="asks nobody"):
        take_answers(config, ledger, tmp_path / "x.csv")
    ledger.close()


@pytest.mark.parametrize("budget", [{"oracle_calls": 2}, {"cost": 2000.0}])
def test_people_are_asked_no_more_than_can_be_paid_for(
    tmp_path: Path, budget: dict[str, float]
) -> None:
    config, folder = lab_config(budget=budget), tmp_path / "c"
    assert go_on(config, folder).n_waiting == 2
    assert go_on(config, folder).n_waiting == 2
    galena("campaign", "answers", folder, fill(sheet(folder), [("1.4", "0.02")] * 2))
    view = go_on(config, folder)
    assert view.status == "finished"
    assert len(view.verdicts) == 2


def test_answers_for_a_folder_without_a_campaign_make_no_folder(tmp_path: Path) -> None:
    answers = tmp_path / "a.csv"
    answers.write_text("candidate_id,band_gap\na,1\n")
    there = tmp_path / "there"
    there.mkdir()
    for folder in (tmp_path / "typo", there):
        done = galena("campaign", "answers", folder, answers)
        assert done.exit_code == 1
        assert "no campaign here" in done.output
    assert sorted(tmp_path.iterdir()) == [answers, there]
    assert list(there.iterdir()) == []
