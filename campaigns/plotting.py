"""A campaign's pictures by name: ``plot.pareto()``, and what they show as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from campaigns.view import CampaignView
from campaigns.words import Words
from materials.errors import InputError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from campaigns.pictures import Picture


class Plot:
    """One picture: call it for the figure, ask it for its data, caption or alternative text."""

    def __init__(self, picture: Picture, view: CampaignView, say: Words) -> None:
        self._picture, self._view, self._say = picture, view, say
        self.__doc__ = picture.title

    def __call__(self) -> Figure:
        """The figure, of Matplotlib; a notebook shows it."""
        return self._picture.draw(self._view, self._say)

    def data(self) -> pd.DataFrame:
        """What is drawn, a row per observation; ``attrs["units"]`` has units by column."""
        return self._picture.data(self._view)

    @property
    def caption(self) -> str:
        """What is shown and how to read it."""
        return self._picture.caption(self._view, self._say)

    @property
    def alt(self) -> str:
        """What is to be seen, for those who cannot see it."""
        return self._picture.alt(self._view, self._say)

    def __repr__(self) -> str:
        return f"{self._picture.title}: plot.{self._picture.name}()"


class Plots:
    """All pictures of one campaign; ``dir()`` and the tab key list them."""

    def __init__(self, view: CampaignView, say: Words) -> None:
        self._view, self._say = view, say

    def data(self, name: str) -> pd.DataFrame:
        """What a picture draws; raises :class:`InputError` for a name that is none."""
        return self._named(name).data()

    def _named(self, name: str) -> Plot:
        from campaigns.pictures import PICTURES

        if name not in PICTURES:
            raise InputError(
                f"no picture '{name}'; there are {', '.join(PICTURES)}."
                f"{did_you_mean(name, PICTURES)}"
            )
        return Plot(PICTURES[name], self._view, self._say)

    def __getattr__(self, name: str) -> Plot:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self._named(name)
        except InputError as error:
            raise AttributeError(str(error)) from error

    def __dir__(self) -> list[str]:
        from campaigns.pictures import PICTURES

        return [*PICTURES, "data"]

    def __repr__(self) -> str:
        from campaigns.pictures import PICTURES

        return "\n".join(f"plot.{name}(): {p.title}" for name, p in PICTURES.items())
