"""Databases are named by URLs, and their passwords are nobody's business."""

from __future__ import annotations

import gc
import sys
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.exceptions import StorageInternalError
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from campaigns.evaluation.storage import Address, Patience, StorageError, masked
from materials.errors import InputError, MissingExtraError

secrets = st.text(
    st.characters(min_codepoint=33, max_codepoint=126), min_size=6, max_size=20
).map(lambda text: f"q7{text}")


@given(secrets)
def test_no_password_is_ever_printed(secret):
    quoted = quote(secret, safe="")
    for url in (
        f"postgresql://me:{quoted}@db:5432/galena",
        f"postgresql://me@db/galena?password={quoted}&sslmode=require",
    ):
        address = Address(url)
        for shown in (str(address), repr(address), masked(url)):
            assert secret not in shown
            assert quoted not in shown
            assert "me" in shown
            assert "galena" in shown
        assert address.secret == url
        for form in (secret, quoted):
            assert form not in address.scrub(f"cannot connect as me with {form} to db")


def test_what_is_no_url_hides_its_password_too():
    assert "hush" not in masked("postgresql://me:hush@db:port/galena")


@pytest.mark.parametrize(
    "name",
    ["access_key", "api_key", "apikey", "key", "sig", "auth", "options", "X-Amz-Sig"],
)
def test_a_query_may_hold_a_key_by_any_name(name):
    for url in (
        f"http://127.0.0.1:9/x?{name}=q7hush&timeout=5",
        f"postgresql://me@db/galena?sslmode=require&{name}=q7hush",
        f"postgresql://me@db:port/galena?{name}=q7hush",
    ):
        address = Address(url)
        for shown in (str(address), repr(address), masked(url), address.scrub(url)):
            assert "q7hush" not in shown, shown
        assert (
            "timeout=5" in masked(url) or "sslmode=require" in masked(url) or ":port" in url
        )


LEAKS = (
    "mysql://me:s3cret@db/galena?password=hunter2",
    "postgresql+psycopg2://me@db/galena?password=s3cret",
    "postgresql+psycopg2://me@db/galena?sslmode=x&Password=s3cret&password=hunter2",
    "postgresql+psycopg2://me@db/galena?password=s3cret&password=hunter2",
    "postgresql://me:s3:c@ret@db/galena",
    "postgresql://me:s3c@ret/hunter2@db/galena",
    "postgresql://me:s3cret@db:port/galena?sslpassword=hunter2",
    "postgresql:/me:s3cret@db/galena",
    "me:s3cret@db/galena",
    "journal://me:s3cret@db",
)


@pytest.mark.parametrize("url", LEAKS)
def test_a_url_that_is_refused_keeps_its_password_too(url):
    address = Address(url)
    with pytest.raises(InputError) as refused:
        address.open()
    driver = "I was called with " + url.partition("?")[0].partition("//")[2]
    said = (str(refused.value), str(address), repr(address), masked(url))
    for shown in (*said, address.scrub(url), address.scrub(driver)):
        for secret in ("s3", "ret", "hunter2"):
            assert secret not in shown, shown


@given(url=st.text() | st.from_regex(r"[a-z]{1,9}:/{1,3}[ -~]{0,30}"), message=st.text())
def test_whatever_a_url_is_printing_and_scrubbing_do_not_raise(url, message):
    address = Address(url)
    assert isinstance(str(address), str)
    assert isinstance(address.scrub(message), str)


@pytest.mark.parametrize(
    "url", ["", "galena", "mysql://u@h/d", "redis://h", "sqlite://", "journal://"]
)
def test_other_databases_are_refused_with_what_there_is(url):
    with pytest.raises(InputError, match="postgresql://USER@HOST/DATABASE"):
        Address(url).open()


def test_a_file_in_a_folder_that_is_not_there_is_refused(tmp_path):
    for kind in ("sqlite", "journal"):
        with pytest.raises(InputError, match="no such folder"):
            Address(f"{kind}:///{tmp_path}/none/q").open()


def test_postgresql_without_its_driver_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtraError, match=r"galena-materials\[postgres\]"):
        Address("postgresql://me@127.0.0.1:1/galena").open()


def failing(times: int, message: str):
    calls = []

    def call() -> int:
        calls.append(1)
        if len(calls) <= times:
            raise OperationalError("SELECT 1", {}, Exception(message))
        return len(calls)

    return call, calls


@given(times=st.integers(0, 3))
def test_what_fails_for_a_while_is_done_again(times):
    told: list[str] = []
    call, _ = failing(times, "server closed the connection")
    patience = Patience(Address("postgresql://me:hush@db/g"), 30.0, told.append, 0.001)
    assert patience(call) == times + 1
    assert len(told) == (times > 0)
    assert "hush" not in "".join(told)


def test_what_fails_for_too_long_is_told_without_the_password():
    call, calls = failing(999, "no connection for me with hush!")
    patience = Patience(Address("postgresql://me:hush!@db/g"), 0.2, longest=0.01)
    with pytest.raises(StorageError, match=r"no connection for me with \*\*\*") as told:
        patience(call)
    assert "hush" not in str(told.value)
    assert len(calls) > 3


@pytest.mark.parametrize(
    "message",
    [
        'FATAL:  password authentication failed for user "me"',
        'FATAL:  database "galena" does not exist',
        'FATAL:  role "me" does not exist',
    ],
)
def test_what_waiting_cannot_mend_is_told_at_once(message):
    call, calls = failing(999, message)

    def wrapped() -> None:  # as Optuna does
        try:
            call()
        except OperationalError as error:
            raise StorageInternalError(
                "An exception is raised during the commit"
            ) from error

    for attempt in (call, wrapped):
        with pytest.raises(StorageError, match="FATAL"):
            Patience(Address("postgresql://me@db/g"), 30.0)(attempt)
    assert len(calls) == 2


def test_what_is_no_fault_of_the_database_is_not_tried_again():
    calls = []

    def call() -> None:
        calls.append(1)
        raise KeyError("x")

    with pytest.raises(KeyError):
        Patience(Address("postgresql://me@db/g"), 30.0)(call)
    assert len(calls) == 1


def test_connections_end_with_the_storage(tmp_path):
    storage = Address(f"sqlite:///{tmp_path / 'a.db'}").open()
    storage.get_all_studies()
    pool, closed = storage.engine.pool, []
    event.listen(pool, "close", lambda *_: closed.append(True))
    assert pool.checkedin() == 1
    del storage
    gc.collect()
    assert closed == [True]
