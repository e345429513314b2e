"""A network camera for tests: RTSP on a real socket, pictures as RTP/JPEG (RFC 2435) inside of the connection.

It can be cut, go silent, send rubbish, and come back on the same port.
"""

import base64
import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable

import cv2

from proctoring.frames import Frame

PACKET = 1400
CLOCK = 90_000  # RTP ticks a second
SDP = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=c\r\nt=0 0\r\nm=video 0 RTP/AVP 26\r\na=control:track0\r\n"


class NetworkCamera:
    """Serves what `picture(n)` gives, `rate` pictures a second.

    `pace`: RTP ticks from one picture to the next as they are stamped, 0 for a camera whose stamp stands.
    `harm` may spoil the bytes of every RTP packet.
    """

    def __init__(
        self,
        picture: Callable[[int], Frame],
        rate: float = 25.0,
        login: str = "",
        pace: int | None = None,
    ) -> None:
        self.picture, self.rate = picture, rate
        self.pace = round(CLOCK / rate) if pace is None else pace
        self.silent = threading.Event()
        self.harm: Callable[[bytes], bytes] = lambda packet: packet
        self.clients = 0
        self.asked: list[str] = []
        self._login = base64.b64encode(login.encode()).decode()
        self._open: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        self.port = 0
        self.rise()

    def __enter__(self) -> "NetworkCamera":
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()

    def address(self, login: str = "") -> str:
        return f"rtsp://{login + '@' if login else ''}127.0.0.1:{self.port}/room/1"

    def rise(self) -> None:
        """Takes connections (again)."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen()
        self._listener, self.port = listener, int(listener.getsockname()[1])
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def cut(self) -> None:
        """Nobody is there any more."""
        listener, self._listener = self._listener, None
        for end in [*self._open, *([listener] if listener else [])]:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._open.clear()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                line, _address = listener.accept()
            except OSError:
                return
            self._open.add(line)
            self.clients += 1
            threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            waiting = b""
            while data := line.recv(4096):
                waiting += data
                while b"\r\n\r\n" in waiting:
                    request, waiting = waiting.split(b"\r\n\r\n", 1)
                    self._answer(line, request.decode("latin-1"))
        self._open.discard(line)

    def _answer(self, line: socket.socket, request: str) -> None:
        if not request or request.startswith("$"):
            return
        method, headers = request.split(" ", 1)[0], request.split("\r\n")[1:]
        fields = {name.lower(): value.strip() for name, _c, value in (h.partition(":") for h in headers)}
        self.asked.append(method)
        reply, body = f"RTSP/1.0 200 OK\r\nCSeq: {fields.get('cseq', '0')}\r\n", ""
        if self._login and fields.get("authorization") != f"Basic {self._login}":
            reply = reply.replace("200 OK", "401 No") + 'WWW-Authenticate: Basic realm="camera"\r\n'
        elif method == "DESCRIBE":
            body = SDP
            reply += f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n"
        elif method == "SETUP":
            reply += f"Transport: {fields['transport']}\r\nSession: 7\r\n"
        elif method == "PLAY":
            reply += "Session: 7\r\n"
            threading.Thread(target=self._play, args=(line,), daemon=True).start()
        line.sendall((reply + "\r\n" + body).encode())

    def _play(self, line: socket.socket) -> None:
        began, number, row, stamp = time.monotonic(), 0, 0, 0
        with contextlib.suppress(OSError):
            while line in self._open:
                time.sleep(max(0.0, began + number / self.rate - time.monotonic()))
                number += 1
                if self.silent.is_set():
                    continue
                stamp += self.pace
                for part, last in _packets(self.picture(number)):
                    row = row + 1 & 0xFFFF
                    head = struct.pack(">BBHII", 0x80, 26 | (0x80 if last else 0), row, stamp & 0xFFFFFFFF, 1)
                    packet = self.harm(head + part)
                    line.sendall(struct.pack(">cBH", b"$", 0, len(packet)) + packet)


def _packets(frame: Frame) -> list[tuple[bytes, bool]]:
    """A frame's payloads of RTP/JPEG, and whether each is the last."""
    data = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes()
    tables, scan = b"", b""
    place = 2
    while place < len(data):
        marker, size = data[place + 1], int.from_bytes(data[place + 2 : place + 4], "big")
        if marker == 0xDB:
            segment = data[place + 4 : place + 2 + size]
            tables += b"".join(segment[n + 1 : n + 65] for n in range(0, len(segment), 65))
        place += 2 + size
        if marker == 0xDA:
            scan = data[place:-2]
            break
    height, width = frame.shape[:2]
    found = []
    for start in range(0, len(scan), PACKET):
        head = b"\0" + start.to_bytes(3, "big") + bytes((1, 255, width // 8, height // 8))
        quant = b"\0\0" + len(tables).to_bytes(2, "big") + tables if start == 0 else b""
        found.append((head + quant + scan[start : start + PACKET], start + PACKET >= len(scan)))
    return found
