"""The faults that are seeded: each quotes what stands once in its file, and asks tests that are there."""

from collections import Counter

import pytest

from seed_faults import FAULTS, PACKAGE, ROOT, Fault


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_it_quotes_what_stands_once_in_its_file(fault: Fault) -> None:
    assert (PACKAGE / fault.file).read_text().count(fault.old) == 1
    assert fault.new != fault.old
    assert (ROOT / "tests" / fault.tests).is_file()


def test_no_two_have_one_name() -> None:
    assert [name for name, count in Counter(fault.name for fault in FAULTS).items() if count > 1] == []
