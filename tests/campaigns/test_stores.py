"""Where MLflow keeps things: kinds of stores, what is shown of them, moved folders."""

from __future__ import annotations

import http.server
import shutil
import sqlite3
import threading
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlflow.tracking._tracking_service.utils import _artifact_repos_cache
from typer.testing import CliRunner

import campaigns.cli.ui
from campaigns.cli.app import app
from campaigns.cli.show import ExitCode
from campaigns.tracking import (
    AwayError,
    Tracker,
    TrackingError,
    first_page,
    is_loopback,
    model_store,
    shown,
    ui_command,
    ui_environment,
)
from campaigns.tracking.client import explained, open_client
from campaigns.tracking.moved import follow_artifacts
from campaigns.tracking.opening import open_page
from campaigns.tracking.store import for_mlflow, scrubbed
from tests.campaigns.stored import picture
from tests.campaigns.views import make_view

pytestmark = pytest.mark.usefixtures("copied_databases")

EVERYWHERE = "0.0.0.0"  # noqa: S104
passwords = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Z")), min_size=6
).filter(lambda text: text.strip("*") and "secret" not in text)


@settings(max_examples=60, deadline=None)
@given(passwords, st.sampled_from(["http", "https", "postgresql", "postgresql+psycopg"]))
def test_a_password_is_never_shown(password, scheme):
    uri = f"{scheme}://ada:{quote(password, safe='')}@secret-host:5000/mlflow"
    message = f"could not connect to {uri} as ada with {password}"
    for told in (shown(uri), scrubbed(uri, message)):
        assert password not in told
        assert quote(password, safe="") not in told
    assert "secret-host" in shown(uri)


@pytest.mark.parametrize(
    "uri",
    ["mlruns", "file:///tmp/x", "sqlite:///", "http://", "postgresql://host", "databricks"],
)
def test_what_is_no_store_is_refused_before_anything_is_done(uri):
    with pytest.raises(TrackingError, match=r"a URI such as"):
        Tracker(uri, "x")


@pytest.mark.parametrize(
    "uri",
    ["http://team:99999", "http://team:0", "http://ada:hush@", "http://a team", "http://[x",
     "postgresql://ada:hush@db:notaport/mlflow", "postgresql://ada:hush@db:70000/mlflow"],
)  # fmt: skip
def test_what_can_be_no_address_is_refused_before_anything_is_done(uri):
    with pytest.raises(TrackingError, match=r"is no possible address") as refused:
        Tracker(uri, "x")
    assert "hush" not in str(refused.value)


def test_a_token_in_a_users_place_is_never_shown():
    uri = "http://TOKEN123@team:5000"
    assert shown(uri) == "http://***@team:5000"
    assert "TOKEN123" not in scrubbed(uri, f"TOKEN123 at {uri}/api")
    assert shown("postgresql://ada@db/mlflow") == "postgresql://ada@db/mlflow"


@pytest.mark.parametrize("place", ["folder", "file/below.db", "unwritable.db"])
def test_a_file_that_cannot_be_opened_is_told_at_once(tmp_path, monkeypatch, place):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    if place == "unwritable.db":
        monkeypatch.setattr("os.access", lambda *_: False)  # root may write everywhere
    monkeypatch.setattr(
        "mlflow.tracking.MlflowClient", None
    )  # nothing is tried for minutes
    with pytest.raises(TrackingError, match="cannot be opened for writing"):
        open_client(f"sqlite:///{tmp_path / place}")


@pytest.mark.parametrize(
    "error", [ValueError("notaport"), TypeError("None"), KeyError("x")]
)
def test_whatever_is_raised_is_one_error_for_people(error):
    with (
        pytest.raises(TrackingError, match="could not be done"),
        explained("http://team", problem="It could not be done", advice="Wait"),
    ):
        raise error


def test_an_empty_address_is_not_taken_for_none():
    for empty in ("", " "):
        with pytest.raises(TrackingError, match="is empty"):
            model_store(empty)


def test_a_deleted_experiment_is_said_to_be(tmp_path):
    uri = tracked(tmp_path)
    client = open_client(uri)
    place = client.get_experiment_by_name("galena").experiment_id
    client.delete_experiment(place)
    with pytest.raises(TrackingError, match=f"deleted in MLflow.*--experiment-id {place}"):
        Tracker(uri, "galena").sync(make_view(calls=8), campaign_id="one")
    client.restore_experiment(place)
    Tracker(uri, "galena").sync(make_view(calls=8), campaign_id="one")


def test_postgresql_gets_its_driver_and_limits_to_waiting():
    told = for_mlflow("postgresql://ada:a%2Fb@db/mlflow?connect_timeout=2")
    assert told.startswith("postgresql+psycopg://ada:a%2Fb@db/mlflow?")
    assert "connect_timeout=2" in told  # what was said counts
    assert "tcp_user_timeout=30000" in told


def test_the_store_is_the_one_named_then_the_environments_then_beside(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://team:5000")
    assert model_store("http://other") == "http://other"
    assert model_store(None) == "http://team:5000"
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert model_store(None, beside=Path("/a/b")) == "sqlite:////a/mlflow.db"


class Answering(http.server.BaseHTTPRequestHandler):
    """A server that says the same to everything."""

    code, text = 503, b"no"

    def do_GET(self) -> None:
        self.send_response(self.code)
        self.end_headers()
        self.wfile.write(self.text)

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def unwilling():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("code", "away"), [(500, True), (502, True), (503, True), (429, True), (401, False),
                       (403, False), (404, False)],
)  # fmt: skip
def test_what_may_pass_is_told_from_what_will_not(unwilling, monkeypatch, code, away):
    monkeypatch.setattr(Answering, "code", code)
    with pytest.raises(TrackingError) as refused:
        Tracker(unwilling, "x").sync(make_view(calls=8))
    assert isinstance(refused.value, AwayError) == away


@pytest.mark.parametrize(
    ("code", "text", "told"),
    [
        (401, b"no", "MLFLOW_TRACKING_USERNAME"),
        (200, b"<html>", "no MLflow server"),
        (404, b"no", "no MLflow server"),
        (404, b'{"detail": "Not Found"}', "no MLflow server"),
    ],
    ids=["account", "page", "path", "json"],
)
def test_a_wrong_account_and_a_wrong_server_are_said_to_be(
    unwilling, monkeypatch, code, text, told
):
    monkeypatch.setattr(Answering, "code", code)
    monkeypatch.setattr(Answering, "text", text)
    with pytest.raises(TrackingError, match=told) as refused:
        Tracker(unwilling, "x").sync(make_view(calls=8))
    assert not isinstance(refused.value, AwayError)


def test_a_database_that_is_away_is_given_up_at_once():
    with pytest.raises(AwayError, match=r"ada:\*\*\*@127\.0\.0\.1"):
        open_client("postgresql://ada:hush@127.0.0.1:9/mlflow")


def test_what_the_user_set_for_mlflow_is_left(monkeypatch):
    import os

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "77")
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", raising=False)
    with explained("http://x", problem="", advice=""):
        assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "77"
        assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "0"
    assert "MLFLOW_HTTP_REQUEST_MAX_RETRIES" not in os.environ


# --- moved folders


def tracked(folder: Path) -> str:
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    Tracker(uri, "galena").sync(make_view(calls=8, status="running"), campaign_id="one")
    return uri


def locations(database: Path) -> list[str]:
    connection = sqlite3.connect(database)
    rows = connection.execute(
        "SELECT artifact_uri FROM runs UNION "
        "SELECT artifact_location FROM experiments WHERE name = 'galena'"
    ).fetchall()
    connection.close()
    return [place for (place,) in rows]


def test_a_store_that_was_moved_finds_its_files_and_goes_on(tmp_path):
    before = picture(tracked(tmp_path / "old"), "galena")
    (tmp_path / "old").rename(tmp_path / "new home")
    _artifact_repos_cache.clear()  # another process would not remember where files were
    database = tmp_path / "new home" / "mlflow.db"
    command = ui_command(f"sqlite:///{database}", 5000)
    assert (tmp_path / "new home" / "artifacts").as_uri() in command
    uri = f"sqlite:///{database}"
    assert picture(uri, "galena") == before
    Tracker(uri, "galena").sync(make_view(calls=16), campaign_id="one")
    assert not (tmp_path / "old").exists()
    assert all("new%20home" in place for place in locations(database))


def test_a_copy_keeps_to_its_own_files_and_the_first_to_its(tmp_path):
    tracked(tmp_path / "old")
    shutil.copytree(tmp_path / "old", tmp_path / "copy")
    old, copy = tmp_path / "old" / "mlflow.db", tmp_path / "copy" / "mlflow.db"
    assert follow_artifacts(copy) > 0
    assert follow_artifacts(copy) == 0
    assert follow_artifacts(old) == 0
    assert all("/copy/" in place for place in locations(copy))
    assert all("/old/" in place for place in locations(old))


def test_files_that_stayed_behind_are_found_where_they_stayed(tmp_path):
    tracked(tmp_path / "old")
    (tmp_path / "new").mkdir()
    database = Path(shutil.copy(tmp_path / "old" / "mlflow.db", tmp_path / "new"))
    (tmp_path / "new" / "artifacts").mkdir()
    assert follow_artifacts(database) == 0
    assert all("/old/" in place for place in locations(database))


def test_what_is_no_database_is_left_alone(tmp_path):
    (tmp_path / "artifacts").mkdir()
    (tmp_path / "mlflow.db").write_text("no database" * 100)
    assert follow_artifacts(tmp_path / "mlflow.db") == 0
    assert (tmp_path / "mlflow.db").read_text() == "no database" * 100


# --- galena ui


def test_a_servers_page_is_told_without_its_password(monkeypatch):
    opened = []
    monkeypatch.setattr("typer.launch", opened.append)
    monkeypatch.setattr("campaigns.tracking.server.open_client", lambda _: Nothing())
    uri = "http://ada:hush@team:5000"
    done = CliRunner().invoke(app, ["ui", "--tracking-uri", uri, "--open"])
    assert done.exit_code == ExitCode.OK, done.output
    assert "hush" not in done.output
    assert "http://team:5000/#/experiments?workflowType=machine_learning" in done.stdout
    assert len(opened) == 1


class Nothing:
    """A store without experiments."""

    def get_experiment_by_name(self, name: str) -> None:
        return None


def test_an_open_address_is_warned_of(tmp_path, monkeypatch):
    tracked(tmp_path)
    begun = []
    monkeypatch.setattr(campaigns.cli.ui.os, "execve", lambda *call: begun.append(call))
    for host, warned in (("127.0.0.1", False), (EVERYWHERE, True)):
        done = CliRunner().invoke(app, ["ui", "--folder", str(tmp_path), "--host", host])
        assert done.exit_code == ExitCode.OK, done.output
        assert ("asks for no password" in done.stderr) == warned
        assert "/runs?workflowType=machine_learning" in done.stderr
    command = begun[-1][1]
    assert command[command.index("--host") + 1] == EVERYWHERE


def test_the_server_is_named_its_store_where_nobody_reads_it(tmp_path):
    uri = "postgresql://ada:hush@127.0.0.1:9/mlflow"
    assert "hush" not in " ".join(ui_command(uri, 5000))
    assert "hush" in ui_environment(uri)["MLFLOW_BACKEND_STORE_URI"]
    with pytest.raises(TrackingError, match="a server already"):
        ui_command("http://team:5000", 5000)


def test_a_page_that_does_not_answer_is_not_told(unwilling, monkeypatch):
    done = CliRunner().invoke(app, ["ui", "--tracking-uri", "http://127.0.0.1:9"])
    assert done.exit_code == ExitCode.ERROR
    assert "no answer" in done.stderr
    assert "#/experiments" not in done.output
    monkeypatch.setattr(Answering, "code", 401)  # its page asks who one is
    page = first_page(unwilling, f"{unwilling}/", "galena")
    assert page == f"{unwilling}/#/experiments?workflowType=machine_learning"


@pytest.mark.parametrize(
    ("host", "own"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), (EVERYWHERE, False),
     ("10.0.0.7", False), ("mlflow.example.org", False)],
)  # fmt: skip
def test_which_addresses_are_this_machines_alone(host, own):
    assert is_loopback(host) == own


def test_a_page_is_opened_when_its_server_answers(unwilling):
    opened = []
    assert open_page(unwilling, browser=lambda page: opened.append(page) or True)
    assert opened == [unwilling]
    assert not open_page("http://127.0.0.1:9", patience=0.5, browser=opened.append)
    assert len(opened) == 1
