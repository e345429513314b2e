"""One kept HTTP connection to a server, which another thread may cut."""

import http.client
import socket
import ssl

from client.endpoint import CONNECT_TIMEOUT, REPLY_LIMIT, Endpoint
from client.exchange import Reply, Request
from exam_rooms.protocol import EPOCH_HEADER
from exam_rooms.standby_messages import reign_of


class Caller:
    """One kept connection. A kept one that the server closed meanwhile is opened anew, once."""

    def __init__(
        self, endpoint: Endpoint, context: ssl.SSLContext | None, patience: float = CONNECT_TIMEOUT
    ) -> None:
        """`patience`: seconds that connecting may take."""
        self.endpoint = endpoint
        self._connection = endpoint.connect(context)
        self._patience = patience

    def call(self, request: Request) -> Reply:
        """The reply. Raises OSError, http.client.HTTPException."""
        kept = self._connection.sock is not None
        try:
            return self._call(request)
        except (http.client.RemoteDisconnected, ConnectionError):
            self.close()
            if not kept:
                raise
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        try:
            return self._call(request)
        except (OSError, http.client.HTTPException):
            self.close()
            raise

    def _call(self, request: Request) -> Reply:
        connection = self._connection
        if connection.sock is None:
            connection.timeout = self._patience
            connection.connect()  # http.client itself switches Nagle's delay off
        if connection.sock is not None:
            connection.sock.settimeout(request.timeout)
        connection.request(request.method, request.path, request.body or None, request.headers)
        response = connection.getresponse()
        body = response.read(REPLY_LIMIT)
        if not response.isclosed():
            self.close()
            raise http.client.IncompleteRead(b"")
        return Reply(response.status, body, reign_of(response.headers.get(EPOCH_HEADER, "")))

    def cut(self) -> None:
        """Wakes up whoever waits for a reply here: none will come. From any thread."""
        line = self._connection.sock
        if line is not None:
            try:
                socket.socket.shutdown(line, socket.SHUT_RDWR)
            except OSError:
                return

    def close(self) -> None:
        """Gives the connection back."""
        self._connection.close()
