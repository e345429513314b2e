"""The line between server processes: one channel of a Redis server; nothing is kept there."""

import logging
import time
from collections.abc import Callable
from typing import Any

import redis

from server.bus.bus import ChannelDown

log = logging.getLogger(__name__)
TIMEOUT = 2.0
REST = 0.5
"""Seconds between two tries to reach a server that is away."""
QUIET_SECONDS = 5.0
"""Every process hears its own beats: a connection on which nothing comes for so long is only half there."""
LOOK_SECONDS = 1.0


def connect(url: str) -> "redis.Redis":
    """A client with short patience: whoever waits for Redis waits in somebody's request."""
    over_network: dict[str, Any] = {} if url.startswith("unix:") else {"socket_keepalive": True}
    client: redis.Redis = redis.Redis.from_url(
        url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT, **over_network
    )
    return client


class RedisChannel:
    """Publishes and listens on one channel, each over a connection of its own."""

    def __init__(self, client: "redis.Redis", name: str) -> None:
        self._client = client
        self._name = name
        self._closed = False
        self._told = False

    def publish(self, data: bytes) -> None:
        """Sends to everybody who listens. Raises `ChannelDown`."""
        try:
            self._client.publish(self._name, data)
        except Exception as fault:  # away, or something that answers in its place
            raise ChannelDown from fault

    def listen(self, receive: Callable[[bytes], None]) -> None:
        """Hands over what comes until `close`; a lost connection is made anew for ever."""
        while not self._closed:
            try:
                self._listen(receive)
            except Exception as fault:  # noqa: BLE001 - whatever answers there, this process listens on
                if not self._told:
                    log.warning("Redis is away: %s", type(fault).__name__)
                self._told = True
                time.sleep(REST)
        self._client.close()

    def _listen(self, receive: Callable[[bytes], None]) -> None:
        with self._client.pubsub(ignore_subscribe_messages=True) as line:  # type: ignore[no-untyped-call]
            line.subscribe(self._name)
            heard = time.monotonic()
            while not self._closed:
                message = line.get_message(timeout=LOOK_SECONDS)
                if message is not None:
                    heard, self._told = time.monotonic(), False
                    receive(message["data"])
                elif time.monotonic() - heard > QUIET_SECONDS:
                    raise redis.TimeoutError

    def close(self) -> None:
        """Ends the listener within a second; it closes the connections."""
        self._closed = True
