"""Stands between a client and its server, and holds back what a test says."""

from __future__ import annotations

import socket
import threading

from flowbroker.contract import VERBS, script


class Gate:
    """Holds commands, or their replies, until it is opened."""

    def __init__(self, word: bytes, replies: bool) -> None:
        self.word = word
        self.replies = replies
        #: Something stands before it.
        self.reached = threading.Event()
        self._opened = threading.Event()

    def open(self) -> None:
        self._opened.set()

    def pass_through(self) -> None:
        self.reached.set()
        self._opened.wait(30)


class Proxy:
    def __init__(self, port: int) -> None:
        self._target = port
        self._gates: list[Gate] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def hold(self, command: str, replies: bool = False) -> Gate:
        """``command`` is a verb of flowbroker, or a command of Redis."""
        word = script(command).sha1 if command in VERBS else command
        self._gates.append(Gate(word.encode(), replies))
        return self._gates[-1]

    def close(self) -> None:
        self._listener.close()
        for gate in self._gates:
            gate.open()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._target))
            replying: list[Gate] = []
            threading.Thread(target=self._requests, args=(client, server, replying), daemon=True).start()
            threading.Thread(target=self._replies, args=(client, server, replying), daemon=True).start()

    def _requests(self, client: socket.socket, server: socket.socket, replying: list[Gate]) -> None:
        while data := _received(client):
            for gate in self._gates:
                if gate.word in data and gate.replies:
                    replying.append(gate)
                elif gate.word in data:
                    gate.pass_through()
            _send(server, data)
        server.close()

    def _replies(self, client: socket.socket, server: socket.socket, replying: list[Gate]) -> None:
        while data := _received(server):
            while replying:
                replying.pop().pass_through()
            _send(client, data)
        client.close()


def _received(end: socket.socket) -> bytes:
    try:
        return end.recv(65_536)
    except OSError:
        return b""


def _send(end: socket.socket, data: bytes) -> None:
    try:
        end.sendall(data)
    except OSError:
        pass
