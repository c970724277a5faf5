"""Optuna's file of a campaign: the scored proposals, for people and dashboards.

The ledger is the truth; a file that is half written or lost is completed from it, and one
in which something else stands is made anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from campaigns.space import Entry, Space, frozen_trial, is_trial

if TYPE_CHECKING:
    from optuna import Study
    from optuna.storages import RDBStorage
    from optuna.trial import FrozenTrial


class StudyDamagedError(Exception):
    """Something else stands in the file than was written."""


class StudyFile:
    """One file, written again and again: SQLAlchemy never forgets an engine, so there is one.

    Between two writes the file is closed. What was there before is compared once.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._storage: RDBStorage | None = None
        self._compared = False

    def write(
        self,
        name: str,
        space: Space,
        history: Sequence[Entry],
        scores: Mapping[str, float | None],
        *,
        judged_in: Mapping[str, int] | None = None,
    ) -> None:
        """Append all scored proposals that the file does not hold yet.

        ``judged_in`` is the round of each verdict: one of a later round than the proposal's is
        not taken, whenever the file is written.

        Raises:
            StudyDamagedError: it holds something else.
            Exception: whatever Optuna and its database say of a file that they cannot use.
        """
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        known = {name: None if s is None else (s,) for name, s in scores.items()}

        def trial_of(entry: Entry) -> FrozenTrial:
            distributions = space.distributions(entry[2].params)
            return frozen_trial(entry, known, judged_in or {}, distributions)

        storage = self._opened()
        try:
            study = optuna.create_study(
                storage=storage, study_name=name, direction="maximize", load_if_exists=True
            )
            history = [entry for entry in history if is_trial(entry[2])]
            if not self._compared:
                _compare(storage, study, {entry[:2]: trial_of(entry) for entry in history})
                self._compared = True
            for entry in _missing(storage, study, history):
                study.add_trial(trial_of(entry))
        except Exception:
            self._storage, self._compared = None, False  # it may be another file next time
            raise
        finally:
            storage.remove_session()
            storage.engine.dispose()

    def remove(self) -> None:
        """Make room for a new one; the last one that was damaged is kept."""
        if self.path.exists():
            self.path.replace(self.path.with_name(f"{self.path.stem}.damaged.sqlite"))
        self._storage, self._compared = None, False

    def _opened(self) -> RDBStorage:
        from optuna.storages import RDBStorage

        if self._storage is None or not self.path.exists():
            self._storage = RDBStorage(f"sqlite:///{self.path}")
        return self._storage


def _compare(
    storage: RDBStorage, study: Study, expected: Mapping[tuple[int, int], FrozenTrial]
) -> None:
    """Refuse a file that SQLite finds damaged, or with other trials than the ledger has."""
    with storage.engine.connect() as db:
        told = db.exec_driver_sql("PRAGMA integrity_check(1)").scalar()
        n = db.exec_driver_sql("SELECT COUNT(*) FROM trials").scalar()
    if told != "ok":
        raise StudyDamagedError(str(told))
    held = study.get_trials(deepcopy=False)
    if len(held) != n:
        raise StudyDamagedError("trials of another study")
    for trial in held:
        right = expected.get(_place(trial))
        if right is None or _content(trial) != _content(right):
            raise StudyDamagedError(f"trial {trial.number} is none of this campaign's")


def _content(trial: FrozenTrial) -> tuple[Any, ...]:
    return (
        *(trial.state, trial.values, trial.params),
        *(trial.distributions, trial.user_attrs),
    )


def _missing(
    storage: RDBStorage, study: Study, history: Sequence[Entry]
) -> Sequence[Entry]:
    """Proposals that the file does not hold yet.

    They are written in order, so that the last one tells how far it came; all are read only
    where it does not fit, for that takes seconds where there are thousands.
    """
    from sqlalchemy import text

    with storage.engine.connect() as db:
        query = text("SELECT COUNT(*), MAX(trial_id) FROM trials WHERE study_id = :study")
        n, last = db.execute(query, {"study": study._study_id}).one()
    if n == 0:
        return history
    if n <= len(history) and _place(storage.get_trial(last)) == history[n - 1][:2]:
        return history[n:]
    held = {_place(trial) for trial in study.get_trials(deepcopy=False)}
    return [entry for entry in history if entry[:2] not in held]


def _place(trial: FrozenTrial) -> tuple[Any, Any]:
    return trial.user_attrs.get("round"), trial.user_attrs.get("position")
