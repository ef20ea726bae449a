"""What assembling costs beside what HAProxy takes to read the result: time, growth and memory, by size.

Each size runs in a process of its own, several times, and the best counts: this is about the work, not the machine.
Times are those of the processor: what else this machine does takes no part in them.
`ours` is all that the module does itself in a run that changes the file: understand the data, merge, mark, render, mask,
read the old file for its addresses, write; what `--diff` adds has a column. `haproxy -c` is that of the same file. Starting Python and
Ansible comes on top for any module, and is not ours to change; importing our rooms is, and has a line of its own.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
SERVERS = (10, 1_000, 10_000, 50_000)
FRONTENDS = 1_000
TIMES = 3


def binary(folder: str) -> str:
    """A HAProxy: this machine's, or the newest that a scenario or the demo has built here."""
    found = shutil.which("haproxy")
    archives = sorted(ROOT.glob(".cache/archives/haproxy-*.tar.gz"), key=os.path.getmtime)
    if not found and archives:
        with tarfile.open(archives[-1]) as archive:
            archive.extractall(folder, filter="data")
        found = next((str(path) for path in Path(folder).glob("**/sbin/haproxy")), None)
    if not found:
        sys.exit("There is no HAProxy on this machine and none has been built: run `make demo` first")
    return found


def data(what: str, folder: str) -> dict:
    """Sections as someone writes them."""
    if what == "frontends":
        path = Path(folder, "hosts.map")
        path.write_text("".join(f"host{number}.example.com backend{number}\n" for number in range(FRONTENDS)))
        return {
            "frontend": {
                f"frontend{number}": {
                    "bind": f"127.0.0.1:{10000 + number}",
                    "http-request": [
                        f"set-var(txn.b) hdr(host),lower,map({path})",
                        "deny unless { var(txn.b) -m found }",
                    ],
                    "use_backend": f"backend{number}",
                }
                for number in range(FRONTENDS)
            },
            "backend": {f"backend{number}": {"server": f"s1 10.0.0.1:{1 + number}"} for number in range(FRONTENDS)},
        }
    # 3.0 compares the names of a backend's servers each with each: many in one would make it slow, and us look good.
    servers = [f"s{i} 10.{i >> 16}.{i >> 8 & 255}.{i & 255}:8080 weight 10" for i in range(int(what))]
    backends = {
        f"pool{begin}": {"balance": "leastconn", "default-server": "inter 5s", "server": servers[begin : begin + 100]}
        for begin in range(0, len(servers), 100)
    }
    return {"frontend": {"web": {"bind": "127.0.0.1:10000", "default_backend": "pool0"}}, "backend": backends}


def run(what: str, haproxy: str) -> dict[str, float]:
    """Seconds and bytes of one size; runs in a process of its own."""
    began = time.process_time()
    sys.path.insert(0, str(ROOT / ".collections"))
    from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config import redact
    from ansible_collections.realtime.edge.plugins.module_utils._haproxy.config.diff import compare
    from ansible_collections.realtime.edge.plugins.module_utils._haproxy.deploy import apply, disk, marker
    from ansible_collections.realtime.edge.plugins.module_utils._haproxy.fragments import assemble, store
    from ansible_collections.realtime.edge.plugins.module_utils._haproxy.services.edge import Edge  # fmt: skip

    imported = time.process_time() - began
    with tempfile.TemporaryDirectory() as folder:
        asked = json.dumps(data(what, folder))
        base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        binary = f"{folder}/haproxy"
        os.symlink(haproxy, binary)
        place = disk.Target(f"{folder}/haproxy.cfg", binary, "", f"{folder}/none.sock", folder, -1)
        edge = Edge(
            http=(":80",),
            https=(":443",),
            quic=(),
            policy=(),
            statistics="127.0.0.1:8404",
            certificates=folder,
            lua=f"{folder}/edge.lua",
            metrics=f"{folder}/metrics.lua",
            runtime_socket=f"{folder}/admin.sock",
            version=(3, 0),
            descriptors=20000,
        )

        def haproxys() -> float:
            used = resource.getrusage(resource.RUSAGE_CHILDREN)
            return used.ru_utime + used.ru_stime

        def module(change: str, name: str = "shop") -> tuple[float, float, str, float]:
            before, start = haproxys(), time.process_time()
            part = store.Fragment(name, [], json.loads(asked))
            owner = store.Fragment(store.OWNER, [], {"global": {"setenv": f"CHANGE {change}"}})
            record = (store.fragment_path(place.path, name), store.fragment_text(part))
            configuration = assemble.assemble(edge, store.in_order([*store.read_others(place.path, name), part, owner]))
            redact.all_secrets(configuration)
            outcome = apply.apply(configuration, place, records=(record,))
            own = time.process_time() - start
            compare(outcome.before, outcome.after, place.path, marker.MARKER)
            return own, haproxys() - before, outcome.action, time.process_time() - start - own

        module("0")
        changes = [module(str(number)) for number in range(1, TIMES + 1)]
        unchanged = [module(str(TIMES)) for _ in range(TIMES)]
        assert {action for _own, _checked, action, _diff in changes} == {"start"}
        assert {action for _own, _checked, action, _diff in unchanged} == {"unchanged"}
        assert not any(checked for _own, checked, *_rest in unchanged), "an unchanged run has started HAProxy"
        children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        return {
            "ours": min(own for own, *_rest in changes),
            "checked": min(checked for _own, checked, *_rest in changes),
            "unchanged": min(own for own, *_rest in unchanged),
            "difference": min(diff for *_rest, diff in changes),
            "imported": imported,
            "memory": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base) * 1024,
            "haproxy_memory": children * 1024,
        }


def main() -> None:
    """Print the table."""
    if len(sys.argv) > 2:
        print(json.dumps(run(*sys.argv[1:])))
        return
    with tempfile.TemporaryDirectory() as folder:
        haproxy = binary(folder)
        print(subprocess.run([haproxy, "-v"], capture_output=True, text=True, check=True).stdout.splitlines()[0])
        print(
            f"{'':>22} {'ours':>9} {'haproxy -c':>11} {'ratio':>6} {'--diff':>10} {'unchanged':>10} {'ratio':>6} {'memory':>8} {'of -c':>7}"
        )
        found = {}
        for what in (*map(str, SERVERS), "frontends"):
            done = subprocess.run(
                [sys.executable, __file__, what, haproxy], capture_output=True, text=True, check=False
            )
            if done.returncode:
                sys.exit(done.stderr)
            found[what] = one = json.loads(done.stdout)
            name = f"{FRONTENDS} frontends, maps" if what == "frontends" else f"{int(what):,} servers"
            print(
                f"{name:>22} {1000 * one['ours']:6.1f} ms {1000 * one['checked']:8.1f} ms {one['ours'] / one['checked']:6.2f}"
                f" {1000 * one['difference']:+7.1f} ms {1000 * one['unchanged']:7.1f} ms {one['unchanged'] / one['checked']:6.2f}"
                f" {one['memory'] / 1e6:5.0f} MB {one['haproxy_memory'] / 1e6:4.0f} MB"
            )
        small, large = (found[str(size)]["ours"] / size for size in (SERVERS[1], SERVERS[-1]))
        print(
            f"Growth: a server among {SERVERS[-1]:,} takes {large / small:.2f} times what one among {SERVERS[1]:,} takes (1 is linear)"
        )
        print(
            f"Importing the rooms, once a run, at any size: {1000 * min(one['imported'] for one in found.values()):.0f} ms"
        )


if __name__ == "__main__":
    main()
