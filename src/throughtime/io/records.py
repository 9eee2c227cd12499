"""Several records of one system, each a table: what a file of several, several files, or a column that names them hold."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from throughtime.io.tables import Table


@dataclass(frozen=True, eq=False)
class Records:
    """Tables by the names of their records, in order.

    found  what was unusual in the file and read all the same
    """

    tables: Mapping[str, Table]
    found: list[str] = field(default_factory=list)
