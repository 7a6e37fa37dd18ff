"""Signs as ASCII has them, for terminals, files and pipes that take no others."""

import re
import unicodedata
from functools import lru_cache

NOT_ASCII = re.compile("[^\x00-\x7f]")
PAIRS = {
    "─━╌╴╶╸╺┄┅┈┉═⎯–—▁▂▔▀▄▃": "-",
    "│┃┆┇┊┋║▌▐▏▎▍▕▊▋▉": "|",
    "┌┐└┘╭╮╰╯├┤┬┴┼┏┓┗┛╔╗╚╝╠╣╦╩╬": "+",
    "█▇▆▅■▓▒░": "#",
    "→▸▶►❯›»": ">",
    "←◂◀◄❮‹«": "<",
    "↑▲▴△": "^",
    "↓▼▾▽": "v",
    "…·": ".",
    "•●◆★": "*",
    "○◯◌": "o",
    "✓✔": "+",
    "✗✘✕×": "x",
    "“”„": '"',
    "‘’": "'",
    "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏": "~",
    "\u00a0": " ",
}
ASCII_OF = {ord(sign): shown for signs, shown in PAIRS.items() for sign in signs}


@lru_cache(4096)
def as_ascii(text: str) -> str:
    """The text in ASCII, cell for cell: lines and signs by their like, letters without accents, else "?"."""

    def one(found: "re.Match[str]") -> str:
        sign = found.group()
        if ord(sign) in ASCII_OF:
            return ASCII_OF[ord(sign)]
        base = unicodedata.normalize("NFKD", sign).encode("ascii", "ignore").decode()
        width = 2 if unicodedata.east_asian_width(sign) in "FW" else 0 if unicodedata.combining(sign) else 1
        return base if len(base) == width else "?" * width

    return NOT_ASCII.sub(one, text)
