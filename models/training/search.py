"""Search the few hyper-parameters that matter, with Optuna.

Trials are short trainings, cut off early when after some pass they do worse than the median
of the others at that pass (Golovin et al., KDD 2017). The study lives in one SQLite file,
every trial in a folder beside it; a search killed at any moment goes on when called again,
inside the trial that it was killed in.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import torch

from materials.errors import InputError, did_you_mean
from materials.versioned import FORMAT, WRITER
from models.training.checkpoint import BEFORE, LAST
from models.training.config import TrainConfig
from models.training.data import LabelledGraphs
from models.training.fit import train
from models.training.loop import TrainingError
from models.training.record import TRAINING

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.trial import FrozenTrial

DIMENSIONS: dict[str, Callable[[Trial], Any]] = {
    "learning_rate": lambda trial: trial.suggest_float(
        "learning_rate", 2e-4, 1e-2, log=True
    ),
    "batch_size": lambda trial: trial.suggest_categorical("batch_size", [16, 32, 64, 128]),
    "weight_decay": lambda trial: trial.suggest_float("weight_decay", 1e-4, 0.3, log=True),
    "strain": lambda trial: trial.suggest_float("strain", 0.0, 0.03),
    "averaging": lambda trial: trial.suggest_categorical(
        "averaging", [0.95, 0.99, 0.995, 0.999]
    ),
    "atom_width": lambda trial: trial.suggest_categorical("atom_width", [64, 96, 128, 192]),
    "n_blocks": lambda trial: trial.suggest_int("n_blocks", 2, 6),
}
"""What can be searched, and where."""

USUAL = ("learning_rate", "batch_size", "weight_decay", "strain", "averaging")
"""What is searched unless said otherwise; the others change what the network costs."""

JUDGED = ("band_gap", "formation_energy_per_atom")

_SPARED = 1
"""First passes in which nothing is cut off: large batches begin slowly."""

_RUN, _ERROR, _PURPOSE = "run", "error", "purpose"  # attributes in the study


@dataclass(frozen=True)
class TrialReport:
    """One trial that is over."""

    number: int  # in Optuna's study
    state: str  # "complete" | "pruned" | "fail"
    parameters: dict[str, float]
    score: float | None  # geometric mean of the judged errors; None if it never got so far
    scores: dict[int, float]  # pass -> score after it
    error: str | None


@dataclass(frozen=True)
class SearchResult:
    """What a search came to."""

    trials: tuple[TrialReport, ...]  # those that are over, in order
    finished: bool  # False: the time given was over first; call again to go on
    best: TrialReport | None  # among the complete ones
    config: TrainConfig | None  # of the best


@dataclass(frozen=True, kw_only=True)
class SearchPlan:
    """What is searched, from where, and how it is judged."""

    config: TrainConfig
    """All that is not searched, and how long a trial is."""
    dimensions: tuple[str, ...] = USUAL
    judged: tuple[str, ...] = JUDGED
    """Targets; a trial is worth the geometric mean of their errors, so that one per cent of
    either counts the same."""
    seed: int = 0

    def __post_init__(self) -> None:
        _check("dimension", self.dimensions, tuple(DIMENSIONS))
        _check("target", self.judged, self.config.net.targets)

    def configured(self, parameters: Mapping[str, Any]) -> TrainConfig:
        """The plan's config with a trial's values."""
        inner = {k: v for k, v in parameters.items() if hasattr(self.config.net, k)}
        outer = {k: v for k, v in parameters.items() if k not in inner}
        return replace(self.config, net=replace(self.config.net, **inner), **outer)

    def score(self, metrics: Mapping[str, float]) -> float:
        """Geometric mean of the judged errors."""
        logs = [math.log(max(metrics[f"val/{name}_mae"], 1e-12)) for name in self.judged]
        return math.exp(sum(logs) / len(logs))


def search(
    training: LabelledGraphs,
    validation: LabelledGraphs,
    plan: SearchPlan,
    *,
    folder: Path,
    n_trials: int,
    device: torch.device | str = "cpu",
    minutes: float | None = None,
    told: Callable[[TrialReport], None] | None = None,
) -> SearchResult:
    """Search, or go on in ``folder``, until ``n_trials`` are over or ``minutes`` have passed.

    ``told`` hears of every trial as it ends. The validation crystals choose here, so the best
    score flatters; measure the chosen config on others. Raises :class:`InputError` if the
    folder holds a search with another plan or other crystals.
    """
    study = _study(folder, _purpose(plan, training, validation))
    _take_up_interrupted(study)
    deadline = monotonic() + 60.0 * minutes if minutes is not None else math.inf
    while len(reports(study)) < n_trials and monotonic() < deadline:
        # A sampler per trial, so that what is asked depends on the trials that are over alone.
        study.sampler = _sampler(plan.seed + len(reports(study)))
        trial = study.ask()
        trial.set_user_attr(_RUN, trial.user_attrs.get(_RUN, f"trial-{trial.number}"))
        attempt = _Attempt(study, trial, plan, folder)
        left = (deadline - monotonic()) / 60.0 if minutes is not None else None
        if not attempt.go(training, validation, device, left):
            break
        if told is not None:
            told(reports(study)[-1])
    return _result(study, plan, n_trials)


class _Attempt:
    """One trial's training, reported to the study pass by pass."""

    def __init__(self, study: Study, trial: Trial, plan: SearchPlan, folder: Path) -> None:
        self.study, self.trial, self.plan = study, trial, plan
        parameters = {name: DIMENSIONS[name](trial) for name in plan.dimensions}
        self.config = plan.configured(parameters)
        self.folder = folder / str(trial.user_attrs[_RUN])

    def go(
        self,
        training: LabelledGraphs,
        validation: LabelledGraphs,
        device: torch.device | str,
        minutes: float | None,
    ) -> bool:
        """Train and tell the study how it ended; False if time was over first."""
        from optuna import TrialPruned
        from optuna.trial import TrialState

        per_pass = -(-len(training.graphs) // self.config.batch_size)

        def hear(metrics: dict[str, float], step: int) -> None:
            if f"val/{self.plan.judged[0]}_mae" in metrics:
                self._report(metrics, round(step / per_pass))

        try:
            self._report_known()
            found = train(
                training,
                validation,
                self.config,
                folder=self.folder,
                device=device,
                minutes=minutes,
                log=hear,
            )
        except TrialPruned:
            self.study.tell(self.trial, state=TrialState.PRUNED)
        except TrainingError as error:
            self.trial.set_user_attr(_ERROR, str(error))
            self.study.tell(self.trial, state=TrialState.FAIL)
        else:
            if not found.finished:
                return False
            score = self.plan.score(found.history[-1])
            self.study.tell(self.trial, score, state=TrialState.COMPLETE)
        for name in (LAST, BEFORE):  # weights of short trainings
            (self.folder / name).unlink(missing_ok=True)
        return True

    def _report_known(self) -> None:
        """What an interrupted trial had reached."""
        history = self.folder / "history.json"
        if history.is_file():
            for entry in json.loads(history.read_text(encoding="utf-8")):
                self._report(entry, round(entry["pass"]))

    def _report(self, metrics: Mapping[str, float], passes: int) -> None:
        """Tell the study a score; raises ``TrialPruned`` if it is worse than others'."""
        from optuna import TrialPruned

        score = self.plan.score(metrics)
        if not math.isfinite(score):
            raise TrainingError(f"errors on the validation crystals are {score}")
        self.trial.report(score, passes)
        if passes < self.config.passes and self.trial.should_prune():
            raise TrialPruned


def reports(study: Study) -> tuple[TrialReport, ...]:
    """The trials that are over, in the order they began; interrupted ones count once."""
    from optuna.trial import TrialState

    over = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
    return tuple(
        _reported(trial)
        for trial in study.get_trials(deepcopy=False, states=over)
        if trial.state != TrialState.FAIL or _ERROR in trial.user_attrs
    )


def _reported(trial: FrozenTrial) -> TrialReport:
    scores = {passes: float(score) for passes, score in trial.intermediate_values.items()}
    return TrialReport(
        number=trial.number,
        state=trial.state.name.lower(),
        parameters=dict(trial.params),
        score=trial.value if trial.values else scores.get(max(scores, default=0)),
        scores=scores,
        error=trial.user_attrs.get(_ERROR),
    )


def _study(folder: Path, purpose: str) -> Study:
    """Open the folder's study, or begin it."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    folder.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        study_name="search",
        storage=f"sqlite:///{(folder / 'search.sqlite').resolve()}",
        pruner=optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=_SPARED + 1),
        load_if_exists=True,
    )
    begun = study.user_attrs.get(_PURPOSE)
    found = study.user_attrs.get(FORMAT)
    TRAINING.check(found, folder, writer=study.user_attrs.get(WRITER))
    if begun is None:
        for key, value in TRAINING.stamp().items():
            study.set_user_attr(key, value)
        study.set_user_attr(_PURPOSE, purpose)
    elif begun != purpose:
        raise InputError(
            f"{folder}: a search with other settings or other crystals was begun here; "
            "give the same again, or another folder"
        )
    return study


def _sampler(seed: int) -> Any:
    from optuna.samplers import TPESampler

    return TPESampler(seed=seed, n_startup_trials=8)


def _check(what: str, given: tuple[str, ...], possible: tuple[str, ...]) -> None:
    """Raise :class:`InputError` for names that are not possible, or none at all."""
    if not given:
        raise InputError(f"no {what} given: expected at least one")
    for name in given:
        if name not in possible:
            raise InputError(
                f"{what} '{name}': expected one of {', '.join(possible)}."
                f"{did_you_mean(name, possible)}"
            )


def _purpose(plan: SearchPlan, *data: LabelledGraphs) -> str:
    """All that must be the same for a search to go on."""
    sources = [asdict(part.source) if part.source else len(part.graphs) for part in data]
    return json.dumps({**asdict(plan), "data": sources}, sort_keys=True)


def _take_up_interrupted(study: Study) -> None:
    """Put trials that were running when the search ended first in the queue."""
    from optuna.trial import TrialState

    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        attributes = {k: v for k, v in trial.user_attrs.items() if k == _RUN}
        study.enqueue_trial(trial.params, user_attrs=attributes)
        study.tell(trial.number, state=TrialState.FAIL)


def _result(study: Study, plan: SearchPlan, n_trials: int) -> SearchResult:
    trials = reports(study)
    complete = [trial for trial in trials if trial.state == "complete"]
    best = min(complete, key=lambda trial: trial.score or 0.0, default=None)
    return SearchResult(
        trials,
        finished=len(trials) >= n_trials,
        best=best,
        config=plan.configured(best.parameters) if best else None,
    )
