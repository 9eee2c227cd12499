"""Transcripts: what is said in each recording, without times, as text or CSV."""

import csv
import os
import re
from collections.abc import Iterator
from pathlib import Path

from throughtime.io.marks import Mark, Marks
from throughtime.io.text_files import decoded

SUFFIXES = (".transcription", ".transcript", ".trn", ".data")
GIVES = Marks

BEHIND = re.compile(r"(.*?)\(\s*([^\s()]+)\s*\)")  # words (id)
BRACKETED = re.compile(r'\(\s*(\S+)\s+"((?:\\.|[^"\\])*)"\s*\)')  # ( id "words" )
BOUNDS = ("<s>", "</s>", "<sil>")  # of a sentence, and silence: nobody says them
IDS = ("id", "file", "path", "filename", "name", "recording", "utterance")
TEXTS = ("text", "transcript", "transcription", "sentence", "words")


def read(path: str | os.PathLike[str]) -> Marks:
    r"""A tier of words for each recording, without times; a folder and an ending of the recording's name are left as they are.

    path  of lines that all are: id words ... | words ... (id), without <s>, </s> and <sil> | ( id "words ..." ); or of .csv or
          .tsv with a column of names (such as id or file) and one of text (such as text or sentence), or two columns

    raises  FileNotFoundError; ValueError in one line: a recording that is there twice, columns that are not known, no recording
    cost    the whole file is held in memory

    >>> import tempfile, throughtime as tt
    >>> file = Path(tempfile.mkdtemp()) / "an4.transcription"
    >>> _ = file.write_text("<s> GO NINE </s> (an251-fash-b)\n")
    >>> [mark.label for mark in tt.read_transcripts(file).tiers["an251-fash-b"]]
    ['GO', 'NINE']
    """
    path, made = Path(path), dict[str, list[Mark]]()
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    if b"\0" in path.read_bytes():
        raise ValueError(f"{path} is no text; give a transcript in UTF-8")
    table = path.suffix.lower() in (".csv", ".tsv")
    for number, key, words in _from_table(path) if table else _from_lines(path):
        if key in made:
            raise ValueError(f"{path}: line {number} has {key[:60]!r} a second time; say what is right")
        made[key] = [Mark(None, None, word) for word in words.split() if word not in BOUNDS]
    if not made:
        raise ValueError(f"{path} has no recording; a line is: id words, or: words (id)")
    return Marks(made)


def _from_lines(path: Path) -> Iterator[tuple[int, str, str]]:
    lines = [(k, line.strip()) for k, line in enumerate(decoded(path).splitlines(), start=1) if line.strip()]
    if all(BRACKETED.fullmatch(line) for _, line in lines):
        for number, line in lines:
            match = BRACKETED.fullmatch(line)
            assert match
            yield number, match[1], re.sub(r"\\(.)", r"\1", match[2])
    elif all(BEHIND.fullmatch(line) for _, line in lines):
        for number, line in lines:
            match = BEHIND.fullmatch(line)
            assert match
            yield number, match[2], match[1]
    else:
        for number, line in lines:
            key, *words = line.split(None, 1)
            yield number, key, "".join(words)


def _from_table(path: Path) -> Iterator[tuple[int, str, str]]:
    text = decoded(path)
    separator = "\t" if path.suffix.lower() == ".tsv" else max(",;", key=text.partition("\n")[0].count)
    try:
        head, *rows = [row for row in csv.reader(text.splitlines(), delimiter=separator) if row] or [[]]
    except csv.Error as error:
        raise ValueError(f"{path} is no table: {error}; mend it") from None
    names = [name.strip().lower() for name in head]
    key = next((names.index(name) for name in IDS if name in names), None)
    said = next((names.index(name) for name in TEXTS if name in names), None)
    if key is None and said is None and len(head) == 2:
        key, said, rows = 0, 1, [head, *rows]
    if key is None or said is None:
        raise ValueError(f"{path} needs a column of names ({', '.join(IDS)}) and one of text ({', '.join(TEXTS)})")
    for number, row in enumerate(rows, start=1):
        if len(row) <= max(key, said):
            raise ValueError(f"{path}: row {number} has {len(row)} cells, too few for {head[said][:40]!r}; mend it")
        yield number, row[key].strip(), row[said]
