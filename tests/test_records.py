"""What Python writes to a kernel and what C++ reads are the same fields, in the same order."""

import re

import pytest

from throughtime.engine.native import records, wiring
from throughtime.engine.native.build import SOURCES
from throughtime.engine.native.loading import load

HEADER = (SOURCES / "wiring.h").read_text()


@pytest.mark.parametrize("kind", records.RECORDS, ids=lambda kind: kind.__name__)
def test_a_struct_of_its_name_lists_the_fields_of_every_record(kind: type) -> None:
    (body,) = re.findall(rf"^struct {kind.__name__} {{\n(.*?)^}};", HEADER, re.MULTILINE | re.DOTALL)
    (listed,) = re.findall(r"TT_FIELDS\((.*)\)", body)
    assert f"{kind.__name__}: {listed}\n" in records.told()


def test_units_and_kinds_stand_where_python_counts_them() -> None:
    for name, places in re.findall(r"^TT_PLACES\((\w+), (.*?)\)", HEADER, re.MULTILINE):
        assert f"{name}: {places}\n" in records.told()
    known = {number: unit.name for unit, (number, _) in wiring.NUMBERS.items()}
    assert [known[place].startswith(name) for place, name in enumerate(records.UNITS)] == [True] * 8


@pytest.mark.skipif(not load().loaded, reason="there is no native engine")
def test_the_library_tells_what_it_reads() -> None:
    assert load().loaded.throughtime_records().decode() == records.told()  # type: ignore[union-attr]


def test_a_record_is_its_numbers_in_order():
    """A list after its number of members, nested records in place."""
    heard = records.Connection(1, 2, True, (0, 3), (5,))
    layer = records.Layer(0, 0, 6, 1, 0, 4, False, True, (heard,))
    call = records.SweepCall(
        9, 8, 7, (True, False), (False, True), records.Wiring(True, (layer,), (records.Outer(2, 3),))
    )
    wanted = [9, 8, 7, 2, 1, 0, 2, 0, 1, 1, 1, 0, 0, 6, 1, 0, 4, 0, 1, 1, 1, 2, 1, 2, 0, 3, 1, 5, 1, 2, 3]
    assert records.numbers(call) == wanted
