"""Servers on 127.0.0.1 that misbehave, and a watch over every socket: nothing else is ever connected to.

The watch is an audit hook of the interpreter, below every library. It lets connections to 127.0.0.1 through, and notes
and stops all others, so that a broken guard shows as a failed test and never as a packet to somebody's network.
"""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import pytest

Reply = Callable[[socket.socket], None]


@dataclass
class Watch:
    """What was connected to, and what was looked up, since the test began."""

    connected: list[tuple[str, int]] = field(default_factory=list)
    looked_up: list[str] = field(default_factory=list)
    on: bool = False

    def __call__(self, event: str, args: tuple[object, ...]) -> None:
        if not self.on:
            return
        if event == "socket.connect":
            address = args[1]
            assert isinstance(address, tuple)
            self.connected.append(address[:2])
            if address[0] != "127.0.0.1":
                raise PermissionError(f"a test tried to connect to {address}")
        elif event == "socket.getaddrinfo":
            self.looked_up.append(str(args[0]))
            raise PermissionError(f"a test tried to look up {args[0]}")


_WATCH = Watch()
sys.addaudithook(_WATCH)


@pytest.fixture(autouse=True)
def watch() -> Iterator[Watch]:
    _WATCH.connected, _WATCH.looked_up, _WATCH.on = [], [], True
    yield _WATCH
    _WATCH.on = False


@dataclass
class Names:
    """A resolver that answers from a table; each look-up of a name takes its next answer, the last one stays."""

    table: dict[str, list[Sequence[str]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        answers = self.table.get(host)
        if not answers:
            raise socket.gaierror(socket.EAI_NONAME, "unknown name")
        return answers.pop(0) if len(answers) > 1 else answers[0]


@pytest.fixture
def names() -> Names:
    return Names()


class Server:
    """Gives each connection one reply, by the path asked for; keeps the requests."""

    def __init__(self) -> None:
        self.replies: dict[str, Reply] = {}
        self.requests: list[bytes] = []
        self.wrap: Callable[[socket.socket], socket.socket] = lambda conn: conn
        self._closing = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def answers(
        self, path: str, body: bytes = b"", status: str = "200 OK", length: int | None = None, **headers: str
    ) -> None:
        """Reply to `path` with all of `body`, and a Content-Length, `length` if that shall be a lie."""
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.replies[path] = lambda conn: conn.sendall("\r\n".join([*lines, "", ""]).encode() + body)

    def drips(self, path: str, first: bytes, drop: bytes, every: float) -> None:
        """Reply to `path` with `first`, then `drop` again and again, `every` so many seconds, without an end."""

        def reply(conn: socket.socket) -> None:
            conn.sendall(first)
            while not self._closing.wait(every):
                conn.sendall(drop)

        self.replies[path] = reply

    def close(self) -> None:
        self._closing.set()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                conn, _ = self._listener.accept()
            except TimeoutError:
                continue
            thread = threading.Thread(target=self._serve, args=(conn,))
            thread.start()
            self._threads.append(thread)

    def _serve(self, conn: socket.socket) -> None:
        try:
            conn.settimeout(5)
            with self.wrap(conn) as conn:
                data = b""
                while b"\r\n\r\n" not in data:
                    more = conn.recv(65536)
                    if not more:
                        return
                    data += more
                head, _, rest = data.partition(b"\r\n\r\n")
                length = next((int(x.split(b":")[1]) for x in head.split(b"\r\n") if x[:15] == b"Content-Length:"), 0)
                while len(rest) < length:
                    rest += conn.recv(65536)
                self.requests.append(head + b"\r\n\r\n" + rest)
                self.replies[data.split(b" ", 2)[1].decode().partition("?")[0]](conn)
        except OSError:
            pass  # the client went away, as it should from most of these


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()
