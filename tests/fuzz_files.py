"""Files of every reader, changed in every way: each is read, or refused in one line, and never takes more than 1 GB.

python tests/fuzz_files.py --mutants 10000 [--reader unipen]
"""

import argparse
import os
import random
import resource
import sys
import tempfile
import warnings
from pathlib import Path

from test_readers import NAMES, mutant, sample
from throughtime.io import readers

MOST = 2**30  # bytes more than before the first file


def main(argv: list[str]) -> int:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--mutants", type=int, default=1000, help="of each reader")
    asked.add_argument("--reader", choices=sorted(NAMES.values()), help="this one alone")
    asked.add_argument("--seed", type=int, default=0)
    options = asked.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        wrong = sum(
            tried(reader, options.mutants, options.seed)
            for reader, name in NAMES.items()
            if options.reader in (None, name)
        )
        os.chdir("/")
    return int(wrong > 0)


def tried(reader: readers.Reader, mutants: int, seed: int) -> int:
    """How many files of a reader came out wrong; each is told."""
    wrong, refused, name, rng = 0, 0, NAMES[reader], random.Random(seed)
    wholes = [(suffix, sample(reader.GIVES, suffix)) for suffix in reader.SUFFIXES[:1]]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(mutants):
        suffix, whole = wholes[number % len(wholes)]
        path = Path(f"some{suffix}")
        path.write_bytes(mutant(whole, rng))
        try:
            with warnings.catch_warnings(action="ignore"):
                readers.read(path, reader.GIVES)
        except ValueError as error:
            refused += 1
            if "\n" in str(error) or not str(error).startswith(path.name):
                wrong += 1
                print(f"{name} {number}: {str(error)!r}")
        except Exception as error:
            wrong += 1
            print(f"{name} {number}: {type(error).__name__}: {error}")
    more = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    print(f"{name}: {mutants} mutants, {refused} refused, {wrong} wrong, {more / 2**20:.0f} MiB more")
    return wrong + (more > MOST)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
