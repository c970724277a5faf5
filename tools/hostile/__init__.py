"""The hostile pack: what a stranger might hand over, made by code."""

from tools.hostile import crystals

ITEMS = crystals.ITEMS
