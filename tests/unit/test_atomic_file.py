"""Files are written whole; what a killed run leaves is removed by the next one; only files are read."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from ansible_collections.realtime.edge.plugins.module_utils._haproxy import atomic_file
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.build import recipe, source
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config import data
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.deploy import apply
from ansible_collections.realtime.edge.plugins.module_utils._haproxy.fragments import contribute, store

COLLECTIONS = Path(__file__).parents[2] / ".collections"

# Each is killed while it has something temporary: the first argument is the file or folder.
KILLED = {
    "a file": "os.replace = die; atomic_file.write_atomically(path, 'secret')",
    "a symlink": "os.replace = die; disk.switch_link('/x', path)",
    "a folder": "stack = atomic_file.temporary_folder(path); open(stack.__enter__() + '/haproxy.cfg', 'w'); die()",
}


def kill(what, path):
    script = (
        "import os, signal, sys\n"
        "from ansible_collections.realtime.edge.plugins.module_utils._haproxy import atomic_file\n"
        "from ansible_collections.realtime.edge.plugins.module_utils._haproxy.deploy import disk\n"
        f"path = sys.argv[1]\ndef die(*_): os.kill(os.getpid(), signal.SIGKILL)\n{KILLED[what]}\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], env={**os.environ, "PYTHONPATH": str(COLLECTIONS)}, check=False
    )
    assert done.returncode == -9


def left(folder):
    return [name for name in os.listdir(folder) if ".edge-" in name]


@pytest.mark.parametrize("what", KILLED)
def test_what_a_killed_run_leaves_is_removed_by_the_next(target, tmp_path, what, monkeypatch):
    paths = [tmp_path / "haproxy.cfg", tmp_path / "state" / "check", tmp_path / "fragments.d" / "edge.json"]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        kill(what, path)
        assert len(left(path.parent)) == 1
    monkeypatch.setattr(apply, "apply", lambda *_: apply.Outcome("unchanged", [], "", "", [], True))
    settings = {"state_directory": str(tmp_path / "state")}
    part = store.Fragment(store.OWNER, [], {}, {}, settings)
    running = atomic_file.temporary_folder(str(tmp_path / "check"))
    with running:
        contribute.contribute(paths[0].as_posix(), part, False, lambda *_: None, apply.ApplyOptions())
        assert left(tmp_path) == [os.path.basename(running.gen.gi_frame.f_locals["folder"])]
    assert [name for path in paths for name in left(path.parent)] == []


def test_the_text_to_check_is_in_the_state_folder_and_swept(target, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "system"))
    (tmp_path / "system").mkdir()
    seen = tmp_path / "seen"
    Path(target.binary).write_text(f'#!/bin/sh\nfor last; do :; done; echo "$last" >>{seen}; exit 0\n')
    wanted = data.from_data({"frontend": {"web": {"bind": "127.0.0.1:0"}}})
    for state, folder in ((tmp_path, tmp_path), (tmp_path / "none", tmp_path / "system")):
        kill("a folder", folder / "check")
        apply.apply(wanted, target._replace(state=str(state)), apply.ApplyOptions(check_mode=True))
        assert Path(seen.read_text().splitlines()[-1]).parents[1] == folder
        assert left(folder) == []


def test_only_a_file_is_read(tmp_path):
    fifo, link = tmp_path / "fifo", tmp_path / "link"
    os.mkfifo(fifo)
    link.symlink_to(tmp_path / "file")
    (tmp_path / "file").write_text("text")
    for path in (fifo, tmp_path):
        with pytest.raises(OSError, match=r"not a regular file|Is a directory"):
            atomic_file.read_regular_file(str(path))
    assert atomic_file.read_regular_file(str(link)) == b"text"
    with pytest.raises(OSError, match="it is a symbolic link"):
        atomic_file.read_regular_file(str(link), follow=False)


def test_what_a_killed_download_leaves_is_removed_by_the_next(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "system"))
    (tmp_path / "system").mkdir()
    (tmp_path / "sources").mkdir()
    kill("a folder", tmp_path / "system" / "haproxy-source")
    kill("a folder", tmp_path / "sources" / "obtain")
    with pytest.raises(source.NotObtained):
        source.obtain(recipe.Source(recipe.HAPROXY, "3.0.11", "0" * 64), ["/nowhere"], tmp_path / "sources")
    assert left(tmp_path / "system") == left(tmp_path / "sources") == []
