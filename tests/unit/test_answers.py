"""The memory for kept answers: its budget, who goes first, and what a drop takes along."""

from datetime import UTC, datetime

from accounts.permissions import Target
from repositories.dataplane.answers import FILE, Answers
from repositories.dataplane.kept import ENTRY_COST, KeptAnswer
from repositories.domain.page import FOREVER

TARGET = Target(kind="repository", name="r")
BODY = b"x" * 1000


def answer(body: bytes = BODY) -> KeptAnswer:
    return KeptAnswer(target=TARGET, etag=b'"e"', headers=[], short_headers=[], holds_until=FOREVER, body=body)


def keep(answers: Answers, path: bytes, subject: tuple[int, str], variant=FILE, body: bytes = BODY) -> None:
    answers.keep(path, variant, subject, answers.stamp(subject), answer(body))


def test_a_hundred_thousand_pages_stay_within_the_budget_and_the_last_used_stay() -> None:
    answers = Answers(4 << 20)
    keep(answers, b"/favourite", (1, "favourite"))
    for number in range(100_000):
        keep(answers, b"/%d" % number, (1, str(number)))
        assert answers.size <= answers.budget
        if number % 500 == 0:
            assert answers.find(b"/favourite", FILE) is not None
    assert len(answers) == answers.budget // (ENTRY_COST + len(BODY))
    assert answers.find(b"/99999", FILE) is not None
    assert answers.find(b"/0", FILE) is None


def test_the_size_is_that_of_what_is_kept() -> None:
    answers = Answers(1 << 20)
    keep(answers, b"/a", (1, "a"))
    keep(answers, b"/a", (1, "a"), variant=("text/html", "gzip", ""))
    keep(answers, b"/a", (1, "a"), body=b"replaced")
    keep(answers, b"/b", (1, "b"))
    assert answers.size == 3 * ENTRY_COST + 2 * len(BODY) + len(b"replaced")
    answers.drop([(1, "a")])
    assert answers.size == ENTRY_COST + len(BODY)
    answers.clear()
    assert (answers.size, len(answers)) == (0, 0)


def test_an_answer_that_would_push_out_most_others_is_not_kept() -> None:
    answers = Answers(1 << 20)
    keep(answers, b"/a", (1, "a"))
    keep(answers, b"/list", (1, ""), body=bytes(1 << 19))
    assert answers.find(b"/list", FILE) is None
    assert answers.find(b"/a", FILE) is not None


def test_a_drop_takes_all_paths_and_variants_of_its_subject_and_no_other() -> None:
    answers = Answers(1 << 20)
    keep(answers, b"/r/simple/a/", (1, "a"), variant=("text/html", "", ""))
    keep(answers, b"/r/simple/a/", (1, "a"), variant=("text/html", "gzip", ""))
    keep(answers, b"/r/packages/a/1/a-1.whl", (1, "a"))
    keep(answers, b"/g/simple/a/", (2, "a"))
    keep(answers, b"/r/simple/b/", (1, "b"))
    answers.drop([(1, "a"), (1, "unknown")])
    assert len(answers) == 2
    assert answers.find(b"/g/simple/a/", FILE) is not None
    assert answers.find(b"/r/simple/b/", FILE) is not None
    answers.drop_repositories([1])
    assert len(answers) == 1


def test_what_was_read_before_a_drop_is_not_kept_after_it() -> None:
    answers = Answers(1 << 20)
    for drop in (
        lambda: answers.drop([(1, "a")]),
        lambda: answers.drop_repositories([7]),
        answers.clear,
    ):
        stamp = answers.stamp((1, "a"))
        drop()
        answers.keep(b"/a", FILE, (1, "a"), stamp, answer())
        assert answers.find(b"/a", FILE) is None
    stamp = answers.stamp((1, "a"))
    answers.drop([(1, "b")])
    answers.keep(b"/a", FILE, (1, "a"), stamp, answer())
    assert answers.find(b"/a", FILE) is not None


def test_a_drop_is_not_forgotten_in_favour_of_an_old_stamp() -> None:
    answers = Answers(1 << 20)
    stamp = answers.stamp((1, "a"))
    answers.drop([(1, "a")])
    answers.drop((2, str(number)) for number in range(20_000))
    answers.keep(b"/a", FILE, (1, "a"), stamp, answer())
    assert answers.find(b"/a", FILE) is None
    late = answers.stamp((1, "a"))
    answers.keep(b"/a", FILE, (1, "a"), late, answer())
    assert answers.find(b"/a", FILE) is not None


def test_a_client_is_told_less_as_the_end_comes_nearer() -> None:
    end = datetime(2026, 1, 1, 12, tzinfo=UTC)
    kept = KeptAnswer(
        target=TARGET,
        etag=b'"e"',
        headers=[(b"cache-control", b"private, max-age=600"), (b"vary", b"Accept")],
        short_headers=[(b"cache-control", b"private, max-age=600")],
        holds_until=end,
        body=BODY,
        max_age=600,
    )

    def told(minute: int, second: int) -> bytes:
        return kept.head(None, datetime(2026, 1, 1, 11, minute, second, tzinfo=UTC))[1][0][1]

    assert told(50, 0) == b"private, max-age=600"
    assert told(50, 1) == b"private, max-age=599"
    assert told(59, 59) == b"private, max-age=1"
    assert kept.holds(datetime(2026, 1, 1, 11, 59, 59, tzinfo=UTC))
    assert not kept.holds(end)
    assert kept.head(b'W/"e", "f"', end)[0] == 304
    assert kept.head(b'"other"', end)[0] == 200
