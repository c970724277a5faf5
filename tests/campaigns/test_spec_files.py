"""Specifications as editors save them."""

from __future__ import annotations

import codecs

import pytest

from campaigns.loading import content_of
from campaigns.specs import read_text
from materials.errors import InputError

TEXT = "name: Solarzellen für später\nrounds: 3\n"


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (b"", "utf-8"),
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_encodings_and_line_ends(tmp_path, mark, encoding, end):
    path = tmp_path / "a.yaml"
    path.write_bytes(mark + TEXT.replace("\n", end).encode(encoding))
    content, _, _ = content_of(path)
    assert content == {"name": "Solarzellen für später", "rounds": 3}


@pytest.mark.parametrize("content", [b"\xff\xfen", b"\xff\xfe\x00\xd8", b"name: \xe9"])
def test_what_is_no_text_is_refused(tmp_path, content):
    (tmp_path / "a.yaml").write_bytes(content)
    with pytest.raises(InputError, match="no text"):
        read_text(tmp_path / "a.yaml")
