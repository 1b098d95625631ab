"""An endpoint for tokens, as an identity provider has one: client credentials over https."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

from tests.kafka.secured import PASSWORD, USER, unsecured_token


class TokenEndpoint:
    """Gives tokens for `User:shoal` to who knows its secret; serves until closed."""

    def __init__(self, certificate: Path, key: Path, _: Path, lives_s: float = 600) -> None:
        self.asked = 0
        self.lives_s = lives_s
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                endpoint.asked += 1
                self._answer(*endpoint.answer(self.headers["Authorization"], form))

            def _answer(self, status: int, content: dict[str, object]) -> None:
                body = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self._server.server_address[1]}/token"

    def answer(self, credentials: str, form: dict[str, list[str]]) -> tuple[int, dict[str, object]]:
        """Status and body for what a client shows."""
        wanted = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if credentials != wanted or form.get("grant_type") != ["client_credentials"]:
            return 401, {"error": "invalid_client"}
        token = unsecured_token(self.lives_s)
        return 200, {"access_token": token, "expires_in": self.lives_s, "token_type": "Bearer"}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
