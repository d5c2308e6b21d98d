"""How fast a lost leader is replaced: Patroni's timers, by its names."""

from __future__ import annotations

from pydantic import Field, model_validator

from infra.model import KeyedError, Model

#: Patroni's own default. With 0 and no one to fail over to, a crash is recovered by a slow single-user server
#: (patroni/ha.py, recover; issue 3121).
ALONE_START_TIMEOUT = 300
#: What Patroni raises smaller values to, with a line in its log only (patroni/config.py, validator.py).
LEAST_TTL, LEAST_LOOP_WAIT, LEAST_RETRY_TIMEOUT = 20, 1, 3


class Failover(Model):
    """Seconds, but for the lag. Every value is refused that Patroni would change in silence.

    `ttl`: how long the lease of a leader that is gone holds the others back. `loop_wait`: the longest time
    between two checks of a member. `retry_timeout`: how long etcd may be silent before the leader asks the
    other members whether it may go on. `primary_start_timeout`: for how long a server that has crashed is
    started again before another member leads; 0, the default with several members, lets another one lead at
    once, and a single member has 300. `primary_stop_timeout`: a server that
    has not stopped by then is killed. `maximum_lag_mib`: a member further behind does not lead.
    """

    ttl: int = Field(default=20, le=300)
    loop_wait: int = Field(default=2, le=30)
    retry_timeout: int = Field(default=5, le=60)
    primary_start_timeout: int | None = Field(default=None, ge=0, le=3600)
    primary_stop_timeout: int = Field(default=10, ge=5, le=3600)
    maximum_lag_mib: int = Field(default=32, ge=1, le=4096)

    def start_timeout(self, members: int) -> int:
        """`primary_start_timeout` of a cluster of so many members, in seconds."""
        if self.primary_start_timeout is None:
            return ALONE_START_TIMEOUT if members == 1 else 0
        return self.primary_start_timeout

    @model_validator(mode="after")
    def _as_patroni_keeps_them(self) -> Failover:
        for key, least in (
            ("ttl", LEAST_TTL),
            ("loop_wait", LEAST_LOOP_WAIT),
            ("retry_timeout", LEAST_RETRY_TIMEOUT),
        ):
            if (value := getattr(self, key)) < least:
                raise KeyedError(key, f"{value}: Patroni would raise it to {least}; take at least {least}")
        needed = self.loop_wait + 2 * self.retry_timeout
        if needed > self.ttl:
            raise KeyedError(
                "ttl",
                f"{self.ttl}: is less than loop_wait + 2 x retry_timeout = {needed}, and Patroni would lower "
                f"the other two; take at least {needed}, or lower them",
            )
        return self


class Takeover(Model):
    """Whether a leader that is stuck or gone is sealed off and gives way before its lease ends.

    Without the section: where copies of a quorum are there, on platform local; on aws it has to be declared.
    """

    enabled: bool
