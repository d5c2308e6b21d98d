"""What the follower reads of a pool."""

from __future__ import annotations

from tests.support.filters import filters

described = filters("follower_pools")["follower_pool"]
POOL = {"name": "a", "dbname": "b", "user": "c", "account": "d", "secret": "e", "size": 3}


def test_no_login_is_among_it() -> None:
    kept = {"name": "a", "dbname": "b", "pool_size": 3, "min_pool_size": 3}
    assert described(POOL) == kept
    assert described(POOL | {"max_lag_ms": "2500"}) == kept | {"max_lag_ms": 2500}
