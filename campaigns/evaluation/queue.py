"""The candidates of one campaign that wait for an oracle, in a database that many share.

One Optuna study holds them, a trial for each attempt on a candidate: waiting, running at a
worker, complete with its verdict, or failed, which here means that the attempt came to nothing.
Only the campaign adds trials, and it writes the *roll* of those that may be taken, so that one
added twice, for want of an answer from the database, is never evaluated twice. Only one worker
gets a trial, because the database lets only one change it from waiting to running. And nothing
is told of a trial that has been taken from its worker, so that each has at most one verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from math import inf, isfinite
from typing import TYPE_CHECKING, Any, Self

from campaigns.evaluation.storage import Address, Note, Patience
from campaigns.evaluation.wire import Json, candidate_json, verdict_json
from campaigns.protocols import Candidate, Verdict
from materials.errors import InputError, did_you_mean
from materials.versioned import FileFormat

if TYPE_CHECKING:
    from optuna import Study
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

_SUFFIX = "/evaluations"
QUEUE = FileFormat(
    what="queue of a campaign",
    version=1,
    unmarked=0,
    remedy="install the campaign's Galena here",
)
_ROLL = "roll of "
GIVEN_BACK = "given back"


@dataclass(frozen=True)
class Terms:
    """What a campaign tells its workers; all of it is on record with the study."""

    campaign: str
    """What tells this campaign from another of the same name."""
    spec: str
    """The specification, YAML."""
    versions: Mapping[str, str]
    beat: float = 10.0
    """s between signs of life of a worker."""


@dataclass(frozen=True)
class Claim:
    """A candidate that one worker has, and nobody else."""

    trial_id: int
    number: int
    oracle: str
    candidate: Json


@dataclass
class Queue:
    """One campaign's candidates; every method is safe to call from many processes."""

    storage: BaseStorage
    study_id: int
    name: str
    patience: Patience
    study: Study
    """The same for reading: what is over is fetched only once."""

    @classmethod
    def begin(
        cls, address: Address, name: str, terms: Terms, *, seconds: float, note: Note
    ) -> Self:
        """Make the campaign's queue, or find the one that it began.

        Raises:
            InputError: another campaign of that name is in the database.
            StorageError: the database cannot be used.
        """
        from optuna.exceptions import DuplicatedStudyError
        from optuna.study import StudyDirection

        patience = Patience(address, seconds, note)
        storage = patience(address.open)

        def make() -> None:
            with suppress(DuplicatedStudyError):
                storage.create_new_study([StudyDirection.MINIMIZE], name + _SUFFIX)

        patience(make)
        queue = cls._of(storage, name, patience)
        begun = queue.facts().get("campaign")
        if begun not in (None, terms.campaign):
            raise InputError(
                f"{address} holds another campaign named '{name}'; change the name in the "
                "specification, or use another database"
            )
        queue.put(
            **QUEUE.stamp(),
            campaign=terms.campaign,
            spec=terms.spec,
            versions=dict(terms.versions),
            beat=terms.beat,
            finished=False,
        )
        return queue

    @classmethod
    def join(cls, address: Address, name: str, *, seconds: float, note: Note) -> Self:
        """Find the queue of a campaign that runs.

        Raises:
            InputError: there is none of that name, or another Galena wrote it.
            StorageError: the database cannot be used.
        """
        address.check_there()
        patience = Patience(address, seconds, note)
        storage = patience(address.open)
        names = [study.study_name for study in patience(storage.get_all_studies)]
        known = [n.removesuffix(_SUFFIX) for n in names if n.endswith(_SUFFIX)]
        if name not in known:
            there = (
                f"there are {', '.join(sorted(known))}" if known else "there is none yet"
            )
            raise InputError(
                f"{address}: no campaign '{name}' here; {there}.{did_you_mean(name, known)} "
                "Begin it with: galena campaign run SPEC --storage URL"
            )
        queue = cls._of(storage, name, patience)
        facts = queue.facts()
        where = f"{address}: queue of '{name}'"
        QUEUE.check(facts.get("format"), where, writer=facts.get("galena"))
        longest = min(patience.longest, queue.beat_interval)
        queue.patience = replace(patience, longest=longest)
        return queue

    @classmethod
    def _of(cls, storage: BaseStorage, name: str, patience: Patience) -> Self:
        from optuna import load_study

        study = patience(lambda: load_study(study_name=name + _SUFFIX, storage=storage))
        number = patience(lambda: storage.get_study_id_from_name(name + _SUFFIX))
        return cls(storage, number, name, patience, study)

    @property
    def beat_interval(self) -> float:
        """Seconds between signs of life that the campaign asks for."""
        return float(self.facts()["beat"])

    # --- facts about the campaign

    def facts(self) -> dict[str, Any]:
        """Terms, roll and whether the campaign is finished."""
        found: dict[str, Any] = self.patience(
            lambda: self.storage.get_study_user_attrs(self.study_id)
        )
        return found

    def put(self, **facts: Any) -> None:
        """Record facts, replacing earlier ones."""
        for name, value in facts.items():
            self.patience(
                lambda name=name, value=value: self.storage.set_study_user_attr(  # type: ignore[misc]
                    self.study_id, name, value
                )
            )

    # --- the campaign's side

    def trials(self) -> list[FrozenTrial]:
        """Every attempt on record, in order."""
        found = self.patience(lambda: self.study.get_trials(deepcopy=False))
        return sorted(found, key=lambda trial: trial.number)

    def add(self, candidate: Candidate, oracle: str) -> None:
        """Put a candidate there, to be taken once its number is on the roll.

        Added twice it may be, where an answer of the database was lost on its way.
        """
        from optuna.trial import TrialState, create_trial

        task = {
            "candidate": candidate.id,
            "oracle": oracle,
            "task": candidate_json(candidate),
        }
        trial = create_trial(state=TrialState.WAITING, user_attrs=task)
        self.patience(lambda: self.storage.create_new_trial(self.study_id, trial))

    def allow(self, oracle: str, numbers: Sequence[int]) -> None:
        """Write down which trials may be taken for this oracle, and no others."""
        self.put(**{_ROLL + oracle: list(numbers)})

    def fail(self, number: int, *, lost: str) -> bool:
        """Take a trial from whoever has it; False if it had its verdict already."""
        from optuna.exceptions import UpdateFinishedTrialError
        from optuna.trial import TrialState

        def end() -> bool:
            trial_id = self._id_of(number)
            try:
                self.storage.set_trial_user_attr(trial_id, "lost", lost)
                self.storage.set_trial_state_values(trial_id, TrialState.FAIL)
            except UpdateFinishedTrialError:
                return self.storage.get_trial(trial_id).state == TrialState.FAIL
            return True

        return self.patience(end)

    # --- the workers' side

    def claim(self, worker: str, oracles: Iterable[str] | None = None) -> Claim | None:
        """Take a candidate that nobody has, of one of these oracles, if there is one."""
        wanted = None if oracles is None else frozenset(oracles)
        rolls = (v for k, v in self.facts().items() if k.startswith(_ROLL))
        roll = {number for numbers in rolls for number in numbers}
        if not roll:
            return None
        for trial in self._waiting():
            oracle = trial.user_attrs["oracle"]
            if trial.number not in roll or (wanted is not None and oracle not in wanted):
                continue
            trial_id = self.patience(lambda number=trial.number: self._id_of(number))  # type: ignore[misc]
            if self._take(trial_id):
                claim = Claim(trial_id, trial.number, oracle, trial.user_attrs["task"])
                self.patience(
                    lambda claim=claim: self._write(claim, "worker", worker)  # type: ignore[misc]
                )
                return claim
        return None

    def _waiting(self) -> list[FrozenTrial]:
        from optuna.trial import TrialState

        return self.patience(
            lambda: self.storage.get_all_trials(
                self.study_id, deepcopy=False, states=(TrialState.WAITING,)
            )
        )

    def _take(self, trial_id: int) -> bool:
        from optuna.exceptions import UpdateFinishedTrialError
        from optuna.trial import TrialState

        try:
            return self.patience(
                lambda: self.storage.set_trial_state_values(trial_id, TrialState.RUNNING)
            )
        except UpdateFinishedTrialError:
            return False

    def beat(self, claim: Claim, count: int) -> bool:
        """Give a sign of life; False if the candidate was taken away. Tried once."""
        return self._write(claim, "beat", count)

    def tell(self, claim: Claim, verdict: Verdict) -> bool:
        """Record the verdict; False, and nothing recorded, if it was taken away."""
        from optuna.exceptions import UpdateFinishedTrialError
        from optuna.trial import TrialState

        def told() -> bool:
            try:
                self.storage.set_trial_user_attr(
                    claim.trial_id, "verdict", verdict_json(verdict)
                )
                self.storage.set_trial_state_values(
                    claim.trial_id, TrialState.COMPLETE, [_worth(verdict)]
                )
            except UpdateFinishedTrialError:  # by us, if an answer was lost on its way
                return self.storage.get_trial(claim.trial_id).state == TrialState.COMPLETE
            return True

        return self.patience(told)

    def give_back(self, claim: Claim) -> None:
        """Let others have the candidate; it does not count as an attempt."""
        self.fail(claim.number, lost=GIVEN_BACK)

    def _id_of(self, number: int) -> int:
        return self.storage.get_trial_id_from_study_id_trial_number(self.study_id, number)

    def _write(self, claim: Claim, key: str, value: Any) -> bool:
        from optuna.exceptions import UpdateFinishedTrialError

        try:
            self.storage.set_trial_user_attr(claim.trial_id, key, value)
        except UpdateFinishedTrialError:
            return False
        return True


def counts(trial: FrozenTrial) -> bool:
    """Whether a failed trial was an attempt: someone began it, and did not give it back."""
    attributes = trial.user_attrs
    return "worker" in attributes and attributes.get("lost") != GIVEN_BACK


def _worth(verdict: Verdict) -> float:
    """The trial's value: distance from the hull, eV/atom; infinite where there is none."""
    value = verdict.energy_above_hull
    return value if verdict.error is None and value is not None and isfinite(value) else inf
