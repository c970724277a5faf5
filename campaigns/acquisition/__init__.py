"""What a candidate is worth, and which to take together: plain functions of predictions.

Everything is an array in and an array out. ``(n,)`` is one number per candidate, ``(n, m)`` one
per candidate and property; means and deviations are in the property's own unit, and larger is
better unless a :class:`Window` says otherwise. Worth is a logarithm wherever it is a
probability or an expectation, so that candidates far from any hope are still ordered.

Importing this loads neither torch nor pymatgen.
"""

from campaigns.acquisition.batches import (
    best_distinct,
    determinantal_batch,
    penalised_batch,
)
from campaigns.acquisition.cost import worth_per_cost
from campaigns.acquisition.hypervolume import (
    expected_hypervolume_improvement,
    hypervolume,
    log_expected_hypervolume_improvement,
    pareto_front,
)
from campaigns.acquisition.improvement import (
    expected_improvement,
    log_expected_improvement,
    log_probability_of_improvement,
    probability_of_improvement,
    upper_confidence_bound,
)
from campaigns.acquisition.targets import Window, log_joint_probability, log_probability
from campaigns.acquisition.thompson import thompson_draws
from campaigns.acquisition.worth import (
    log_simplicity,
    probability_of_success,
    success_parts,
    sustainable_share,
)

__all__ = [
    "Window",
    "best_distinct",
    "determinantal_batch",
    "expected_hypervolume_improvement",
    "expected_improvement",
    "hypervolume",
    "log_expected_hypervolume_improvement",
    "log_expected_improvement",
    "log_joint_probability",
    "log_probability",
    "log_probability_of_improvement",
    "log_simplicity",
    "pareto_front",
    "penalised_batch",
    "probability_of_improvement",
    "probability_of_success",
    "success_parts",
    "sustainable_share",
    "thompson_draws",
    "upper_confidence_bound",
    "worth_per_cost",
]
