"""Shards on a Ray cluster: what is done here by threads, done there by actors.

An actor holds the model, on a GPU of its own where the cluster has any. Workers may come and
go: the shards of one that is lost are done by the others, and one that joins gets its share.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from campaigns.clusters import ClusterError, cause, connected, last_line, lost_errors
from campaigns.screening.recipe import Recipe
from campaigns.screening.shard import Screener, ShardResult
from campaigns.screening.sources import Task
from campaigns.versions import galena_version

if TYPE_CHECKING:
    from models.inference import Tell

_AHEAD = 2  # shards that an actor has at once, so that it never waits for the next
_LOSSES = 3  # of workers by one shard, or at the start, before it is not bad luck any more
_LOOK = 10.0  # seconds between looks for processors that joined
_PATIENCE = 300.0  # seconds without any worker


class _Worker:
    """Lives on the cluster; has the model and does one shard after another."""

    def ready(self, recipe: Recipe) -> str:
        """Load the model, and say which Galena this is.

        Not when it is made: what goes wrong there would come back as prose.
        """
        import torch

        torch.set_num_threads(1)
        self._screener: Screener = recipe.screener()
        return galena_version()

    def screen(self, task: Task) -> ShardResult:
        return self._screener.screen(task)


def screen_on_ray(
    tasks: Iterable[Task],
    recipe: Recipe,
    *,
    address: str,
    workers: int | None = None,
    tell: Tell = lambda _: None,
) -> Generator[ShardResult]:
    """Do every task on the cluster at ``address``; results come in any order.

    ``address`` is what ``ray.init`` takes: ``auto``, ``HOST:6379``, ``ray://HOST:10001``, or
    ``local`` for a cluster of this machine alone. ``workers`` is how many actors to use at
    most; one for each GPU, or each processor if there is none, if not given.

    Raises:
        MissingExtraError: Ray is not installed.
        ClusterError: the cluster cannot be reached, has no room, or loses a shard's worker
            again and again.
        GalenaError: what a worker said of the model or a shard, as it would be said here.
    """
    with connected(address) as ray:
        on_gpus = recipe.device != "cpu"
        crew = _Crew(ray, ray.put(recipe), workers, on_gpus=on_gpus)
        todo = iter(tasks)
        again: deque[Task] = deque()
        losses: Counter[int] = Counter()
        more = True
        while more or again or crew.running:
            crew.recruit()
            while crew.idle and (more or again):
                task = again.popleft() if again else next(todo, None)
                if task is None:
                    more = False
                else:
                    crew.give(task)
            for task, result in crew.wait():
                if result is not None:
                    tell(len(task.shard))
                    yield result
                    continue
                again.append(task)
                losses[task.shard.number] += 1
                if losses[task.shard.number] >= _LOSSES:
                    raise ClusterError(
                        f"shard {task.shard.number} (rows {task.shard.first} to "
                        f"{task.shard.last}) lost its worker {_LOSSES} times, most often for "
                        "want of memory; use fewer rows per shard, or larger nodes"
                    )


@dataclass
class _Crew:
    """The actors there are, and what each of them is doing."""

    ray: Any
    recipe: Any  # where the recipe is kept on the cluster
    most: int | None
    on_gpus: bool
    """Whether the model may go there."""
    starting: dict[Any, Any] = field(default_factory=dict)  # reference -> actor
    running: dict[Any, tuple[Any, Task]] = field(default_factory=dict)
    load: dict[Any, int] = field(default_factory=dict)  # actor -> shards it has
    failures: int = 0
    looked: float = -_LOOK
    busy: float = field(default_factory=time.monotonic)  # when there was last a worker

    @property
    def idle(self) -> list[Any]:
        """Actors that can take one more shard, those with the fewest first."""
        able = [actor for actor, n in self.load.items() if n < _AHEAD]
        return sorted(able, key=self.load.__getitem__)

    def recruit(self) -> None:
        """Start actors where the cluster has room for more."""
        now = time.monotonic()
        if self.load:
            self.busy = now
        elif now - self.busy > _PATIENCE:
            raise ClusterError(
                f"the cluster gave no worker for {_PATIENCE:.0f} s; see what `ray status` "
                "says of its processors"
            )
        if now - self.looked < _LOOK:
            return
        self.looked = now
        have = self.ray.cluster_resources()
        gpus = int(have.get("GPU", 0)) if self.on_gpus else 0
        wanted = min(gpus or int(have.get("CPU", 0)), self.most or 1_000_000)
        actor = self.ray.remote(_Worker).options(num_cpus=1, num_gpus=1 if gpus else 0)
        for _ in range(wanted - len(self.load) - len(self.starting)):
            new = actor.remote()
            self.starting[new.ready.remote(self.recipe)] = new

    def give(self, task: Task) -> None:
        actor = self.idle[0]
        self.load[actor] += 1
        self.running[actor.screen.remote(task)] = (actor, task)

    def wait(self) -> Iterator[tuple[Task, ShardResult | None]]:
        """What was finished meanwhile; None for a task whose worker is lost."""
        refs = [*self.starting, *self.running]
        if not refs:
            time.sleep(1.0)
            return
        done, _ = self.ray.wait(refs, num_returns=1, timeout=1.0)
        for ref in done:
            if ref in self.starting:
                self._started(ref)
            else:
                yield self._finished(ref)

    def _started(self, ref: Any) -> None:
        actor = self.starting.pop(ref)
        try:
            version = self.ray.get(ref)
        except self.ray.exceptions.RayTaskError as error:
            raise cause(error) from error
        except self.ray.exceptions.RayError as error:
            self.failures += 1
            if self.failures >= _LOSSES:
                raise ClusterError(
                    f"workers cannot start: {last_line(error)}; is Galena installed on "
                    "every node, and its memory large enough?"
                ) from error
            return
        if version != galena_version():
            raise ClusterError(
                f"a node has Galena {version}, here is {galena_version()}; install the same "
                "one everywhere"
            )
        self.failures = 0
        self.load[actor] = 0

    def _finished(self, ref: Any) -> tuple[Task, ShardResult | None]:
        actor, task = self.running.pop(ref)
        try:
            result: ShardResult = self.ray.get(ref)
        except self.ray.exceptions.RayTaskError as error:
            raise cause(error) from error
        except lost_errors(self.ray):
            self.load.pop(actor, None)
            self.looked = -_LOOK  # there may be room for another one at once
            return task, None
        except self.ray.exceptions.RayError as error:
            raise ClusterError(
                f"shard {task.shard.number} did not come back: {last_line(error)}"
            ) from error
        if actor in self.load:
            self.load[actor] -= 1
        return task, result
