"""The follower's loop: events of etcd, probes and pgBouncer go into `holds`, and it acts here.

Only this thread touches pgBouncer and the list of pools. It waits for nothing longer than the deadlines of
`bouncer`, so that systemd's watchdog ends a follower that is stuck.
"""

from __future__ import annotations

import queue
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from follower import state
from follower.bouncer import Bouncer as PgBouncer
from follower.bouncer import Paused
from follower.config import Config
from follower.console import ConsoleError
from follower.holds import (
    BY_KEY,
    Action,
    Bouncer,
    Event,
    Holds,
    Pause,
    Point,
    Probe,
    Resume,
    Seen,
    Stop,
    Tick,
    Writable,
)
from follower.listing import Listing, Misled
from follower.notify import notify

#: Seconds between two looks at pgBouncer: while it serves and is known, and while it does not answer.
CHECK = 1.0
RETRY = 0.2


@dataclass(frozen=True)
class Reads:
    """Where reads go that may be stale; None: to the leader."""

    member: str | None


class Prober(Protocol):
    token: object | None

    def start(self, member: str) -> None: ...
    def stop(self) -> None: ...


class Daemon:
    """`events` is what other threads put: events, or (member, token) of a probe. `publish` never waits."""

    def __init__(
        self,
        config: Config,
        bouncer: PgBouncer,
        prober: Prober,
        publish: Callable[[dict[str, Any]], None],
        say: Callable[[str], None],
        boot: str,
    ) -> None:
        self.config = config
        self.bouncer = bouncer
        self.prober = prober
        self.publish = publish
        self.say = say
        self.boot = boot
        self.events: queue.SimpleQueue[Event | Reads | tuple[str, object]] = queue.SimpleQueue()
        self.listing = Listing(config)
        #: Whether pgBouncer may not have read the list as it is; whether the list lacks where stale reads go.
        self.unread = False
        self.unlisted = False
        self.holds = Holds(config.hold, state.load(config.state_file, boot), say)
        self.names = {address: name for name, address in config.members.items()}
        self.drained = False
        self.next_check = 0.0
        self.unreachable = ""
        self.misled = ""
        self.shown: dict[str, Any] = {}
        self.saved: dict[str, Any] = {}
        self.since = time.time()

    def seen(self, seen: Seen) -> None:
        self.events.put(seen)

    def writable(self, member: str, token: object) -> None:
        self.events.put((member, token))

    def reads(self, member: str | None) -> None:
        self.events.put(Reads(member))

    def leader(self) -> str | None:
        """As far as it is known. For another thread: it may be out of date when it is used."""
        memory = self.holds.memory
        return None if memory.gone else memory.leader

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Of a signal handler."""
        self.events.put(Stop())

    def seed(self) -> None:
        """pgBouncer does not start without its list of pools."""
        self.unread = self.listing.make(self.holds.memory.leader)

    def run(self) -> None:
        """Until `stop`."""
        self._check()
        notify("READY=1")
        while True:
            event = self._next()
            notify("WATCHDOG=1")
            if isinstance(event, Reads):
                self._read_from(event.member)
                event = Tick()
            if isinstance(event, tuple):
                member, token = event
                event = Writable(member) if token is self.prober.token else Tick()
            self._handle(event)
            if isinstance(event, Stop):
                notify("STOPPING=1")
                # Nothing stays held, whatever was known of it.
                self._check()
                break
            if time.monotonic() >= self.next_check:
                self._check()
        self.bouncer.close()

    def _read_from(self, member: str | None) -> None:
        self.listing.reads_from = member
        self.unlisted = True
        self._list_reads()

    def _list_reads(self) -> None:
        """Tried again at each check until pgBouncer has read it: it may not run yet, or not be known."""
        leader = self.holds.pointed
        if leader is None:
            return
        try:
            self.listing.write(leader)
            self.bouncer.reload()
            self.unlisted = False
            self.say(f"reads that may be stale go to {self.listing.reads_from or leader}")
        except Misled as error:
            self._once(str(error))
        except ConsoleError as error:
            self._lost(error)

    def _next(self) -> Event | Reads | tuple[str, object]:
        end = min(self.next_check, self.holds.next_end() or self.next_check)
        try:
            return self.events.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            return Tick()

    @property
    def given_up(self) -> bool:
        """A hold has ended by its time, and no leader was found writable since."""
        return any(not name.startswith(BY_KEY) for name in self.holds.memory.spent)

    def _check(self) -> None:
        """Ask pgBouncer how it is, and set right what differs."""
        try:
            if self.unread:
                self.bouncer.reload()
                self.unread = False
            found = self.bouncer.state()
        except ConsoleError as error:
            self._lost(error)
            self._handle(Bouncer(None))
            return
        if self.unreachable:
            self.unreachable = ""
            self.say("pgBouncer answers again")
        self.next_check = time.monotonic() + (RETRY if self.given_up else CHECK)
        # Some paused and some not is neither: they are paused again where a hold wants it, or all resumed.
        paused = any(found.paused.values())
        if self.holds.memory.causes:
            paused = all(found.paused.values())
        hosts = set(found.hosts.values())
        self._handle(Bouncer(paused, self.names.get(hosts.pop()) if len(hosts) == 1 else None))
        if self.holds.paused and not self.drained:
            self._handle(Bouncer(False, self.holds.pointed))
        if self.unlisted:
            self._list_reads()
        if self.holds.paused is False:
            self._end_waiting()

    def _end_waiting(self) -> None:
        """Statements that wait for a member that is gone end now; pgBouncer refuses new ones by itself."""
        try:
            ended = self.bouncer.end_waiting(0 if self.given_up else self.config.hold)
        except ConsoleError as error:
            self._lost(error)
            return
        if ended:
            self.say(f"ended {ended} statements that waited: pgBouncer has no connection to a member")

    def _lost(self, error: Exception) -> None:
        self.next_check = time.monotonic() + RETRY
        self.drained = False
        self.bouncer.close()
        if str(error) != self.unreachable:
            self.unreachable = str(error)
            self.say(f"pgBouncer: {error}")

    def _handle(self, event: Event) -> None:
        for action in self.holds.handle(event, time.monotonic()):
            try:
                self._do(action)
            except Misled as error:
                self._once(str(error))
            except ConsoleError as error:
                self._lost(error)
                # What else was to be done is found to be missing when it answers again.
                self.holds.handle(Bouncer(None), time.monotonic())
                break
        self._show()

    def _do(self, action: Action) -> None:
        match action:
            case Pause(why, planned):
                self._pause(why, planned)
            case Point(member):
                self.listing.write(member)
                self.bouncer.reload()
                # It keeps the old list where it cannot read the new one, and says so in its log alone.
                if set(self.bouncer.state().hosts.values()) != {self.config.members[member]}:
                    raise Misled("RELOAD left the pools where they were; see pgBouncer's log")
                self.misled = ""
                self.say(f"pools lead to {member}")
            case Resume(why, seconds):
                self.bouncer.resume()
                self.drained = False
                if self.given_up:
                    self.next_check = time.monotonic() + RETRY
                self.say(f"resumed: {why}" + (f"; held for {seconds:.3f} s" if seconds is not None else ""))
            case Probe(None):
                self.prober.stop()
            case Probe(member):
                self.prober.start(str(member))

    def _pause(self, why: str, planned: bool) -> None:
        paused: Paused = self.bouncer.pause(planned)
        self.drained = paused.done
        ended = f", ended {paused.ended} statements" if paused.ended else ""
        unfinished = "" if paused.done else ", statements are still under way"
        self.say(f"paused in {paused.seconds * 1000:.0f} ms{ended}{unfinished}: {why}")

    def _once(self, line: str) -> None:
        """It is tried again each second."""
        if line != self.misled:
            self.misled = line
            self.say(line)

    def _show(self) -> None:
        """Publish and save what has changed."""
        held = bool(self.holds.paused) and self.drained
        memory = self.holds.memory
        shown = {
            "host": self.config.host,
            "state": "held" if held else "serving",
            "holds": self.holds.owners,
            "leader": None if memory.gone else memory.leader,
        }
        if {key: value for key, value in self.shown.items() if key != "since"} != shown:
            self.since = time.time()
        self.shown = {**shown, "since": self.since}
        self.publish(self.shown)
        full = {
            **self.shown,
            "pgbouncer": self.unreachable or "answers",
            "paused": self.holds.paused,
            "pools_lead_to": self.holds.pointed,
        }
        if self.config.read_pools:
            full["reads_from"] = self.listing.reads_from
        dumped = {**full, "memory": memory.dumped()}
        if dumped != self.saved:
            self.saved = dumped
            try:
                state.save(self.config.state_file, full, memory, self.boot)
            except OSError as error:
                self.say(f"{self.config.state_file}: {error.strerror}; a restart would begin without it")
