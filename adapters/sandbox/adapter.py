"""The simulated carrier behind the contract of all adapters: what an adapter looks like, without a network."""

from __future__ import annotations

import logging
from pathlib import Path

from adapters.base import Adapter, Attempt, Outcome, ProviderSpec, ReceiptSink, Result, Surroundings, Traits
from adapters.sandbox.carrier import Carrier
from adapters.sandbox.log import CarrierLog
from adapters.sandbox.profile import SandboxProfile, profile_of
from adapters.sandbox.reporter import Reporter
from engine.errors import ConfigurationError

logger = logging.getLogger(__name__)


def build(spec: ProviderSpec, surroundings: Surroundings) -> Adapter:
    """Make a simulated carrier. Its settings: those of `SandboxProfile`, `profile` (a named one) and `log` (a file).

    Without `log` it is `<data directory>/sandbox/<name>.jsonl`. Raises ConfigurationError for a wrong setting.
    """
    settings = dict(spec.settings)
    path = settings.pop("log", None)
    if path is not None and not (isinstance(path, str) and path and "\0" not in path):
        raise ConfigurationError("log: the path of a file is expected")
    log_path = Path(path) if path else surroundings.data_dir / "sandbox" / f"{spec.name}.jsonl"
    return SandboxAdapter(spec.name, spec.channel, profile_of(settings), log_path, surroundings)


class SandboxAdapter:
    """See `adapters.base.Adapter`, whose promises it keeps, and `SandboxProfile` for what it can be made to do."""

    def __init__(
        self, name: str, channel: str, profile: SandboxProfile, log_path: Path, surroundings: Surroundings
    ) -> None:
        self.name = name
        self.channel = channel
        self.traits: Traits = profile.traits
        self._schedule = surroundings.schedule
        self._log = CarrierLog(log_path)
        self._carrier = Carrier(name, channel, profile, surroundings.clock, self._log)
        self._reporter = Reporter(self._log, surroundings.schedule, surroundings.clock)
        self._started = False

    async def start(self, receipts: ReceiptSink) -> None:
        """Open the log and go on telling receipts; raises ConfigurationError when the log cannot be used."""
        if self._started:
            return
        self._log.open()
        self._reporter.start(receipts)
        self._started = True

    async def send(self, attempt: Attempt) -> Result:
        """Make one simulated call."""
        if not self._started:
            return Result(Outcome.RETRY, code="STOPPED", detail="the adapter is not running")
        try:
            fate = self._carrier.call(attempt)
        except OSError as error:
            logger.warning("the simulated carrier %s cannot write its log: %s", self.name, error)
            return Result(Outcome.RETRY, code="LOG", detail=f"the carrier's log cannot be written: {error.strerror}")
        if fate.receipts:
            self._reporter.noticed()
        await self._schedule.pause(fate.answer_ms)
        return fate.result

    async def query(self, reference: str) -> Result | None:
        """Say what became of a call, from the log."""
        if not (self._started and self.traits.query):
            return None
        try:
            return await self._carrier.query(reference)
        except OSError as error:
            logger.warning("the simulated carrier %s cannot read its log: %s", self.name, error)
            return None

    async def stop(self) -> None:
        """Stop telling receipts and close the log."""
        self._started = False
        await self._reporter.stop()
        self._log.close()
