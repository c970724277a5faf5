"""The groups of all that is no crystal file: tables, specifications, worksheets, models."""

from __future__ import annotations

from tools.fuzz import (
    campaign_folders,
    data_tables,
    model_files,
    parquet_tables,
    specifications,
    worksheets,
)
from tools.fuzz.group import Group

DATA_GROUPS = tuple(
    Group(name, module.seeds, module.feed, mutate=module.changed)
    for name, module in (
        ("campaigns", campaign_folders),
        ("models", model_files),
        ("parquet", parquet_tables),
        ("specs", specifications),
        ("tables", data_tables),
        ("worksheets", worksheets),
    )
)
