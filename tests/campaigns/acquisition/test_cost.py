"""Worth for its price."""

from __future__ import annotations

import numpy as np
import pytest

from campaigns.acquisition import worth_per_cost
from materials.errors import InputError


def test_worth_is_divided_by_cost() -> None:
    found = worth_per_cost(np.log([1.0, 2.0]), [1.0, 4.0])
    np.testing.assert_allclose(np.exp(found), [1.0, 0.5])
    half = worth_per_cost(np.log([1.0, 2.0]), [1.0, 4.0], power=0.5)
    np.testing.assert_allclose(np.exp(half), [1.0, 1.0])


@pytest.mark.parametrize("cost", [[1.0, 0.0], [1.0, np.inf], [1.0, -1.0], [1.0, np.nan]])
def test_a_cost_is_a_number_above_zero(cost: list[float]) -> None:
    with pytest.raises(InputError, match="above zero"):
        worth_per_cost([0.0, 0.0], cost)


def test_one_cost_each() -> None:
    with pytest.raises(InputError, match="one shape"):
        worth_per_cost([0.0, 0.0], [1.0])
