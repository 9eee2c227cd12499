"""The one writer: whole files or none, together or not at all, and nothing of a killed process is left."""

import ast
import errno
import hashlib
import os
import random
import re
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from throughtime.io import files


def left(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def write_together(folder: Path, names: str) -> None:
    with files.together():
        for name in names:
            files.write(folder / name, name)


@pytest.fixture
def abandoned(tmp_path: Path) -> Path:
    """A folder with the temporary file of a process that was killed while it wrote."""
    code = (
        "import sys, time\nfrom throughtime.io import files\n"
        "with files.whole(sys.argv[1] + '/a.txt') as file:\n"
        "    file.write(b'x'); file.flush(); print('begun', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"begun\n"
        assert [files.temporary(name) for name in left(tmp_path)] == [True]
        files.sweep(tmp_path)
        assert len(left(tmp_path)) == 1  # its writer lives
        writer.kill()
    assert len(left(tmp_path)) == 1
    return tmp_path


def test_what_a_killed_process_left_is_swept(abandoned: Path) -> None:
    files.write(abandoned / "b.txt", "whole")
    assert left(abandoned) == ["b.txt"]
    assert (abandoned / "b.txt").read_text() == "whole"


def test_names_of_others_are_not_temporary(tmp_path: Path) -> None:
    for name in (".throughtime-notes", ".throughtime-0123456789abcdefg", "throughtime-0123456789abcdef", "a.npz"):
        assert not files.temporary(name)
        (tmp_path / name).write_text("mine")
    (tmp_path / ".throughtime-0123456789abcdef").mkdir()
    (tmp_path / ".throughtime-0123456789abcdee").symlink_to(tmp_path / "a.npz")
    before = left(tmp_path)
    files.sweep(tmp_path)
    assert left(tmp_path) == before


def test_files_that_belong_together_appear_together_or_not_at_all(tmp_path: Path) -> None:
    def both(text: str, trouble: BaseException | None = None) -> None:
        with files.together():
            files.write(tmp_path / "a", text)
            assert (tmp_path / "a").read_text() != text or not trouble
            files.write(tmp_path / "b", text)
            if trouble:
                raise trouble

    for name in "ab":
        files.write(tmp_path / name, "old")
    for trouble in (KeyboardInterrupt(), ValueError()):
        with pytest.raises(type(trouble)):
            both("lost", trouble)
        assert [(tmp_path / name).read_text() for name in left(tmp_path)] == ["old", "old"]
    both("new")
    assert [(tmp_path / name).read_text() for name in left(tmp_path)] == ["new", "new"]


def test_an_interruption_among_the_names_lets_all_have_theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace = os.replace

    def interrupted(old: str, new: str) -> None:
        monkeypatch.setattr(files.os, "replace", replace)
        replace(old, new)
        raise KeyboardInterrupt

    monkeypatch.setattr(files.os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_together(tmp_path, "abc")
    assert left(tmp_path) == ["a", "b", "c"]


def test_a_full_disk_is_told_with_the_name_and_what_was_there_stays(tmp_path: Path) -> None:
    import resource  # there is none on every system

    path = tmp_path / "a.bin"
    files.write(path, "old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError, match=rf"cannot write {path}: File too large; make room") as told:
            files.write(path, b"x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert told.value.errno == errno.EFBIG
    assert left(tmp_path) == ["a.bin"]
    assert path.read_text() == "old"


def test_contents_are_on_the_disk_before_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    happened: list[str] = []
    fsync, replace = os.fsync, os.replace

    def synced(handle: int) -> None:
        happened.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else f"{os.fstat(handle).st_size} bytes")
        fsync(handle)

    monkeypatch.setattr(files.os, "fsync", synced)
    monkeypatch.setattr(files.os, "replace", lambda *names: (happened.append("named"), replace(*names)))
    files.write(tmp_path / "a", b"1234")
    assert happened == ["4 bytes", "named", "folder"]


def test_permissions_are_those_of_new_files_and_the_mask_is_never_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = os.umask(0o027)
    try:
        with monkeypatch.context() as patch:
            patch.delattr(os, "umask")  # another thread would make its files with it meanwhile
            files.write(tmp_path / "ours", "")
        (tmp_path / "usual").write_text("")
    finally:
        os.umask(before)
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "usual").stat().st_mode
    assert stat.S_IMODE((tmp_path / "ours").stat().st_mode) == 0o640


def test_a_link_is_followed_and_what_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there/a")
    files.write(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there/a").read_text() == "new"
    os.mkfifo(tmp_path / "pipe")
    for name in ("there", "pipe"):
        with pytest.raises(OSError, match=f"cannot write .*{name}: it is there, and no ordinary file"):
            files.write(tmp_path / name, "new")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_many_writers_in_one_folder_do_not_sweep_each_other(tmp_path: Path) -> None:
    def write(name: str) -> None:
        for number in range(30):
            files.write(tmp_path / name, f"{name}{number}")

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {name: f"{name}29" for name in "abcd"}


def test_a_folder_is_held_by_one_and_free_when_its_holder_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys, time\nfrom throughtime.io import files\n"
        "with files.held(sys.argv[1]) as ours:\n    print(ours, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"True\n"
        with files.held(tmp_path) as ours:
            assert not ours
        holder.send_signal(signal.SIGKILL)
    with files.held(tmp_path) as ours:
        assert ours
    assert left(tmp_path) == []


def test_a_fingerprint_is_the_sha256_of_the_file(tmp_path: Path) -> None:
    content = random.Random(0).randbytes(300_000)
    (tmp_path / "data.csv").write_bytes(content)
    assert files.fingerprint(tmp_path / "data.csv") == hashlib.sha256(content).hexdigest()
    with pytest.raises(OSError, match=r"nothing\.csv"):
        files.fingerprint(tmp_path / "nothing.csv")


WRITING = {
    "write_text",
    "write_bytes",
    "savefig",
    "savez",
    "savez_compressed",
    "save_file",
    "to_parquet",
    "to_csv",
    "tofile",
}
ELSEWHERE = {  # what these write is no file, or no file of a user's
    "cli/delivery.py": "to_csv to standard output",
    "engine/native/build.py": "write_text of what was built, without the package",
    "reports/page.py": "savefig into memory",
}


def writes(call: ast.Call) -> bool:
    """Whether a call may write a file: one by its name, given something to write to, or `open` in a mode for writing."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name == "open":
        modes = [a.value for a in (*call.args, *(k.value for k in call.keywords)) if isinstance(a, ast.Constant)]
        return any(isinstance(mode, str) and re.fullmatch("[rwaxbt+]*[wax+][rwaxbt+]*", mode) for mode in modes)
    return name in WRITING and bool(call.args)


def test_all_files_are_written_by_the_one_writer() -> None:
    package = Path(files.__file__).parents[1]
    found = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if any(isinstance(node, ast.Call) and writes(node) for node in ast.walk(ast.parse(path.read_text())))
    }
    assert {path for path in found if not path.startswith("io/")} == set(ELSEWHERE)
    assert "io/files.py" in found  # it sees what it looks for
