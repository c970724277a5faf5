"""A specification is checked before anything is spent."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaigns.config import CampaignConfig
from materials.errors import InputError

GOOD = """
name: x
elements: {allowed: [Zn, S, Sn]}
targets: {band_gap: {min: 1.0, max: 2.0}}
"""
EXAMPLES = Path(__file__).parents[2] / "campaigns" / "examples"


def parse(text: str) -> CampaignConfig:
    return CampaignConfig.parse(text, name="spec.yaml")


def test_what_is_written_out_reads_back_equal() -> None:
    config = parse(GOOD)
    assert parse(config.dump()) == config


@pytest.mark.parametrize(
    "path",
    sorted(set(EXAMPLES.glob("*.yaml")) - set(EXAMPLES.glob("screen_*.yaml"))),
    ids=lambda p: p.name,
)
def test_shipped_examples_are_valid(path: Path) -> None:
    assert CampaignConfig.load(path).name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("max: 2.0", "max: 0.5"), "contradictory: min 1.0 eV is not below max 0.5 eV"),
        (("[Zn, S, Sn]", "[Zn, Xx]"), "'Xx' is not an element symbol"),
        (("[Zn, S, Sn]", "[]"), "elements.allowed"),
        (("allowed", "alowed"), "Did you mean 'allowed'?"),
        (("targets", "target"), "Did you mean 'targets'?"),
        (("Sn]", "Sn], forbidden: [Sn]"), "Sn both allowed and forbidden"),
        (("Sn]", "Zn]"), "Zn listed more than once"),
        (("name: x", "name: x\nbetter_than: {incumbent: CdTe, on: []}"), "better_than.on"),
        (
            ("name: x", "name: x\nbetter_than: {incumbent: CdTe, on: [toxcity]}"),
            "Did you mean 'toxicity'?",
        ),
        (
            ("name: x", "name: x\nbetter_than: {incumbent: Xyz, on: [cost]}"),
            "neither an incumbent",
        ),
        (
            ("2.0}", "2.0}, sustainability: {axes: {toxcity: 1}}"),
            "Did you mean 'toxicity'?",
        ),
        (("2.0}", "2.0}, sustainability: {axes: {cost: -1}}"), "sustainability.axes"),
        (("name: x", "name: x\nseed: 1\nseed: 2"), "'seed' is given twice"),
        (("name: x", "name: ../x"), "name: "),
        (("name: x", "name: x\nrounds: many"), "rounds: "),
        (
            ("name: x", "name: x\nbatch_size: 9000"),
            "batch_size 9000 exceeds the 2000 proposals of a round",
        ),
        (("[Zn, S, Sn]", "[Zn, S]"), "n_species asks for 3 elements"),
        (("max: 2.0", "max: .nan"), "band_gap"),
        (("name: x", "- x"), "not valid YAML"),
        (
            ("max: 2.0}", "max: 2.0, weight: 0}, energy_above_hull: {weight: 0}"),
            "nothing is",
        ),
    ],
)
def test_what_is_wrong_is_named(change: tuple[str, str], message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(GOOD.replace(*change))
    assert "spec.yaml" in str(caught.value)
    assert message in str(caught.value)


def test_python_objects_in_yaml_are_refused() -> None:
    with pytest.raises(InputError, match="not valid YAML"):
        parse("!!python/object/apply:os.system ['true']")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.yaml"):
        CampaignConfig.load(tmp_path / "nowhere.yaml")


def test_words_that_yaml_once_took_for_truths_are_words() -> None:
    text = GOOD.replace("Zn, S, Sn", "No, S, Y")
    config = parse(text + "better_than: {incumbent: CdTe, on: [toxicity]}\n")
    assert config.elements.allowed == ("No", "S", "Y")
    assert config.better_than is not None
    assert config.better_than.on == ("toxicity",)
    assert parse(config.dump()) == config


def test_a_key_with_nothing_behind_it_is_not_given() -> None:
    plain = parse(GOOD)
    assert parse(GOOD + "description:\nsearch:\nrounds:\nseed:\n") == plain
    with pytest.raises(InputError, match="targets: required, but not given"):
        parse("name: x\nelements: {allowed: [Zn, S, Sn]}\ntargets:\n")
    with pytest.raises(InputError, match="roundz: unknown key"):
        parse(GOOD + "roundz:\n")


@pytest.mark.parametrize("asks", ["1000", "1000.0", "1e3", "1.0e+3", "'1000'"])
def test_a_count_may_be_written_as_any_whole_number(asks: str) -> None:
    assert parse(GOOD + f"search: {{asks: {asks}}}\n").search.asks == 1000


@pytest.mark.parametrize("asks", ["1.5", "1.5e0", "1e-3", "1e99", "0x10", "1:30", "many"])
def test_what_is_no_count_is_refused(asks: str) -> None:
    with pytest.raises(InputError, match=r"search\.asks"):
        parse(GOOD + f"search: {{asks: {asks}}}\n")
