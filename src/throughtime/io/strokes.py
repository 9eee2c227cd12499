"""Drawings by pen from any file that holds one or several."""

import os
from pathlib import Path

from throughtime.io import readers, unipen
from throughtime.io.pen import Drawing, LabelledDrawings


def read(path: str | os.PathLike[str]) -> LabelledDrawings:
    """Every drawing by pen in a file, with its label where the file tells one.

    path  of labelled drawings (InkML, UNIPEN), or of one drawing: a table with the columns x, y and end-of-stroke, or JSON

    returns points (P, 3) of each: x, y (upwards), and 1 at the last point of a stroke, else 0

    raises  as `throughtime.read`
    cost    the whole file is held in memory

    >>> import tempfile, pathlib, throughtime as tt
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "seven.json"
    >>> _ = file.write_text("[[[0, 9], [5, 9], [2, 0]]]")
    >>> tt.read_strokes(file).drawings[0].points[:, 2].tolist()
    [0.0, 0.0, 1.0]
    """
    path = Path(path)
    labelled = path.suffix.lower() in [
        suffix for reader in readers.READERS if reader.GIVES is LabelledDrawings for suffix in reader.SUFFIXES
    ]
    if labelled and (path.suffix.lower() != ".dat" or not path.is_file() or unipen.is_unipen(path)):
        return readers.read(path, LabelledDrawings)
    return LabelledDrawings([readers.read(path, Drawing)], [None])
