"""What tests of the API have in common."""

from __future__ import annotations

from tests import pictures


async def upload(client, data: bytes = b"", *, user: object = 7, key: str | None = None, **fields):
    headers = {"Idempotency-Key": key} if key else {}
    files = {"photo": ("a.jpg", data or pictures.jpeg(), "image/jpeg")}
    return await client.post("/photos", data={"user_id": user, **fields}, files=files, headers=headers)


def problem(answer, status: int, kind: str) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert (body["type"], body["status"]) == (f"urn:photo-api:problem:{kind}", status)
    return body["detail"]
