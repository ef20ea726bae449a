"""A long configuration stays fluid: how long its page takes to make, to open and to highlight, in a real browser.

The goal is a second for opening and for each choice at 10,000 lines. The browser has no network here at all.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / ".collections"))

from ansible_collections.realtime.edge.plugins.module_utils._haproxy.report import explain, page  # noqa: E402

BANNER = "# Managed by Ansible (realtime.edge). Changes made here are replaced by the next run.\n"
IMAGE = "realtime-edge/browser:bookworm"
GOAL = 1000


def configuration(lines: int) -> str:
    """A file of ours with so many lines: a frontend with a rule for each backend, and the backends."""
    count = lines // 11
    rules = "".join(f"    use_backend b{number}_http if {{ path_beg /b{number}/ }}\n" for number in range(count))
    backends = "".join(
        f"\nbackend b{number}_http\n    # balance\n    balance roundrobin\n    # health\n    option httpchk\n"
        "    default-server check inter 2s fall 3 rise 1\n    # http\n"
        f"    server a 10.0.{number % 250}.1:80\n    server b 10.0.{number % 250}.2:80\n"
        for number in range(count)
    )
    head = "\nglobal\n    # limits\n    maxconn 1000\n\nfrontend https\n    # tls\n    bind :443 ssl crt /a alpn h2\n"
    return f"{BANNER}{head}    # routing\n{rules}{backends}"


def main() -> int:
    """Print the table, and whether the goal is reached."""
    subprocess.run([ROOT / "tools/images", "browser:bookworm"], check=True)
    folder = ROOT / ".cache/bench"
    folder.mkdir(parents=True, exist_ok=True)
    print(f"{'lines':>7} {'page':>8} {'make':>8} {'open':>8} {'slowest choice':>15}")
    reached = True
    for lines in (150, 1000, 10000):
        text = configuration(lines)
        begin = time.perf_counter()
        explained = explain.explain(text, "3.2")
        html = page.render_page(explained, "bench")
        made = time.perf_counter() - begin
        (folder / "explain.html").write_text(html, encoding="utf-8")
        look = ["node", "/srv/browser/explain.js", "--page", "/pages/explain.html", "--quick"]
        container = ["docker", "run", "--rm", "--network", "none", "--volume", f"{folder}:/pages:ro", IMAGE]
        report = json.loads(subprocess.run([*container, *look], check=True, capture_output=True, text=True).stdout)
        opened, slowest = report["times"]["opened"], max(report["times"]["highlighted"].values())
        print(
            f"{text.count(chr(10)):7} {len(html) / 1e6:5.1f} MB {made * 1000:5.0f} ms {opened:5.0f} ms {slowest:12.0f} ms"
        )
        reached = max(opened, slowest) < GOAL
    print(f"under {GOAL} ms at the last: {'yes' if reached else 'NO'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
