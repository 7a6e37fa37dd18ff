import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbtcollate_tui.private_files import (
    make_file,
    make_folder,
    open_beside,
    private_folder,
    remove_abandoned,
    write_private,
)


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o777], ids=oct)
def _umask(request: pytest.FixtureRequest) -> Iterator[None]:
    former = os.umask(request.param)
    yield
    os.umask(former)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("_umask")
def test_folders_and_files_are_private_whatever_the_umask(tmp_path: Path) -> None:
    folder = private_folder(tmp_path / "a" / "b" / "c")
    write_private(folder / "x.json", "text")
    write_private(folder / "x.bin", b"bytes")
    write_private(folder / "y.json", iter(["in ", "pieces"]))
    assert [mode(place) for place in (folder, folder.parent, folder.parent.parent)] == [0o700] * 3
    assert [mode(path) for path in sorted(folder.iterdir())] == [0o600] * 3
    assert (folder / "y.json").read_text() == "in pieces"


def test_a_folder_that_others_share_keeps_its_mode(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    private_folder(shared)
    assert mode(shared) == 0o1777


def test_a_folder_that_is_a_file_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x")
    with pytest.raises(OSError, match="Not a directory"):
        private_folder(tmp_path / "x")


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from dbtcollate_tui.private_files import open_beside; "
        "open_beside(Path(sys.argv[1]) / 'manifest.json', '.part')[1].write(b'half'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False, timeout=60)
    (left,) = tmp_path.iterdir()
    assert remove_abandoned([tmp_path]) == 0
    old = time.time() - 60
    os.utime(left, (old, old))
    assert remove_abandoned([tmp_path]) == 1
    assert list(tmp_path.iterdir()) == []


def test_what_is_being_written_stays(tmp_path: Path) -> None:
    path, file = open_beside(tmp_path / "manifest.json", ".part")
    with file:
        os.utime(path, (1, 1))
        assert remove_abandoned([tmp_path, tmp_path / "none"]) == 0
        assert path.exists()


def test_a_write_that_fails_leaves_the_former_file(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    write_private(path, "former")

    def broken() -> Iterator[str]:
        yield "half"
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        write_private(path, broken())
    assert path.read_text() == "former"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077, 0o777])
def test_files_and_folders_are_private_whatever_the_umask(tmp_path: Path, mask: int) -> None:
    former = os.umask(mask)
    try:
        make_folder(tmp_path / "a" / "b")
        make_file(tmp_path / "a" / "b" / "log")
    finally:
        os.umask(former)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "a" / "b" / "log").stat().st_mode) == 0o600
