"""What a terminal sends, cut into pieces at every place, with pauses between them."""

import random
from collections.abc import Iterable

import pytest

from dbtcollate_tui.tui.pasting import (
    END,
    ESCAPE,
    ESCAPE_SECONDS,
    LONGEST,
    START,
    Joined,
    Part,
    Paste,
    PasteReader,
)

TOKEN = "dbtc_" + "0a1b2c3d4e" * 4


def read(pieces: Iterable[tuple[float, str]], *, typing: bool = True) -> list[Part]:
    """Every part, of pieces that follow one another after pauses; texts that follow are one."""
    reader, now, parts = PasteReader(lambda: typing), 100.0, list[Part]()
    for pause, piece in pieces:
        for _ in range(round(pause / 0.02)):
            now += 0.02
            parts += [*reader.feed("", now), *reader.tick(now)]
        parts += reader.feed(piece, now)
        parts += reader.tick(now)
    for _ in range(400):
        now += 0.02
        parts += reader.tick(now)
    assert not reader.waits
    joined: list[Part] = []
    for part in parts:
        if (
            isinstance(part, str)
            and joined
            and isinstance(joined[-1], str)
            and ESCAPE not in (part, joined[-1])
        ):
            joined[-1] += part
        else:
            joined.append(part)
    return joined


@pytest.mark.parametrize("pause", [0.0, 0.05, 1.0])
def test_a_paste_is_whole_wherever_it_is_cut(pause: float) -> None:
    sent = f"{START}{TOKEN}\n{END}"
    for cut in range(1 if pause < ESCAPE_SECONDS else 2, len(sent)):
        assert read([(0, sent[:cut]), (pause, sent[cut:])]) == [Paste(f"{TOKEN}\n")], cut


def test_a_paste_of_single_characters_is_whole() -> None:
    assert read([(0.04, sign) for sign in f"{START}{TOKEN}\r\n{END}"]) == [Paste(f"{TOKEN}\r\n")]


def test_pastes_that_follow_at_once_are_one() -> None:
    first, second = TOKEN[:20], TOKEN[20:]
    assert read([(0, f"{START}{first}{END}{START}{second}{END}")]) == [Paste(TOKEN)]
    assert read([(0, f"{START}{first}{END}"), (0.04, START[:3]), (0.04, f"{START[3:]}{second}{END}")]) == [
        Paste(TOKEN)
    ]
    assert read([(0, f"{START}{first}{END}"), (1, f"{START}{second}{END}")]) == [Paste(first), Paste(second)]


def test_keys_around_a_paste_stay_keys() -> None:
    assert read([(0, f"s\x1b[A{START}{TOKEN}{END}\x1b[Bq")]) == ["s\x1b[A", Paste(TOKEN), "\x1b[Bq"]


def test_escapes_inside_a_paste_are_text() -> None:
    assert read([(0, f"{START}a\x1b[31mb\x1b{END}")]) == [Paste("a\x1b[31mb\x1b")]


@pytest.mark.parametrize("rest", ["", TOKEN[20:]])
def test_a_paste_without_end_is_refused_whole(rest: str) -> None:
    """Its late rest is no keys either."""
    parts = read([(0, f"{START}{TOKEN[:20]}"), (6, rest + END), (1, "q")])
    assert parts == [Paste("", is_whole=False), "q"]


def test_a_paste_is_kept_up_to_a_bound() -> None:
    (paste,) = read([(0, START), *[(0.0, "x" * 4096)] * 100, (0, END)])
    assert paste == Paste("x" * LONGEST)


def test_a_lone_escape_is_a_key() -> None:
    assert read([(0, ESCAPE)]) == [ESCAPE]
    assert read([(0, ESCAPE), (0.3, "q")]) == [ESCAPE, "q"]
    assert read([(0, ESCAPE), (0.04, "[A")]) == ["\x1b[A"]


@pytest.mark.parametrize("pieces", [1, 3, 50])
@pytest.mark.parametrize("end", ["", "\r", "\n"])
def test_typed_lines_are_joined(pieces: int, end: str) -> None:
    """As GNU screen's own buffer and dvtm send them; the end of the last line is no Enter either."""
    text = f"{TOKEN[:15]}\r{TOKEN[15:30]}\r{TOKEN[30:]}{end}"
    size = -(-len(text) // pieces)
    cut = [(0.02, text[at : at + size]) for at in range(0, len(text), size)]
    assert read(cut) == [TOKEN, Joined(3)]


@pytest.mark.parametrize(("typing", "text"), [(True, f"{TOKEN}\r"), (False, f"{TOKEN}\rs{TOKEN}\r")])
def test_a_typed_line_ends_with_enter(typing: bool, text: str) -> None:
    assert read([(0, text)], typing=typing) == [text]


def test_enter_after_typing_is_enter_at_once() -> None:
    """A person's keys never wait; nor does Enter some time after lines were joined."""
    reader, parts = PasteReader(lambda: True), list[Part]()
    for number, sign in enumerate("shop\r"):
        parts += reader.feed(sign, 100 + number / 10)
    assert parts == list("shop\r")
    assert read([(0, f"{TOKEN}\r{TOKEN}"), (1, "\r")]) == [TOKEN * 2, Joined(2), "\r"]


@pytest.mark.parametrize("seed", range(30))
def test_any_pieces_lose_no_key(seed: int) -> None:
    chance = random.Random(seed)
    words = [START, END, ESCAPE, "\x1b[A", "\x1b[<0;10;10M", "q", "é", "\r", TOKEN, "[200~", "\x1b[20"]
    reader, now = PasteReader(lambda: False), 100.0
    sent = "".join(chance.choice(words) for _ in range(40))
    at = 0
    while at < len(sent):
        size = chance.randint(1, 9)
        list(reader.feed(sent[at : at + size], now))
        now += chance.choice([0, 0.01, 0.2, 3, 7])
        list(reader.tick(now))
        at += size
    list(reader.feed(END, now))
    parts = [*reader.tick(now + 3), *reader.feed("q", now + 9)]
    assert [part for part in parts if isinstance(part, str)][-1].endswith("q")
