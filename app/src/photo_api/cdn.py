"""Photos from a CDN before the bucket: the API looks a photo up and sends the client there."""

from __future__ import annotations

from fastapi.responses import RedirectResponse

#: Seconds that a client may follow the redirect again without asking: a photo that is deleted meanwhile is found this
#: long, and in the CDN's own cache for up to a day.
_KEPT_S = 300


def to_cdn(cdn_url: str, key: str) -> RedirectResponse:
    """The answer that sends a client to the object `key`; the method stays the same (307)."""
    return RedirectResponse(f"{cdn_url}/{key}", 307, headers={"Cache-Control": f"public, max-age={_KEPT_S}"})
