from __future__ import annotations

import dataclasses
import json
import re
import shutil
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from campaigns.elements import SYMBOLS
from campaigns.oracles.shipped import SHIPPED
from campaigns.tracking import (
    PARENT_TAG,
    ROUND_TAG,
    Tracker,
    TrackingError,
    database_path,
    flat,
    free_port,
    round_metrics,
    ui_command,
    ui_environment,
)
from campaigns.tracking.datasets import tables_of
from campaigns.tracking.facts import between_dashes, params_of
from campaigns.tracking.files import safe_name
from campaigns.versions import galena_version
from materials.provenance import file_sha256
from tests.campaigns import stored
from tests.campaigns.views import SPEC, VERSIONS, empty_view, make_view

pytestmark = pytest.mark.usefixtures("copied_databases")

WRITES = (
    *("create_experiment", "create_run", "log_batch", "log_inputs", "log_artifacts"),
    *("set_tag", "set_terminated"),
)


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory) -> Path:
    """A database with MLflow's tables and nothing in them; making one takes seconds."""
    from mlflow.tracking import MlflowClient

    file = tmp_path_factory.mktemp("template") / "mlflow.db"
    MlflowClient(tracking_uri=f"sqlite:///{file}").search_experiments()
    return file


@pytest.fixture
def tracker(empty_database, tmp_path) -> Tracker:
    return fresh(empty_database, tmp_path)


def fresh(template: Path, folder: Path) -> Tracker:
    folder.mkdir(exist_ok=True)
    shutil.copy(template, folder / "mlflow.db")
    return Tracker(f"sqlite:///{folder / 'mlflow.db'}", "discovery")


def client_of(tracker: Tracker):
    from mlflow.tracking import MlflowClient

    return MlflowClient(tracking_uri=tracker.uri)


def picture(tracker: Tracker) -> list[dict[str, Any]]:
    return stored.picture(tracker.uri, "discovery")


@pytest.fixture(scope="module")
def undisturbed(empty_database, tmp_path_factory) -> list[dict[str, Any]]:
    tracker = fresh(empty_database, tmp_path_factory.mktemp("undisturbed"))
    tracker.sync(make_view())
    return picture(tracker)


@pytest.fixture(scope="module")
def two_rounds(empty_database, tmp_path_factory) -> list[dict[str, Any]]:
    tracker = fresh(empty_database, tmp_path_factory.mktemp("two_rounds"))
    tracker.sync(make_view(calls=16))
    return picture(tracker)


def test_a_campaign_is_a_run_and_its_rounds_are_runs_inside(undisturbed):
    assert [run["name"] for run in undisturbed] == [
        *(f"round {number}" for number in range(1, 6)),
        "solar-absorber",
    ]
    view, parent = make_view(), undisturbed[-1]
    assert parent["status"] == "FINISHED"
    assert parent["params"]["targets.band_gap.max"] == "1.8"
    assert parent["tags"]["galena.version.potential"] == "CHGNet 0.3.0"
    hits = [(step, value) for step, value, _ in parent["metrics"]["n_hits_total"]]
    assert hits == list(zip(view.rounds["round"], view.rounds["n_hits_total"], strict=True))
    calls = [value for _, value, _ in parent["metrics"]["n_evaluated_total"]]
    assert calls == [8, 16, 24, 32, 40]
    for row, run in zip(view.rounds.to_dict("records"), undisturbed, strict=False):
        assert run["tags"][ROUND_TAG] == str(row["round"])
        assert run["tags"][PARENT_TAG] == "solar-absorber"
        for name, value in round_metrics(row).items():
            assert [point[:2] for point in run["metrics"][name]] == [(row["round"], value)]


def test_tables_shortlist_and_specification_are_files_of_the_run(undisturbed, tmp_path):
    view, files = make_view(), undisturbed[-1]["files"]
    assert yaml.safe_load(files["campaign.yaml"]) == view.spec
    for name in ("candidates", "verdicts", "rejections", "rounds", "shortlist"):
        path = tmp_path / "table.parquet"
        path.write_bytes(files[f"tables/{name}.parquet"])
        assert len(pd.read_parquet(path)) == len(getattr(view, name))
    shown = json.loads(files["shortlist.json"])
    assert [row[1] for row in shown["data"]] == view.shortlist["formula"].tolist()
    assert sum(name.startswith("structures/") for name in files) == len(view.shortlist)
    path.write_bytes(undisturbed[1]["files"]["tables/verdicts.parquet"])
    of_round = view.verdicts[view.verdicts["round"] == 2]["candidate_id"].tolist()
    assert pd.read_parquet(path)["candidate_id"].tolist() == of_round


def test_the_description_holds_the_shortlist(undisturbed):
    note = undisturbed[-1]["tags"]["mlflow.note.content"]
    assert "10 meet every target" in note
    assert "| 1 | NaZrSe2 | **new** | delafossite | 1.42 ± " in note
    assert "&lt;no&gt;" in note


def test_syncing_again_changes_nothing(tracker):
    place = tracker.sync(make_view())
    before = picture(tracker)
    assert tracker.sync(make_view()) == place
    assert picture(tracker) == before


def test_round_by_round_ends_where_all_at_once_does(tracker, undisturbed):
    for calls in (3, 8, 19, 24, 40):
        tracker.sync(make_view(calls=calls, status="running"))
    tracker.sync(make_view())
    assert picture(tracker) == undisturbed


def test_an_open_round_is_not_told_as_if_it_were_over(tracker):
    tracker.sync(make_view(calls=19, status="running"))
    runs = picture(tracker)
    assert [run["name"] for run in runs] == ["round 1", "round 2", "solar-absorber"]
    assert runs[-1]["status"] == "RUNNING"


@pytest.mark.parametrize("cut", [0, 1, 4, 9, 17, 20])
def test_cut_off_anywhere_it_is_completed(tracker, two_rounds, monkeypatch, cut):
    """The connection is lost at the ``cut``-th write, and for good."""
    from mlflow.tracking import MlflowClient

    written = 0

    def failing(method):
        def call(*args, **kwargs):
            nonlocal written
            if written >= cut:
                raise OSError(28, "No space left on device")
            written += 1
            return method(*args, **kwargs)

        return call

    with monkeypatch.context() as patch:
        for name in WRITES:
            patch.setattr(MlflowClient, name, failing(getattr(MlflowClient, name)))
        with pytest.raises(
            TrackingError, match=r"No space left on device.*safe in its ledger"
        ):
            tracker.sync(make_view(calls=16))
    tracker.sync(make_view(calls=16))
    assert picture(tracker) == two_rounds


def test_a_round_cut_off_between_its_numbers_and_its_tables_is_completed(
    tracker, two_rounds, monkeypatch
):
    from mlflow.tracking import MlflowClient

    def refuse(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "log_artifacts", refuse)
        with pytest.raises(TrackingError):
            tracker.sync(make_view(calls=16))
    half = picture(tracker)[0]
    assert half["status"] == "RUNNING"
    assert half["metrics"]
    assert not half["files"]
    tracker.sync(make_view(calls=16))
    assert picture(tracker) == two_rounds


def at(minute: int) -> tuple[str, int]:
    """A time on record, and in ms since 1970."""
    moment = datetime(2025, 3, 1, 12, minute, tzinfo=UTC)
    return moment.isoformat(timespec="seconds"), round(1000 * moment.timestamp())


def test_runs_have_the_times_on_record(tracker):
    (begun, start), (first, one), (second, two) = at(0), at(5), at(7)
    view = dataclasses.replace(make_view(calls=16), started=begun)
    closed = {1: first, 2: second}
    place = tracker.sync(view, closed=closed)
    assert tracker.sync(view, closed=closed) == place
    client = client_of(tracker)
    runs = {run.info.run_name: run for run in client.search_runs([place.experiment_id])}
    spans = {n: (run.info.start_time, run.info.end_time) for n, run in runs.items()}
    assert spans == {
        "solar-absorber": (start, two), "round 1": (start, one), "round 2": (one, two)
    }  # fmt: skip
    points = client.get_metric_history(place.run_id, "n_hits_total")
    assert [point.timestamp for point in points] == [one, two]


def test_what_is_brought_in_without_times_does_not_end_in_the_future(tracker):
    place = tracker.sync(make_view(calls=16))
    run = client_of(tracker).get_run(place.run_id)
    assert run.info.start_time < run.info.end_time <= 1000 * time.time()


def test_a_copy_that_went_its_own_way_does_not_write_into_the_same_run(tracker):
    tracker.sync(make_view(calls=8), closed={1: at(1)[0]})
    before = picture(tracker)
    with pytest.raises(TrackingError, match="one is a copy of the other"):
        tracker.sync(make_view(calls=16), closed={1: at(2)[0], 2: at(3)[0]})
    assert picture(tracker) == before


def test_rounds_are_compared_by_their_number_and_campaigns_by_what_matters(undisturbed):
    assert [run["params"] for run in undisturbed[:2]] == [{"round": "1"}, {"round": "2"}]
    parent = undisturbed[-1]
    assert len(parent["metrics"]) < 15
    assert not [name for name in parent["params"] if name < "batch_size"]
    residuals = [value for _, value, _ in parent["metrics"]["mean_abs_residual"]]
    assert residuals == [float(f"{value:.6g}") for value in residuals]


@given(st.lists(st.text(), min_size=2, max_size=2, unique=True))
def test_crystals_have_safe_names_of_their_own(ids):
    names = [safe_name(f"NaCl_{one}") for one in ids]
    assert len(set(names)) == 2
    for name in names:
        assert re.fullmatch(r"[\w+-][\w.+-]*", name, re.ASCII)
        assert len(name) < 200
    assert safe_name("NaCl_mp-22862") == "NaCl_mp-22862"


def test_a_pools_ids_may_be_paths(tracker):
    view = make_view(calls=8)
    odd = view.shortlist.assign(
        candidate_id=[f"../a/{one}.cif" for one in view.shortlist["candidate_id"]]
    )
    load = lambda name: view.structure(name.removeprefix("../a/").removesuffix(".cif"))  # noqa: E731
    tracker.sync(dataclasses.replace(view, shortlist=odd, load_structure=load))
    files = [name for name in picture(tracker)[-1]["files"] if name.endswith(".cif")]
    assert len(files) == len(odd) > 0
    assert all(name.count("/") == 1 and name.startswith("structures/") for name in files)


def test_campaigns_of_one_name_are_told_apart(tracker):
    one = tracker.sync(make_view(), campaign_id='d\'Artagnan "here"')
    two = tracker.sync(make_view(calls=8, status="running"), campaign_id="elsewhere")
    assert one != two
    assert tracker.sync(make_view(), campaign_id='d\'Artagnan "here"') == one
    rounds = [run for run in picture(tracker) if ROUND_TAG in run["tags"]]
    assert len(rounds) == 5 + 1


def test_a_campaign_that_has_only_begun_is_there(tracker):
    tracker.sync(empty_view())
    (run,) = picture(tracker)
    assert run["status"] == "RUNNING"
    assert not run["metrics"]


def test_a_question_of_many_pages_is_cut_where_mlflow_would(tracker):
    view = dataclasses.replace(
        empty_view(), spec={**SPEC, "description": "Why so? " * 4000}
    )
    tracker.sync(view)
    note = picture(tracker)[0]["tags"]["mlflow.note.content"]
    assert len(note) == 8000
    assert note.endswith("…")


def test_the_report_is_kept_with_the_run(tracker, tmp_path):
    folder = tmp_path / "report"
    folder.mkdir()
    (folder / "report.html").write_text("<p>all there is</p>")
    tracker.sync(make_view(), report_folder=folder)
    assert picture(tracker)[-1]["files"]["report/report.html"] == b"<p>all there is</p>"


def test_a_file_that_is_no_database_is_an_error_one_can_read(tmp_path):
    (tmp_path / "mlflow.db").write_text("not a database" * 100)
    tracker = Tracker(f"sqlite:///{tmp_path / 'mlflow.db'}", "discovery")
    with pytest.raises(TrackingError, match="could not be brought up to date"):
        tracker.sync(make_view())


def test_a_store_of_another_kind_is_refused():
    with pytest.raises(TrackingError, match="got 'mlruns'"):
        database_path(
            Tracker("sqlite:///ok.db", "x").uri.replace("sqlite:///ok.db", "mlruns")
        )


def test_mlflow_is_not_loaded_before_it_is_needed():
    code = (
        "import sys; from campaigns.tracking import Tracker; "
        "Tracker('sqlite:///nowhere/m.db', 'x'); sys.exit('mlflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    assert not Path("nowhere").exists()


leaves = st.one_of(st.none(), st.integers(), st.booleans(), st.text(max_size=4))
trees = st.recursive(
    st.one_of(leaves, st.lists(leaves, max_size=3)),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=9,
).filter(lambda tree: isinstance(tree, dict))


@given(trees)
def test_every_leaf_of_a_specification_has_one_name(spec):
    def count(node) -> int:
        return sum(map(count, node.values())) if isinstance(node, dict) else 1

    names = [name for name, _ in flat(spec)]
    assert len(set(names)) == len(names) == count(spec)


def test_lists_read_as_lists():
    assert dict(flat(SPEC))["elements.forbidden"] == "Pb Cd Hg As"


def test_only_numbers_become_metrics():
    row = {"round": 2, "n_hits": 3, "coverage": float("nan"), "name": "x", "seconds": 1.5}
    assert round_metrics(row) == {"n_hits": 3.0, "seconds": 1.5}


def test_the_page_is_served_to_this_machine_only(tracker):
    command = ui_command(tracker.uri, 5000)
    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert ui_environment(tracker.uri)["MLFLOW_DISABLE_TELEMETRY"] == "true"
    with pytest.raises(TrackingError, match="run a campaign first"):
        ui_command("sqlite:///nowhere/mlflow.db", 5000)


def test_a_taken_port_is_passed_over():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert port < free_port(port) <= port + 50


def test_views_are_not_changed_by_being_tracked(tracker):
    view = make_view()
    tracker.sync(view)
    same = make_view()
    for field in dataclasses.fields(view):
        value = getattr(view, field.name)
        if isinstance(value, pd.DataFrame):
            pd.testing.assert_frame_equal(value, getattr(same, field.name))


def test_what_a_campaign_rests_on_is_named_by_hash(tracker):
    sources = {
        "training data": f"mp_train.parquet sha256:{'1' * 64}",
        "known formulas": "; ".join(
            [f"known_formulas.txt.xz sha256:{'2' * 64}", f"mine.csv sha256:{'3' * 64}"]
        ),
        "pool": f"pool.parquet sha256:{'4' * 64}",
        "element facts": f"sha256:{'5' * 64}",
    }
    tracker.sync(make_view(), sources=sources)
    tracker.sync(make_view(), sources=sources)
    told = picture(tracker)[-1]["datasets"]
    assert [one for one in told if one[2] != "references"] == [
        ("known_formulas.txt.xz", "2" * 32, "known"),
        ("mine.csv", "3" * 32, "known"),
        ("mp_train.parquet", "1" * 32, "training"),
        ("pool.parquet", "4" * 32, "pool"),
    ]


def test_datasets_carry_source_and_licence_where_they_are_known():
    view = dataclasses.replace(
        make_view(), versions={**VERSIONS, "model": "accurate", "galena": galena_version()}
    )
    sources = {"training data": f"mp_train.parquet sha256:{'1' * 64}"}
    tables = {table.name: table for table in tables_of(view, sources)}
    assert tables["mp_train.parquet"].facts["licence"] == "CC-BY-4.0"
    references = tables["reference_phases.jsonl"]
    assert references.context == "references"
    assert "CHGNet" in references.facts["source"]
    assert references.sha256 == file_sha256(SHIPPED[1])
    own = dataclasses.replace(view, versions={**view.versions, "model": "/my/model"})
    (theirs, *_) = tables_of(own, sources)
    assert "licence" not in theirs.facts


def test_a_table_that_answers_is_a_dataset_by_its_own_name():
    spec = {**SPEC, "oracle": {"kind": "lookup", "name": "lookup", "table": "a/gaps.csv"}}
    versions = {**VERSIONS, "oracle lookup": f"sha256:{'6' * 64}"}
    view = dataclasses.replace(make_view(), spec=spec, versions=versions)
    (table,) = tables_of(view, {})
    assert (table.name, table.context) == ("gaps.csv", "oracle")


@given(wanted=st.sampled_from(SYMBOLS), there=st.sets(st.sampled_from(SYMBOLS), min_size=1))
def test_an_element_is_found_in_the_tag_and_none_that_begins_like_it(wanted, there):
    tag = between_dashes(list(there))
    assert (f"-{wanted}-" in tag) == (wanted in there)


FILTERS = {
    "tags.`galena.elements` LIKE '%-Zn-%'": True,
    "tags.`galena.elements` LIKE '%-Zr-%' and tags.`galena.elements` LIKE '%-N-%'": True,
    "tags.`galena.elements` LIKE '%-I-%'": False,
    "tags.`galena.found` LIKE '%-Na-%-Zr-%'": True,
    "tags.`galena.target` LIKE '%band_gap 1.0-1.8 eV%'": True,
    "tags.`galena.incumbent` = 'CdTe'": True,
    "tags.`galena.incumbent` = 'GaAs'": False,
    "tags.`galena.status` = 'finished'": True,
    "tags.`galena.oracle` LIKE '%-potential-%'": True,
    "tags.`galena.model` = 'galena-gated-1+ab12cd34'": True,
    "params.`search.sampler` = 'tpe' and metrics.n_hits_total > 5": True,
}
"""As docs/teams.md has them."""


def test_campaigns_are_found_by_what_they_sought_and_found(tracker):
    spec = {**SPEC, "better_than": {"incumbent": "CdTe", "on": ["toxicity"]}}
    place = tracker.sync(dataclasses.replace(make_view(), spec=spec))
    client = client_of(tracker)
    for wanted, there in FILTERS.items():
        found = client.search_runs([place.experiment_id], wanted)
        campaigns = [r for r in found if r.data.tags["galena.kind"] == "campaign"]
        assert [run.info.run_id for run in campaigns] == [place.run_id] * there, wanted
    written = Path(__file__).parents[2] / "docs" / "teams.md"
    documented = set(
        re.findall(r"(?m)^(?:tags|params|metrics)\.\S+ .*$", written.read_text())
    )
    assert documented
    assert documented <= set(FILTERS)


def test_few_parameters_tell_campaigns_apart():
    params = params_of(SPEC)
    assert params["targets.band_gap.min"] == "1.0"
    assert params["search.sampler"] == "tpe"
    assert "budget.oracle_calls" not in params  # not set
    assert len(params) < 25


def test_the_registered_predictor_is_linked(empty_database, tmp_path):
    from tests.campaigns.registered import make_registry

    registry = make_registry(tmp_path)
    versions = {**VERSIONS, "model": registry.model.uri}
    view = dataclasses.replace(make_view(calls=8), versions=versions)
    place = Tracker(registry.uri, "discovery").sync(view)
    run = client_of(Tracker(registry.uri, "discovery")).get_run(place.run_id)
    (model,) = run.inputs.model_inputs
    source = client_of(Tracker(registry.uri, "x")).get_model_version("galena", "1").source
    assert model.model_id in source
    assert run.data.tags["galena.registered_model"] == "models:/galena/1"


def test_a_model_of_another_store_is_not_missed(tracker):
    versions = {**VERSIONS, "model": "models:/elsewhere/3"}
    tracker.sync(dataclasses.replace(make_view(calls=8), versions=versions))
    assert picture(tracker)[-1]["models"] == []


def test_files_that_are_there_are_not_sent_again(tracker, monkeypatch):
    from mlflow.tracking import MlflowClient

    sent = []
    send = MlflowClient.log_artifacts

    def watched(self, run_id, folder, *rest):
        sent.extend(path.name for path in Path(folder).rglob("*") if path.is_file())
        return send(self, run_id, folder, *rest)

    monkeypatch.setattr(MlflowClient, "log_artifacts", watched)
    tracker.sync(make_view(calls=24, status="running"))
    assert any(name.endswith(".cif") for name in sent)
    sent.clear()
    tracker.sync(make_view(calls=24, status="running"))
    assert sent == []
    tracker.sync(make_view())
    first = make_view(calls=24).shortlist["candidate_id"].tolist()
    assert not any(one in name for one in first for name in sent)


def test_two_runs_of_one_campaign_are_not_taken_for_two_campaigns(tracker):
    """Two processes may make a run at once; both then go on with the earlier one."""
    client = client_of(tracker)
    place = tracker.sync(empty_view(), campaign_id="one")
    first = client.get_run(place.run_id)
    client.create_run(
        place.experiment_id,
        start_time=first.info.start_time + 1000,
        tags={"galena.kind": "campaign", "galena.campaign_id": "one"},
    )
    assert tracker.sync(make_view(calls=8), campaign_id="one") == place
