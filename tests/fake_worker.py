"""A worker that is none: it answers orders from this process, and its calls spend time on a made-up clock."""

from netcost.text.errors import MeasurementError
from netcost.timing.setting import EffectiveSetting


class FakeWorker:
    """Takes `call_s` seconds a call, and dies in the given round."""

    AFTER_THE_LAST = -1

    def __init__(self, clock, call_s, dies_in_round=None):
        self.clock, self.call_s, self.dies_in_round = clock, call_s, dies_in_round
        self.cpu_s = 0.0
        self.round = 0
        self.log = []

    def ask(self, do, **details):
        self.log.append(do)
        return getattr(self, f"_{do}")(**details)

    def _build(self, timing, **_):
        self.cpu_s += 100.0  # building is over when the load of others is looked at
        return {"threads": timing["threads"] or 2, "batch": 4}

    def _set_up(self):
        self.round += 1
        self.clock.spend(0.5)
        return {}

    def _sample(self, calls):
        self._die(self.round)
        self.clock.spend(calls * self.call_s + 0.25)  # the way there and back
        self.cpu_s += 2 * calls * self.call_s
        return {"seconds": calls * self.call_s}

    def _die(self, now):
        if now == self.dies_in_round:
            raise MeasurementError("its process was killed by SIGSEGV")

    def _finish(self):
        self._die(self.AFTER_THE_LAST)
        return {"times": None, "setting": EffectiveSetting().to_dict(), "compile_s": None, "throttle_reasons": None}
