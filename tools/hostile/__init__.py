"""The hostile pack: what a stranger might hand over, made by code."""

from tools.hostile import crystals, folders, models, tables

ITEMS = crystals.ITEMS + tables.ITEMS + models.ITEMS + folders.ITEMS
