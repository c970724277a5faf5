"""Optuna's file of a campaign: the scored proposals, for people and dashboards.

The ledger is the truth; a file that is half written or lost is completed from it.
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


class StudyFile:
    """One file, written again and again: SQLAlchemy never forgets an engine, so there is one.

    Between two writes the file is closed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._storage: RDBStorage | None = None

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
            Exception: whatever Optuna and its database say of a file that they cannot use.
        """
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        known = {name: None if s is None else (s,) for name, s in scores.items()}
        storage = self._opened()
        try:
            study = optuna.create_study(
                storage=storage, study_name=name, direction="maximize", load_if_exists=True
            )
            for entry in _missing(storage, study, [e for e in history if is_trial(e[2])]):
                distributions = space.distributions(entry[2].params)
                trial = frozen_trial(entry, known, judged_in or {}, distributions)
                study.add_trial(trial)
        except Exception:
            self._storage = None  # it may be another file by the next time
            raise
        finally:
            storage.remove_session()
            storage.engine.dispose()

    def remove(self) -> None:
        """Make room for a new one."""
        self.path.unlink(missing_ok=True)
        self._storage = None

    def _opened(self) -> RDBStorage:
        from optuna.storages import RDBStorage

        if self._storage is None or not self.path.exists():
            self._storage = RDBStorage(f"sqlite:///{self.path}")
        return self._storage


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
