"""Where things come from, and what is refused as an origin."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from materials.errors import InputError
from materials.provenance import Provenance, file_sha256


def test_a_source_is_required():
    with pytest.raises(InputError, match="needs a source"):
        Provenance(source="")


@pytest.mark.parametrize("date", ["yesterday", "2025-13-01", "01.02.2025"])
def test_dates_are_iso(date):
    with pytest.raises(InputError, match=f"retrieved is '{date}'"):
        Provenance(source="mine", retrieved=date)


@given(day=st.dates())
def test_every_iso_date_is_accepted(day):
    assert Provenance(source="mine", retrieved=day.isoformat()).retrieved == str(day)


@pytest.mark.parametrize("content", [b"", b"GaAs", bytes(range(256)) * 10_000])
def test_a_hash_is_that_of_the_whole_file(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    assert file_sha256(path) == hashlib.sha256(content).hexdigest()


def test_hashing_a_missing_file_names_it(tmp_path):
    with pytest.raises(InputError, match=r"gone\.cif"):
        file_sha256(tmp_path / "gone.cif")
