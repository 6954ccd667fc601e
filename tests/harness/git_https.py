"""A Git server over HTTPS with a password: git's own http-backend behind a small TLS server."""

from __future__ import annotations

import base64
import os
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from autostack.pocket.apiserver import certificates


@dataclass(frozen=True)
class GitServer:
    """Where it is, whom it trusts, and who may read."""

    url: str
    certificate: str
    username: str
    password: str


@contextmanager
def git_server(folder: Path, repositories: Path) -> Iterator[GitServer]:
    """Serve all repositories below a folder to one user."""
    folder.mkdir(parents=True)
    authority = certificates.authority("git-ca")
    pair = certificates.server(authority, ["127.0.0.1"])
    certificates.write_private(folder / "server.crt", pair.certificate)
    certificates.write_private(folder / "server.key", pair.key)
    known = GitServer("", authority.certificate, "reader", "s3cret word")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(repositories, known))
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, name="git-https")
    thread.start()
    try:
        url = f"https://127.0.0.1:{server.server_port}"
        yield GitServer(url, known.certificate, known.username, known.password)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(repositories: Path, known: GitServer) -> type[BaseHTTPRequestHandler]:
    expected = base64.b64encode(f"{known.username}:{known.password}".encode()).decode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._serve(b"")

        def do_POST(self) -> None:
            self._serve(self.rfile.read(int(self.headers.get("Content-Length", 0))))

        def _serve(self, body: bytes) -> None:
            if self.headers.get("Authorization") != f"Basic {expected}":
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="git"')
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            parts = urlsplit(self.path)
            environment = {
                "PATH": os.environ["PATH"],
                "GIT_PROJECT_ROOT": str(repositories),
                "GIT_HTTP_EXPORT_ALL": "1",
                "REQUEST_METHOD": self.command,
                "PATH_INFO": parts.path,
                "QUERY_STRING": parts.query,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            }
            done = subprocess.run(
                ["git", "http-backend"], input=body, env=environment, capture_output=True, check=False
            )
            head, _, content = done.stdout.partition(b"\r\n\r\n")
            headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
            self.send_response(int(headers.pop("Status", "200").split()[0]))
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    return Handler
