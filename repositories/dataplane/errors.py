"""The error table: what went wrong to status codes, here and nowhere else, and the bodies clients show.

pip prints the status line, uv reads problem+json, twine and poetry print the body as text.
"""

import json

from repositories.dataplane.request import Headers, Request
from repositories.dataplane.responses import Answer
from repositories.domain import errors

STATUS: dict[type[errors.RepositoryError], tuple[int, str]] = {
    errors.InvalidRequest: (400, "Bad Request"),
    errors.FileExists: (400, "Bad Request"),
    errors.AuthenticationRequired: (401, "Unauthorized"),
    errors.Forbidden: (403, "Forbidden"),
    errors.Refused: (403, "Blocked by policy"),
    errors.NotFound: (404, "Not Found"),
    errors.MethodNotAllowed: (405, "Method Not Allowed"),
    errors.NotAcceptable: (406, "Not Acceptable"),
    errors.Gone: (410, "Gone"),
    errors.TooLarge: (413, "Content Too Large"),
    errors.StorageFailed: (503, "Storage unavailable"),
    errors.StorageFull: (507, "Insufficient Storage"),
    errors.Offline: (503, "Repository offline"),
    errors.UpstreamBlocked: (503, "Upstream blocked"),
    errors.UpstreamTimeout: (504, "Upstream timeout"),
    errors.UpstreamInvalid: (502, "Bad upstream answer"),
    errors.UpstreamError: (502, "Bad Gateway"),
}

# Seconds; poetry reads a number only, an HTTP date crashes it. pip waits as long as this says, five times over, before it
# says anything; for a repository an administrator took offline it would wait in vain.
LONGEST_RETRY_AFTER = 5


def answer_for(error: errors.RepositoryError, request: Request) -> Answer:
    """The answer for a known error."""
    status, title = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    headers: Headers = [(b"cache-control", b"no-store")]
    if status == 401:
        headers.append((b"www-authenticate", b'Basic realm="Repoman", charset="UTF-8"'))
    if status == 405:
        headers.append((b"allow", b"POST" if request.reads else b"GET, HEAD"))
    if status in (503, 504) and not isinstance(error, errors.Offline):
        retry_after = min(getattr(error, "retry_after", None) or LONGEST_RETRY_AFTER, LONGEST_RETRY_AFTER)
        headers.append((b"retry-after", str(retry_after).encode()))
    extra = {"rule": error.rule} if isinstance(error, errors.Refused) else {}
    return _answer(request, status, title, error.detail, headers, extra)


def unexpected(request: Request, error_id: str) -> Answer:
    """The answer for a fault of ours; the log has the rest under the same id."""
    return _answer(
        request, 500, "Internal Server Error", f"Something went wrong on the server (error {error_id})",
        [(b"cache-control", b"no-store")], {"error_id": error_id},
    )  # fmt: skip


def _answer(request: Request, status: int, title: str, detail: str, headers: Headers, extra: dict[str, str]) -> Answer:
    accept = request.header(b"accept") or ""
    if "json" not in accept:
        return Answer(status=status, body=f"{detail}\n".encode(), headers=headers)
    # RFC 9457, and beside it the two keys that the official index uses in its upload errors.
    problem = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    body = {**problem, "message": detail, "code": f"{status} {detail}", **extra}
    return Answer(
        status=status,
        content_type="application/problem+json",
        body=json.dumps(body, ensure_ascii=False).encode(),
        headers=headers,
    )
