"""Too little memory, too few open files, no place for temporary files, a clock that jumps."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tools.chaos.faults.answered import answers_compared, nearly_the_same
from tools.chaos.faults.bench import Bench, Compare, Fault
from tools.chaos.faults.what import SUBJECTS
from tools.chaos.record import Outcome, Place, Scale, trial
from tools.chaos.record import Subject as Name
from tools.chaos.shim import Aim

_KINDS: dict[str, tuple[str, Sequence[int]]] = {
    "out of memory": ("little_memory", (64, 16, 3, 1)),
    "out of GPU memory": ("little_gpu_memory", (64, 16, 3, 1)),
    "clock jumping": ("jumping_clock", (1, 2, 3, 4)),
    "too few open files": ("few_files", (64, 40, 28, 20)),
}
"""The setup, and its number in each case."""
_ROUNDED: dict[Name, Compare] = {
    "campaign": answers_compared,
    "screening": nearly_the_same,
}
"""What smaller batches leave as it was: they add numbers in another order."""


def _met(place: Place, name: str, subject: Name) -> Outcome:
    setup, numbers = _KINDS[name]
    chosen = numbers[1:3] if place.scale is Scale.QUICK else numbers
    bench = Bench.of(place, subject)
    for number in chosen:
        environment = {"CHAOS_NUMBER": str(number)}
        told = f"{setup} {number}"
        aim = Aim(folder=place.folder, do="watch") if setup == "few_files" else None
        fault = Fault(what=told, environment=environment, setup=setup, aim=aim, proof=True)
        bench.meet(fault, compare=_ROUNDED[subject] if "memory" in name else None)
    return bench.outcome(name)


for _name in _KINDS:
    for _subject in SUBJECTS:
        if _subject == "training" and "memory" in _name:
            continue  # it has a trial of its own
        shim = "files" in _name  # which notes that there was no descriptor left
        trial(_name, _subject, shim=shim)(partial(_met, name=_name, subject=_subject))


def _places(place: Place, subject: Name) -> Outcome:
    """No temporary folder, no home, no caches."""
    nowhere = str(Path("/proc/nowhere"))
    homes = ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "MPLCONFIGDIR")
    cases = {
        "no temporary folder": {"TMPDIR": nowhere, "TEMP": nowhere, "TMP": nowhere},
        "no home": dict.fromkeys(homes, nowhere),
    }
    bench = Bench.of(place, subject)
    for what, environment in cases.items():
        bench.meet(Fault(what=what, environment=environment))
    return bench.outcome("no home, no temporary folder")


for _subject in SUBJECTS:
    trial("no home, no temporary folder", _subject)(partial(_places, subject=_subject))


@trial("out of GPU memory", "training")
def training_out_of_memory(place: Place) -> Outcome:
    """At some step; with memory, the same command goes on to the same weights."""
    steps = (3,) if place.scale is Scale.QUICK else (1, 3, 10, 20)
    bench = Bench.of(place, "training")
    for step in steps:
        environment = {"CHAOS_NUMBER": str(step)}
        what = f"at step {step}"
        bench.meet(
            Fault(what=what, environment=environment, setup="training_out_of_memory")
        )
    return bench.outcome("out of GPU memory", "raised where a step of training would")
