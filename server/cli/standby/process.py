"""The standby's own work: `python -m server.cli.standby.process`, the child of `serving`.

It follows, answers `standby`, and ends with status 0 when a person or the seats have said that it takes over
and the stores are ready. The standard library is patched before anything else is loaded.
"""

from gevent import monkey

monkey.patch_all()

import logging  # noqa: E402
import os  # noqa: E402
import ssl  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from datetime import datetime  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402
from gevent.pywsgi import WSGIServer  # noqa: E402
from sqlalchemy.exc import SQLAlchemyError  # noqa: E402

from itembank.keyfile import KeyFile  # noqa: E402
from itembank.vault import Vault  # noqa: E402
from server.access import Actor  # noqa: E402
from server.cli.standby.copy import Copy  # noqa: E402
from server.cli.standby.lookout import Lookout  # noqa: E402
from server.cli.standby.order import Order, interrupted, taken  # noqa: E402
from server.db.answers import AnswerStore  # noqa: E402
from server.db.base import Database  # noqa: E402
from server.db.migrate import upgrade  # noqa: E402
from server.errors import Refused, fill, sentence  # noqa: E402
from server.events import Events  # noqa: E402
from server.jobs.following import follow  # noqa: E402
from server.jobs.promotion import cut_off, promote, reign  # noqa: E402
from server.logs import write_logs  # noqa: E402
from server.services.datakey import open_vault  # noqa: E402
from server.services.epochs import BY_SEATS, take_over  # noqa: E402
from server.services.link_gaps import gaps_after_takeover  # noqa: E402
from server.services.locking import DataLock  # noqa: E402
from server.services.steady import read_clocks  # noqa: E402
from server.services.tls import TlsFiles, keep_certificate  # noqa: E402
from server.services.unlocked import read_unlocked  # noqa: E402
from server.settings import Settings, SettingsError  # noqa: E402

LOOK_SECONDS = 0.2
COPY_EVERY = 5.0
"""How often the copy is asked which rooms run and who is paired."""
log = logging.getLogger("examhall.standby")


def main() -> int:
    """0 when this machine's stores are the installation's; 1 when it may not start."""
    os.umask(0o077)
    write_logs("text")
    try:
        settings = Settings.of_process()
        write_logs(settings.log_format)
        key = read_unlocked(settings)
        if key is None:
            raise Refused("key_locked")
        lock = DataLock(settings.data)
        lock.take()
        _stand_by(settings, key)
        lock.release()
    except SettingsError as fault:
        sys.stderr.write(f"{fault}\n")
        return 1
    except Refused as refusal:
        sys.stderr.write(f"{refusal.code}: {fill(sentence(refusal.code), refusal.params)}\n")
        return 1
    return 0


def _stand_by(settings: Settings, key: KeyFile) -> None:
    """Follows and listens; returns when this machine's stores are the installation's. Raises `Refused`."""
    if cut_off(settings):
        _finish(settings, key)
        return
    follower, copy = follow(settings), Copy(settings, key.master)
    try:
        lookout = Lookout(settings, copy, follower.status, _wall)
        while not lookout.look():  # the first copy brings the certificate authority as well
            gevent.sleep(LOOK_SECONDS)
        server = _listen(settings, copy, lookout)
        order = _await_order(settings, lookout)
        log.warning("takes over: %s (%s)", order.by, order.reason)
    finally:
        follower.stop()
        copy.close()
    began = time.monotonic()
    promote(settings)
    number = _begin_epoch(settings, key, order, max(lookout.heard, lookout.epoch))
    reign(settings)
    server.stop(timeout=0)
    log.warning("epoch %d begins; the stores were ready after %.2f s", number, time.monotonic() - began)


def _finish(settings: Settings, key: KeyFile) -> None:
    """A takeover that was cut off after there was no way back: the stores may be half in their place."""
    order = interrupted(settings) or Order(BY_SEATS, "a takeover that was cut off is brought to its end")
    log.warning("takes over, as was begun before: %s (%s)", order.by, order.reason)
    promote(settings)
    number = _begin_epoch(settings, key, order, 0)
    reign(settings)
    log.warning("epoch %d begins", number)


def _await_order(settings: Settings, lookout: Lookout) -> Order:
    """A person's order, or the seats' where the settings let them decide."""
    looked = time.monotonic()
    while True:
        order = taken(settings)
        if order is not None:
            return order
        if settings.takeover == "seats" and lookout.carried():
            return Order(BY_SEATS, "at least half of the seats report their server gone")
        if time.monotonic() - looked > COPY_EVERY:
            lookout.look()
            looked = time.monotonic()
        gevent.sleep(LOOK_SECONDS)


def _begin_epoch(settings: Settings, key: KeyFile, order: Order, heard: int) -> int:
    """Opens the promoted store and writes the next epoch into it, before anybody is served."""
    upgrade(settings)
    db = Database(settings.main_url, vault=Vault(key.master, suite=settings.suite), events=Events())
    try:
        db.vault = db.write(open_vault, key.master, suite=settings.suite, now=_wall())
        number = db.write(take_over, Actor(None, order.by), order.reason, heard, now=_wall())
        _excuse(settings, db)
        return number
    finally:
        db.close()


def _excuse(settings: Settings, db: Database) -> None:
    """What seats bring again shall count; a takeover does not fail because of it."""
    answers = AnswerStore(settings.answers_url)
    try:
        db.write(gaps_after_takeover, answers.until(), now=_wall())
    except (SQLAlchemyError, Refused):
        log.exception("late records of before the takeover may not count by themselves")
    finally:
        answers.close()


def _listen(settings: Settings, copy: Copy, lookout: Lookout) -> WSGIServer:
    """The listening server; with a certificate of the site's own authority unless it speaks plain HTTP."""
    tls: dict[str, Any] = {} if settings.plain_http else _tls(settings, copy)
    server: WSGIServer = WSGIServer((settings.host, settings.port), lookout, log=None, error_log=log, **tls)
    server.start()
    log.info("stands by at %s://%s", settings.scheme, settings.bind)
    return server


def _tls(settings: Settings, copy: Copy) -> dict[str, Any]:
    known = copy.look(_wall())
    assert known is not None
    files: TlsFiles = keep_certificate(settings, known.authority, _wall())[0]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(files.certificate, files.key)
    return {"ssl_context": context}


def _wall() -> datetime:
    return read_clocks().wall


if __name__ == "__main__":
    sys.exit(main())
