"""A client that speaks ASGI to the data plane in this process, so that a test sees the exact answer and its queries."""

import asyncio
import base64
from dataclasses import dataclass, field
from typing import Any

from repositories.dataplane.app import application


@dataclass
class Response:
    """Status, headers (lower-case names) and body of one answer; ``aborted`` when it broke off after its start."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    path: str = ""
    aborted: bool = False

    @property
    def text(self) -> str:
        return self.body.decode()


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Client:
    """``get("/repository/x/simple/")`` and so on; ``authorization`` is sent with every request."""

    def __init__(self, authorization: str | None = None) -> None:
        self.authorization = authorization

    def get(self, path: str, **headers: str) -> Response:
        return self.request("GET", path, headers)

    def head(self, path: str, **headers: str) -> Response:
        return self.request("HEAD", path, headers)

    def post(self, path: str, body: bytes = b"", **headers: str) -> Response:
        return self.request("POST", path, headers, body)

    def request(self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b"") -> Response:
        return asyncio.run(self.ask(method, path, headers or {}, body))

    async def ask(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> Response:
        raw, _, query = path.partition("?")
        sent = {name.replace("_", "-").lower(): value for name, value in headers.items()}
        if self.authorization is not None:
            sent.setdefault("authorization", self.authorization)
        sent.setdefault("host", "packages.example")
        scope: dict[str, Any] = {
            "type": "http",
            "method": method,
            "path": raw,
            "raw_path": raw.encode("latin-1"),
            "query_string": query.encode("latin-1"),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in sent.items()],
            "client": ("192.0.2.7", 4711),
            "scheme": "https",
            "extensions": {"http.response.pathsend": {}},
        }
        incoming = [
            {"type": "http.request", "body": body[start : start + 65536], "more_body": start + 65536 < len(body)}
            for start in range(0, max(len(body), 1), 65536)
        ]
        response = Response()

        async def receive() -> dict[str, Any]:
            if incoming:
                return incoming.pop(0)
            await asyncio.sleep(3600)
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                response.status = message["status"]
                response.headers = {name.decode(): value.decode("latin-1") for name, value in message["headers"]}
            elif message["type"] == "http.response.pathsend":
                response.path = message["path"]
                with open(message["path"], "rb") as file:
                    response.body = file.read()
            else:
                response.body += message.get("body", b"")

        try:
            await application(scope, receive, send)
        except Exception:
            if not response.status:
                raise
            response.aborted = True
        return response
