"""``galena version``: what is installed."""

from __future__ import annotations

import platform
from typing import Annotated

import typer

from campaigns.cli import show
from campaigns.versions import installed

LIBRARIES = (
    "torch", "torch-geometric", "pymatgen", "ase", "chgnet", "optuna", "mlflow", "pyarrow"
)  # fmt: skip
"""Those whose version can change a result."""


def version(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Print the versions of Galena and of the libraries that decide its results.

    Example: `galena version --json`
    """
    versions = {
        "galena": installed("galena-materials"),
        "python": platform.python_version(),
    }
    versions |= {name: installed(name) for name in LIBRARIES}
    if as_json:
        show.print_json(versions)
    else:
        for name, number in versions.items():
            show.echo(f"{name:16} {number}")
