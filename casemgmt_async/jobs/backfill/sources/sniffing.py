"""Detect the encoding of a text file and what separates its cells."""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import IO, Final

from casemgmt_async.jobs.errors import SourceError

__all__ = ["DELIMITERS", "delimiter_of", "encoding_of", "label_of", "repaired"]

CHUNK: Final = 1 << 20
MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks; UTF-32 stands before UTF-16, whose mark its own begins with."""
LABELS: Final = {
    "utf-8": "UTF-8",
    "utf-8-sig": "UTF-8 with a byte order mark",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
    "utf-32": "UTF-32",
    "cp1252": "Windows-1252",
}
DELIMITERS: Final = {",": "commas", ";": "semicolons", "\t": "tabs"}
"""What may separate cells, and its name in messages; at a tie the first wins."""
ESCAPED: Final = re.compile("[\udc80-\udcff]")
NOT_ASCII: Final = re.compile("[^\x00-\x7f]")
QUOTED: Final = re.compile(r'"(?:[^"]|"")*"')


def label_of(encoding: str) -> str:
    """Return the name of an encoding that people use."""
    return LABELS.get(encoding, encoding)


def repaired(text: str) -> str:
    """Replace bytes that are not of the file's encoding by question marks, so that the text can be shown."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def encoding_of(path: Path) -> str:
    """Return the encoding of a file: by its byte order mark, its zero bytes, or else its letters.

    Text that is not valid UTF-8 counts as Windows-1252, unless most of its special characters are valid UTF-8:
    then single rows are damaged, and a reader rejects those.

    Raises `SourceError` where the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            start = file.read(4096)
            for mark, name in MARKS:
                if start.startswith(mark):
                    return name
            if b"\0" in start:
                even, odd = start[::2].count(0), start[1::2].count(0)
                if max(even, odd) > len(start) // 8:
                    return "utf-16-le" if odd > even else "utf-16-be"
            file.seek(0)
            return by_letters(file)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}") from error


def by_letters(file: IO[bytes]) -> str:
    """Tell UTF-8 from Windows-1252 by the characters beyond ASCII."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    valid = invalid = 0
    while chunk := file.read(CHUNK):
        text = decoder.decode(chunk)
        if not text.isascii():
            broken = len(ESCAPED.findall(text))
            invalid += broken
            valid += len(NOT_ASCII.findall(text)) - broken
    invalid += len(decoder.decode(b"", final=True))
    return "cp1252" if invalid > valid else "utf-8"


def delimiter_of(header: str) -> str:
    """Return what separates the cells of a header: the most frequent separator outside quotation marks."""
    bare = QUOTED.sub("", header)
    return max(DELIMITERS, key=bare.count)
