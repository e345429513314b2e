"""All journals on this workstation: which one is written, what they say, what is still to be sent.

Sealed with the device key, one set per attempt. A seat that went on to the next candidate keeps the
journals of the former one until the server has acknowledged every record.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from client.device import DISK_CODES, DataFolder
from client.journal import NAME, SUFFIX, Journal, Stamps, unseal_response, whole_file
from client.journal_file import JournalBroken, JournalFault, read
from client.outbox import Outbox
from client.running import Running, RunningStore
from client.sheet import Entry, Sheet
from exam_rooms.protocol import AnswersReply, JournalReply, Record, RecordKind

LOG = logging.getLogger("examhall.kiosk")
_CHOICES = (RecordKind.ANSWER, RecordKind.CLEAR)


class Books:
    """Journals by attempt, and the running file of each attempt."""

    def __init__(self, folder: DataFolder, device_key: bytes, outbox: Outbox, stamps: Stamps) -> None:
        self._folder = folder
        self._device_key = device_key
        self._outbox = outbox
        self._stamps = stamps
        self._store = RunningStore(folder.journals, device_key)
        self._journals: defaultdict[int, dict[int, Journal]] = defaultdict(dict)
        self._here: defaultdict[int, set[int]] = defaultdict(set)
        """Numbers of all journals that lie here, also of those that cannot be continued."""
        self._unread: dict[tuple[int, int], str] = {}
        self._entries: defaultdict[int, dict[tuple[int, int], Entry]] = defaultdict(dict)
        self._running = self._store.load()
        self._unsaved: set[int] = set()
        self.fault = ""

    def load(self) -> None:
        """Opens every journal that may hold something the server lacks, and queues its records."""
        for path in sorted(self._folder.journals.glob(f"*{SUFFIX}")):
            match = NAME.fullmatch(path.name)
            if match is not None and not self.running(int(match[1])).settled:
                self._load(path, int(match[1]), int(match[2]))

    def recall(self, within: float) -> None:
        """A server of another epoch may lack what the former one had: also journals that were settled with
        that one are looked after again, if they were written within so many seconds before the newest one.

        What the machine's clock says now is not asked: somebody may have set it.
        """
        paths = list(self._folder.journals.glob(f"*{SUFFIX}"))
        since = max(map(_written, paths), default=0.0) - within
        for path in sorted(self._folder.journals.glob(f"*{SUFFIX}")):
            match = NAME.fullmatch(path.name)
            if match is None or int(match[2]) in self._journals.get(int(match[1]), {}):
                continue
            attempt = int(match[1])
            if self.running(attempt).settled and _written(path) >= since:
                self.remember(replace(self.running(attempt), settled=False))
            if not self.running(attempt).settled:
                self._load(path, attempt, int(match[2]))

    def _load(self, path: Path, attempt: int, number: int) -> None:
        self._here[attempt].add(number)
        self._unread.pop((attempt, number), None)
        try:
            self._take(Journal.open(path, self._device_key, self._stamps))
        except JournalFault as fault:
            self._give_up(attempt, number, fault)
            read_anyway = fault.code in DISK_CODES and self._only_read(path)
            if not read_anyway and not isinstance(fault, JournalBroken):
                self._unread[attempt, number] = fault.code

    def _give_up(self, attempt: int, number: int, fault: JournalFault) -> None:
        """A journal that cannot be continued: what is sound in it is sent, and a new one is asked for."""
        self.fault = fault.code
        LOG.error("journal %d of attempt %d: %s", number, attempt, fault.code)
        running = self.running(attempt)
        self.remember(replace(running, closed=max(number, running.closed)))
        if isinstance(fault, JournalBroken):
            self._outbox.add(fault.records)
            self._note(attempt, self._unseal(fault.attempt_key, fault.records))

    def unread(self, current: int | None) -> list[str]:
        """Why journals lie here that nobody could look into: something may wait in them.

        What was settled long ago may lie under another key: there only the attempt at this seat counts.
        """
        return [
            code
            for (attempt, _number), code in self._unread.items()
            if attempt == current or code != "wrong_device_key"
        ]

    def _only_read(self, path: Path) -> bool:
        """A journal on a disk that takes nothing: what is there is shown and sent. False: no reading."""
        try:
            contents = read(whole_file(path), self._device_key)
        except (JournalFault, OSError) as fault:
            LOG.error("journal not read: %s", type(fault).__name__)
            return False
        key, attempt = contents.header.attempt_key, contents.header.attempt
        self._outbox.add(contents.records)
        self._note(attempt, self._unseal(key, contents.records))
        self._note(attempt, self._unseal(key, contents.earlier, inherited=True))
        return True

    def latest_running(self) -> Running | None:
        """The attempt that was at this seat last, unless it is settled."""
        found = [running for running in self._running.values() if not running.settled and running.state]
        return found[-1] if found else None

    def running(self, attempt: int) -> Running:
        """What is remembered of an attempt."""
        return self._running.get(attempt, Running(attempt))

    def remember(self, running: Running) -> None:
        """Keeps the running state; a full disk is noted, not raised: the answers matter more."""
        if self._running.get(running.attempt) == running and running.attempt not in self._unsaved:
            return
        self._running[running.attempt] = running
        self._unsaved.add(running.attempt)  # until it is on the disk it is tried again, with each record too
        try:
            self._store.save(running)
        except OSError as fault:
            LOG.error("running state not kept: %s", fault.strerror)
        else:
            self._unsaved.discard(running.attempt)

    def keep_days(self) -> dict[int, int]:
        """By attempt, how many days its remembered plan keeps what the camera brings."""
        watched = ((one.attempt, one.state.watch) for one in self._running.values() if one.state)
        return {attempt: plan.rules.keep_days for attempt, plan in watched if plan is not None}

    def drop_aged(self, kept_since: Callable[[int], float]) -> int:
        """Empties enrolled vectors of attempts last heard of before `kept_since` of them (seconds of the
        epoch); how many. Raises OSError.
        """
        found = [one for one in self._running.values() if one != one.without_template()]
        aged = [one for one in found if self._store.written(one.attempt) < kept_since(one.attempt)]
        for one in aged:
            self._running[one.attempt] = one.without_template()
            self._store.amend(one.without_template())
        return len(aged)

    def writer(self, attempt: int) -> Journal | None:
        """The journal that answers of an attempt go to, None when one has to be asked for."""
        journals = self._journals.get(attempt)
        if not journals:
            return None
        newest = journals[max(journals)]
        closed = newest.number <= self.running(attempt).closed
        superseded = self._outbox.superseded(attempt, newest.number, newest.seq)
        return None if closed or superseded else newest

    def stands(self, record: Record) -> bool:
        """Whether nothing that nobody here knows can have been said after a record, and no server refused it:
        its attempt is written here, and every journal since the record's was, too, and can be read.
        """
        attempt = record.attempt
        writer, here = self.writer(attempt), self._here.get(attempt, set())
        if writer is None or self._outbox.refusal(attempt, record.journal, record.seq) is not None:
            return False
        numbers = range(record.journal, writer.number + 1)
        return all(number in here and (attempt, number) not in self._unread for number in numbers)

    def newest(self, attempt: int) -> Journal | None:
        """The latest journal of an attempt here, written or not."""
        journals = self._journals.get(attempt)
        return journals[max(journals)] if journals else None

    def grant(self, reply: JournalReply) -> None:
        """Makes the journal the server granted. Raises `JournalFault`."""
        for journal, upto in _contiguous(reply.records).items():
            self._outbox.acknowledge(reply.attempt, AnswersReply({str(journal): upto}))
        self._take(Journal.create(self._folder.journals, self._device_key, reply, self._stamps))
        self.fault = ""
        self._carry_over(reply.attempt)

    def _carry_over(self, attempt: int) -> None:
        """Writes again what an earlier pairing of this machine left unsent: nobody takes it from there.

        An answer that was given later elsewhere stands.
        """
        stranded = self._outbox.stranded(attempt)
        latest = Sheet(self.entries(attempt)).latest
        for record in stranded:
            entry = self._entries[attempt].get((record.journal, record.seq))
            passed_over = record.kind in _CHOICES and entry is not latest.get(record.item)
            if entry is not None and record.kind is not RecordKind.OPEN and not passed_over:
                self.append(attempt, record.kind, record.item, entry.response)
        self._outbox.release(attempt)

    def append(self, attempt: int, kind: RecordKind, item: str, response: tuple[str, ...]) -> Entry:
        """Writes a record and queues it. Raises `JournalFault`, which stays as `fault` until one works."""
        journal = self.writer(attempt)
        if journal is None:
            raise JournalFault("journal_not_open")
        try:
            record = journal.append(kind, item, response)
        except JournalFault as fault:
            self.fault = fault.code
            raise
        self.fault = ""
        self._outbox.add([record])
        entry = Entry(record, response if kind is RecordKind.ANSWER else ())
        self._entries[attempt][record.journal, record.seq] = entry
        for unsaved in list(self._unsaved):
            self.remember(self.running(unsaved))
        return entry

    def entries(self, attempt: int) -> Iterable[Entry]:
        """Every record known of an attempt, with its response."""
        return self._entries[attempt].values()

    def close_writing(self, attempt: int) -> None:
        """The candidate continues elsewhere: what is here is sent, nothing is added."""
        newest = self.newest(attempt)
        if newest is not None and self.running(attempt).closed < newest.number:
            self.remember(replace(self.running(attempt), closed=newest.number))

    def settle(self, current: int | None) -> None:
        """Lets go of attempts that are not at this seat any more and fully acknowledged."""
        unread = {attempt for attempt, _number in self._unread}
        left = [one for one in self._journals if one != current and one not in unread]
        for attempt in [one for one in left if not self._outbox.owes(one)]:
            self.remember(replace(self.running(attempt).without_key(), state=None, settled=True))
            for journal in self._journals.pop(attempt).values():
                journal.close()
            self._entries.pop(attempt, None)
            self._here.pop(attempt, None)
            self._outbox.forget(attempt)

    def close(self) -> None:
        """Closes every file."""
        for journals in self._journals.values():
            for journal in journals.values():
                journal.close()
        self._journals.clear()

    def _take(self, journal: Journal) -> None:
        self._journals[journal.attempt][journal.number] = journal
        self._here[journal.attempt].add(journal.number)
        self._unread.pop((journal.attempt, journal.number), None)
        self._outbox.granted(journal.attempt, journal.number, journal.proof)
        self._outbox.add(journal.records)
        self._note(journal.attempt, self._unseal(journal.attempt_key, journal.records))
        self._note(journal.attempt, self._unseal(journal.attempt_key, journal.earlier, inherited=True))

    def _note(self, attempt: int, entries: Iterable[Entry]) -> None:
        known = self._entries[attempt]
        for entry in entries:
            place = (entry.record.journal, entry.record.seq)
            if place not in known or known[place].inherited:  # what was written here stays known as such
                known[place] = entry

    def _unseal(self, key: bytes, records: Iterable[Record], *, inherited: bool = False) -> Iterator[Entry]:
        for record in records:
            try:
                yield Entry(record, unseal_response(key, record), inherited)
            except JournalBroken as fault:
                self.fault = fault.code


def _written(path: Path) -> float:
    """When a file was last written to, in seconds of the epoch; of one that cannot be asked: now or later."""
    try:
        return path.stat().st_mtime
    except OSError:
        return float("inf")


def _contiguous(records: Iterable[Record]) -> dict[int, int]:
    """Per journal the last seq up to which none is missing."""
    upto: dict[int, int] = {}
    for record in sorted(records, key=lambda record: (record.journal, record.seq)):
        if record.seq == upto.setdefault(record.journal, 0) + 1:
            upto[record.journal] = record.seq
    return upto
