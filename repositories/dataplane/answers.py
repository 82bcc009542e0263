"""Answers kept in memory: made once, sent many times, within a budget of bytes.

An answer is kept under the path it was asked by and its variant (content type, coding, base address), and belongs to a
*subject*: a repository and a project of it ("" for the list of projects). Whoever learns that a subject has changed drops
it; nothing here looks at the database (`knowledge.py` does). Lives on the event loop, so it has no locks.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from repositories.dataplane.kept import KeptAnswer

Subject = tuple[int, str]
Variant = tuple[str, str, str]

FILE: Variant = ("", "", "")
_LARGEST_SHARE = 4  # one answer takes at most a fourth of the budget
_REMEMBERED_DROPS = 10_000


@dataclass(slots=True)
class _Place:
    """What is kept under one path."""

    subject: Subject
    answers: dict[Variant, KeptAnswer] = field(default_factory=dict)


class Answers:
    """All kept answers of a process; the least recently used path goes first when the budget is spent."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.size = 0
        self._places: OrderedDict[bytes, _Place] = OrderedDict()
        self._subjects: dict[Subject, set[bytes]] = {}
        self._drops = 0
        self._dropped: OrderedDict[Subject, int] = OrderedDict()
        self._all_dropped = 0

    def __len__(self) -> int:
        return len(self._places)

    def find(self, path: bytes, variant: Variant) -> KeptAnswer | None:
        """The answer kept under ``path``, also when it does not hold any more: that is for the caller to look at."""
        place = self._places.get(path)
        if place is None:
            return None
        found = place.answers.get(variant)
        if found is not None:
            self._places.move_to_end(path)
        return found

    def stamp(self, subject: Subject) -> int:
        """A number that stays the same until the subject is dropped. Take it before reading what an answer is made from."""
        return self._dropped.get(subject, self._all_dropped)

    def keep(self, path: bytes, variant: Variant, subject: Subject, stamp: int, answer: KeptAnswer) -> None:
        """Keep ``answer`` unless its subject was dropped since ``stamp`` was taken, or it is too large."""
        if stamp != self.stamp(subject) or answer.cost > self.budget // _LARGEST_SHARE:
            return
        place = self._places.get(path)
        if place is None:
            place = self._places[path] = _Place(subject)
            self._subjects.setdefault(subject, set()).add(path)
        before = place.answers.get(variant)
        self.size += answer.cost - (before.cost if before is not None else 0)
        place.answers[variant] = answer
        self._places.move_to_end(path)
        while self.size > self.budget:
            self._remove(next(iter(self._places)))

    def drop(self, subjects: Iterable[Subject]) -> None:
        """Forget what is kept of these subjects, and what is being made of them."""
        for subject in subjects:
            self._drops += 1
            self._dropped[subject] = self._drops
            self._dropped.move_to_end(subject)
            for path in tuple(self._subjects.get(subject, ())):
                self._remove(path)
        while len(self._dropped) > _REMEMBERED_DROPS:
            # A stamp that can no longer be told from an older one is taken for older.
            self._all_dropped = max(self._all_dropped, self._dropped.popitem(last=False)[1])

    def drop_repositories(self, repositories: Iterable[int]) -> None:
        """Forget everything of these repositories, and what is being made of any."""
        gone = set(repositories)
        self._forget_stamps()
        for subject in [subject for subject in self._subjects if subject[0] in gone]:
            for path in tuple(self._subjects[subject]):
                self._remove(path)

    def clear(self) -> None:
        """Forget everything, and what is being made."""
        self._forget_stamps()
        self._places.clear()
        self._subjects.clear()
        self.size = 0

    def forget_path(self, path: bytes) -> None:
        """Forget one path: what it leads to turned out to be gone."""
        if path in self._places:
            self._remove(path)

    def _forget_stamps(self) -> None:
        self._drops += 1
        self._all_dropped = self._drops
        self._dropped.clear()

    def _remove(self, path: bytes) -> None:
        place = self._places.pop(path)
        self.size -= sum(answer.cost for answer in place.answers.values())
        paths = self._subjects[place.subject]
        paths.discard(path)
        if not paths:
            del self._subjects[place.subject]
