from __future__ import annotations

import pytest
import torch

from materials.errors import InputError
from models.uncertainty.doubt import Doubt
from models.uncertainty.errors import ErrorModel
from tests.doubts import plain_doubt


def test_what_is_saved_comes_back():
    errors = ErrorModel(5, 2, 4).eval()
    doubt = Doubt(plain_doubt(3).domain, errors)
    again = Doubt.from_tensors(doubt.tensors())
    features = torch.randn(6, 5)
    assert torch.equal(again.errors(features), errors(features))
    assert torch.equal(again.domain.project, doubt.domain.project)
    assert Doubt.from_tensors(plain_doubt(3).tensors()).errors is None


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.pop("domain.centre"),
        lambda t: t.update({"domain.other": torch.zeros(1)}),
        lambda t: t.pop("errors.layers.6.weight"),
        lambda t: t.update({"errors.unit": torch.ones(9)}),
    ],
)
def test_other_tensors_are_refused(change):
    tensors = Doubt(plain_doubt(3).domain, ErrorModel(5, 2, 4)).tensors()
    change(tensors)
    with pytest.raises(InputError, match="not a model's doubts"):
        Doubt.from_tensors(tensors)
