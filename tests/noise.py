"""Made-up machines on which calls take time that wanders, on a made-up clock: what a comparison must not fall for."""

import math
import random
from collections.abc import Callable

from netcost.timing import stats
from netcost.timing.sampling import Rounds, Subject, sample_rounds


class Machine:
    """A clock, and calls that spend time on it; steady but for 1 % of noise."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.now = 0.0

    def __call__(self) -> float:
        """The time (seconds)."""
        return self.now

    def call(self, network: "Network") -> None:
        """Spend the time of one call."""
        self.work(network.call_s * self.noise(0.01))

    def work(self, seconds: float) -> None:
        """Spend the time of so much work; a machine that others load takes longer for it."""
        self.now += seconds

    def noise(self, share: float) -> float:
        """A factor around 1, lognormal."""
        return math.exp(self.chance.gauss(0, share))


class Network:
    """A network on such a machine, and what it remembers."""

    def __init__(self, machine: Machine, call_s: float) -> None:
        self.machine, self.call_s, self.placement = machine, call_s, 1.0

    def run(self) -> None:
        self.machine.call(self)

    def move(self) -> None:
        """Another placement in memory: 4 % of difference."""
        self.placement = self.machine.noise(0.04)


class Noisy(Machine):
    """3 % of noise a call."""

    def call(self, network):
        self.work(network.call_s * self.noise(0.03))


class HeavyTails(Machine):
    """Once in a while a call takes ten times as long; there is no mean."""

    def call(self, network):
        self.work(network.call_s * self.noise(0.01) * (1 + 0.02 * (self.chance.paretovariate(1.1) - 1)))


class Bursts(Machine):
    """Others come and go, for half a second each, and slow everything down meanwhile, by as much as they like."""

    on_s = off_s = 0.5

    def __init__(self, seed):
        super().__init__(seed)
        self.slowdown, self.until = 1.0, self.chance.expovariate(1 / self.off_s)

    def work(self, seconds):
        while seconds > 0:
            if self.now >= self.until:
                loaded = self.slowdown == 1.0
                self.slowdown = self.chance.uniform(1.3, 2.2) if loaded else 1.0
                self.until = self.now + self.chance.expovariate(1 / (self.on_s if loaded else self.off_s))
            left = self.until - self.now
            if seconds * self.slowdown <= left:
                self.now += seconds * self.slowdown
                return
            self.now, seconds = self.until, seconds - left / self.slowdown


class ShortBursts(Bursts):
    """Bursts about as long as a call: of a round, often one call is hit."""

    on_s = off_s = 0.004


class HalfTheTime(Machine):
    """Another program is busy for 50 ms and idle for 50 ms, and meanwhile shares the core by slices of 4 ms."""

    def work(self, seconds):
        while seconds > 1e-12:
            step = min(seconds, 0.004)
            self.now, seconds = self.now + step, seconds - step
            if self.now % 0.1 < 0.05 and self.chance.random() < 0.5:
                self.now += 0.004


class Wandering(Machine):
    """The speed wanders by itself, and remembers where it was for some 50 calls."""

    wandered = 0.0

    def call(self, network):
        self.wandered = 0.98 * self.wandered + self.chance.gauss(0, 0.02)
        self.work(network.call_s * self.noise(0.02) * math.exp(self.wandered))


class Heating(Machine):
    """Everything takes 5 % longer with every second."""

    def call(self, network):
        self.work(network.call_s * self.noise(0.02) * (1 + 0.05 * self.now))


class TwoModes(Machine):
    """Two speeds, 15 % apart; one lasts for some five calls."""

    slow = False

    def call(self, network):
        self.slow ^= self.chance.random() < 0.2
        self.work(network.call_s * self.noise(0.005) * (1.15 if self.slow else 1.0))


class Rhythm(Machine):
    """Slow, fast, fast, slow, as long as a call each: in step with rounds of two."""

    def call(self, network):
        beat = self.now / 0.003 % 4
        self.work(network.call_s * self.noise(0.01) * (1.3 if beat < 1 or beat >= 3 else 1.0))


class FirstIsSlow(Machine):
    """Who is first in a round takes 5 % longer."""

    def __init__(self, seed):
        super().__init__(seed)
        self.seen = set()

    def call(self, network):
        if network in self.seen:
            self.seen.clear()
        self.work(network.call_s * self.noise(0.003) * (1.0 if self.seen else 1.05))
        self.seen.add(network)
        if len(self.seen) == 2:
            self.seen.clear()


class Placed(Machine):
    """How fast a network runs depends on where its weights lie."""

    def call(self, network):
        self.work(network.call_s * self.noise(0.01) * network.placement)


MACHINES: tuple[type[Machine], ...] = (
    Machine,
    Noisy,
    HeavyTails,
    Bursts,
    ShortBursts,
    HalfTheTime,
    Wandering,
    Heating,
    TwoModes,
    Rhythm,
    FirstIsSlow,
    Placed,
)


def compared(
    kind: Callable[[int], Machine], seed: int, ratio: float, *, moved: bool = True, call_s: float = 0.003
) -> Rounds:
    """The rounds of a network and another that takes `ratio` times as long (its calls last `call_s` seconds).

    Args:
        moved: whether the weights are moved before each sample, as on a processor; or placed once and for all.
    """
    machine = kind(seed)
    networks = [Network(machine, call_s), Network(machine, ratio * call_s)]
    for network in networks:
        network.move()
    subjects = [
        Subject(name, network.run, network.move if moved else None)
        for name, network in zip("ab", networks, strict=True)
    ]
    return sample_rounds(subjects, clock=machine, rng=random.Random(seed))


def verdict(rounds: Rounds) -> stats.SpeedVerdict:
    """What the rounds say of the second network."""
    estimate = rounds.ratios[1]
    assert estimate is not None
    return stats.verdict(estimate.ci95)


def report(comparisons: int = 1000) -> None:
    """Print, for each machine, how often equals got a verdict, 10 % was called slower, and intervals held the truth."""
    print(f"{'machine':14}{'false':>8}{'right':>8}{'covered':>9}{'rounds':>8}")
    for kind in MACHINES:
        equal, more = ([compared(kind, seed, ratio) for seed in range(comparisons)] for ratio in (1.0, 1.1))
        false = sum(verdict(trial) is not stats.SpeedVerdict.CANNOT_TELL for trial in equal) / comparisons
        right = sum(verdict(trial) is stats.SpeedVerdict.SLOWER for trial in more) / comparisons
        covered = sum(low <= 1 <= high for low, high in (trial.ratios[1].ci95 for trial in equal)) / comparisons
        rounds = sorted(trial.rounds for trial in equal)[comparisons // 2]
        print(f"{kind.__name__:14}{false:8.1%}{right:8.1%}{covered:9.1%}{rounds:8}")


if __name__ == "__main__":
    report()
