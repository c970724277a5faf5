import pickle
import zipfile

import numpy as np
import pytest
import torch

from materials.errors import InputError
from models.plain_tensors import read_plain


class Harmful:
    """Would make a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_tensors_and_plain_values_come_back(tmp_path):
    path = tmp_path / "a.pt"
    torch.save({"w": torch.arange(3), "n": [1, "a"]}, path)
    for mmap in (False, True):
        found = read_plain(path, mmap=mmap)
        assert found["w"].tolist() == [0, 1, 2]
        assert found["n"] == [1, "a"]


def test_code_does_not_run(tmp_path):
    path, made = tmp_path / "a.pt", tmp_path / "made"
    torch.save({"w": Harmful(made)}, path)
    with pytest.raises(pickle.UnpicklingError):
        read_plain(path)
    path.write_bytes(pickle.dumps(Harmful(made)))
    with pytest.raises(InputError, match="bare pickles"):
        read_plain(path)
    assert not made.exists()


def test_only_what_is_allowed_is_read_beside_tensors(tmp_path):
    path = tmp_path / "a.pt"
    torch.save({"kind": np.dtype("f8")}, path)
    with pytest.raises(pickle.UnpicklingError):
        read_plain(path)
    assert read_plain(path, [np.dtype, type(np.dtype("f8"))])["kind"] == np.dtype("f8")


def test_nothing_unpacks_to_more_than_the_file(tmp_path):
    path, packed = tmp_path / "a.pt", tmp_path / "b.pt"
    torch.save({"w": torch.zeros(1000)}, path)
    with (
        zipfile.ZipFile(path) as a,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as b,
    ):
        for member in a.infolist():
            b.writestr(member.filename, a.read(member))
    with pytest.raises(InputError, match="compressed"):
        read_plain(packed)
