"""What a model's folder knows about its own limits, as plain tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Self

import torch
from torch import Tensor

from materials.errors import InputError
from models.uncertainty.domain import Domain
from models.uncertainty.errors import ErrorModel


@dataclass(frozen=True)
class Doubt:
    """Where the model has been, and how wrong it is used to being."""

    domain: Domain
    errors: ErrorModel | None  # None: too few errors to learn from

    def tensors(self) -> dict[str, Tensor]:
        """Everything, by name; the inverse of :meth:`from_tensors`."""
        found = {f"domain.{f.name}": getattr(self.domain, f.name) for f in fields(Domain)}
        if self.errors is not None:
            found |= {f"errors.{key}": t for key, t in self.errors.state_dict().items()}
        return found

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> Self:
        """Rebuild; raises :class:`InputError` for tensors that are something else."""
        parts = {
            part: {
                key.removeprefix(f"{part}."): tensor
                for key, tensor in tensors.items()
                if key.startswith(f"{part}.")
            }
            for part in ("domain", "errors")
        }
        try:
            errors = ErrorModel.from_tensors(parts["errors"]) if parts["errors"] else None
            return cls(Domain(**parts["domain"]), errors)
        except TypeError as error:  # some are missing, or there are others
            raise InputError(
                "not a model's doubts: other tensors than a domain has"
            ) from error
        except (KeyError, IndexError, RuntimeError) as error:
            raise InputError(f"not a model's doubts: {error}") from error

    def check(self, *, atom_width: int, n_features: int, n_targets: int) -> None:
        """Raise :class:`InputError` if it is of networks of other sizes."""
        found, expected = [len(self.domain.centre)], [atom_width]
        if self.errors is not None:
            found += [len(self.errors.centre), len(self.errors.unit)]
            expected += [n_features, n_targets]
        if found != expected:
            raise InputError(
                f"doubts of other networks: sizes {found}, expected {expected}"
            )

    def to(self, device: torch.device, dtype: torch.dtype = torch.float32) -> Self:
        """The same in another memory or precision; an error model is moved, not copied."""
        errors = None if self.errors is None else self.errors.to(device, dtype)
        return type(self)(self.domain.to(device, dtype), errors)
