from __future__ import annotations

import json

import pytest
import torch
from ase.build import bulk
from safetensors.torch import load_file, save_file

from materials.errors import InputError
from materials.provenance import file_sha256
from models.inference import Predictor
from models.pretrained import SHIPPED, load_bundle
from models.uncertainty.errors import ErrorModel
from tests.doubts import plain_doubt
from tests.models.samples import SHIPPED_CONFIG, SMALL, random_bundle


@pytest.fixture
def folder(tmp_path):
    random_bundle(tmp_path, net=SMALL, n_members=2)
    return tmp_path


def edit(folder, change) -> None:
    path = folder / "config.json"
    plain = json.loads(path.read_text())
    change(plain)
    path.write_text(json.dumps(plain))


def test_what_is_saved_is_loaded(folder, tmp_path):
    bundle = random_bundle(tmp_path / "other", net=SMALL, n_members=2)
    again = load_bundle(folder)
    assert again.manifest == bundle.manifest
    assert again.version == bundle.version
    assert again.version.startswith("untrained+")
    for one, other in zip(again.nets, bundle.nets, strict=True):
        for name, value in one.state_dict().items():
            assert torch.equal(value, other.state_dict()[name])


def test_other_weights_are_another_version(tmp_path):
    one = random_bundle(tmp_path / "one", net=SMALL, seed=1)
    other = random_bundle(tmp_path / "other", net=SMALL, seed=2)
    assert one.version != other.version


def test_a_smaller_model_leaves_no_old_members(folder):
    random_bundle(folder, net=SMALL, n_members=1)
    names = {path.name for path in folder.glob("*.safetensors")}
    assert names == {"member-1.safetensors", "doubt.safetensors"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["train"]["net"].update(n_headz=4), "n_headz'.* Did you mean"),
        (lambda c: c["train"]["net"]["graph"].pop("stretch"), "stretch' is missing"),
        (lambda c: c["train"].update(batch_size="many"), "train.batch_size"),
        (lambda c: c.update(format=99), "format 99"),
        (lambda c: c.pop("elements"), "elements"),
        (
            lambda c: c["members"].update({"../m": c["members"]["member-1.safetensors"]}),
            "no file",
        ),
        (
            lambda c: c["members"].update({"m-3": c["members"]["member-1.safetensors"]}),
            "m-3",
        ),
        (lambda c: c.update(members={}), "at least one, got none"),
        (lambda c: c["train"]["net"].update(atom_width=32), "not the first member's"),
        (
            lambda c: c["members"]["member-2.safetensors"]["net"].update(n_heads=3),
            "other t",
        ),
        (lambda c: c["members"]["member-2.safetensors"]["net"].update(n_blocks=1), "fit"),
        (lambda c: c["calibration"].pop("band_gap"), "calibration of band_gap is missing"),
        (
            lambda c: gap(c, "calibration").update(spread=[]),
            "calibration .* expected as many",
        ),
        (lambda c: gap(c, "calibration").update(factor=[-1.0]), "not negative"),
        (lambda c: gap(c, "calibration").update(floor=float("nan")), "calibration"),
        (lambda c: gap(c, "intervals").update(levels=[0.9]), "a row of factors per level"),
        (lambda c: gap(c, "intervals").update(edges=[0.2, 0.1]), "intervals"),
        (
            lambda c: c["train"]["net"]["graph"].update(n_nearest=0),
            "n_nearest of 1 to 1000",
        ),
        (
            lambda c: c["train"]["net"].update(n_blocks=-1),
            "n_blocks: -1; expected 1 to 512",
        ),
        (lambda c: c["train"]["scaling"]["unit"].update(band_gap=-1.0), "a unit above 0"),
        (lambda c: c.update(elements=[500]), "expected 1 to 118"),
        (lambda c: c["intervals"].pop("band_gap"), "intervals of band_gap is missing"),
    ],
)
def test_a_config_that_is_not_exactly_right_is_refused(folder, change, message):
    edit(folder, change)
    with pytest.raises(InputError, match=message):
        load_bundle(folder)


def gap(config, part):
    return config[part]["band_gap"]


def test_another_calibration_is_another_version(folder):
    before = load_bundle(folder).version
    edit(folder, lambda c: gap(c, "calibration").update(factor=[10.0]))
    assert load_bundle(folder).version != before


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"domain.centre": torch.zeros(3)}, "domain of shapes"),
        ({"domain.centroids": torch.zeros(0, 1)}, "domain of shapes"),
        ({"domain.extra": torch.zeros(1)}, "not a model's doubts"),
        (plain_doubt(3).tensors(), "of other networks: sizes"),
        (
            {f"errors.{k}": t for k, t in ErrorModel(5, 3, 4).state_dict().items()},
            "of other networks: sizes",
        ),
    ],
)
def test_doubts_of_something_else_are_refused(change, reason, folder):
    path = folder / "doubt.safetensors"
    save_file(load_file(path) | change, path)
    edit(folder, lambda c: c.update(doubt=file_sha256(path)))
    with pytest.raises(InputError, match=rf"doubt\.safetensors: .*{reason}"):
        load_bundle(folder)


def test_weights_that_were_swapped_are_noticed(folder):
    (folder / "member-2.safetensors").write_bytes(b"something else")
    with pytest.raises(InputError, match="SHA-256"):
        load_bundle(folder)


def test_folders_without_a_model_say_what_is_missing(tmp_path):
    with pytest.raises(InputError, match=r"config\.json"):
        load_bundle(tmp_path)
    (tmp_path / "config.json").write_text("{broken")
    with pytest.raises(InputError, match="expected JSON"):
        load_bundle(tmp_path)


def test_several_members_answer_as_one(folder):
    found = Predictor.load(folder).predict([bulk("Si")])
    assert found.errors == (None,)
    assert found.embedding.shape == (1, 2 * 2 * SMALL.atom_width)


@pytest.mark.skipif(not SHIPPED_CONFIG.exists(), reason="no weights in models/weights")
def test_the_shipped_model_is_small_carded_and_good_enough():
    manifest = load_bundle().manifest
    size = sum(path.stat().st_size for path in SHIPPED.iterdir())
    card = (SHIPPED / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert size <= 10_000_000
    for text in ("CC BY 4.0", "10.1063/1.4812323", manifest.training.sha256, "Limits"):
        assert text in card
    for target, metrics in manifest.metrics.items():
        assert f"{metrics.mae:.4f}" in card, target
        # three standard errors of a share that half of the rows set and the others check
        if target in manifest.train.net.binary:
            continue  # an outcome is 0 or 1: no share of its errors is within a deviation
        chance = 3 * (2 * 0.683 * 0.317 / metrics.doubt.rows) ** 0.5
        assert metrics.coverage.share == pytest.approx(0.683, abs=chance), target
        if metrics.doubt.rows > 1000:
            assert 0.88 <= metrics.doubt.covered["0.9"] <= 0.92, target
    assert manifest.domain.flagged <= 0.1
    assert manifest.metrics["band_gap"].doubt.rank_correlation >= 0.5
    assert manifest.metrics["band_gap"].doubt.saved >= 0.35
    assert manifest.metrics["band_gap"].mae <= 0.36
    assert manifest.metrics["formation_energy_per_atom"].mae <= 0.075
