# SPDX-License-Identifier: Apache-2.0
"""Many cycles of load, attach, detach, unload leave the host as it was; only the ledger grows, by what it says. Needs root."""

import json
import os
import sqlite3
import time

from case import Case

FULL = bool(os.environ.get("BPFMAN_TEST_FULL"))


class Soak(Case):
    def tables(self):
        """Bytes that each table of the database has, with its indices."""
        path = os.path.join(self.root, "var/lib/bpfman/bpfman.db")
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
            rows = database.execute("SELECT coalesce((SELECT tbl_name FROM sqlite_schema s WHERE s.name = d.name), d.name), "
                                    "sum(pgsize) FROM dbstat d GROUP BY 1").fetchall()
            entries = database.execute("SELECT count(*) FROM ledger").fetchone()[0]
            free = database.execute("PRAGMA freelist_count").fetchone()[0]
        database.close()
        return dict(rows), entries, free

    def state(self):
        """All that is to be the same after every cycle."""
        path = os.path.join(self.root, "run/bpfman")
        files = sorted(os.path.join(directory, name) for top in (path, os.path.join(self.root, "var"))
                       for directory, _, names in os.walk(top) for name in names if not name.endswith((".debug", "-wal", "-shm")))
        return {"files": files, "xdp": self.pair.xdp() is not None}

    def cycle(self, number):
        iface = self.pair.interface
        self.bpfman("load", "file", self.host.pass1, "-a", "comes", "-m", f"number={number % 10}", check=True)
        done = self.bpfman.json("attach", "comes/pass", "xdp", "--iface", iface, "--priority", "90")
        self.bpfman("detach", str(done["link"]["link_id"]), check=True)
        self.bpfman("unload", "comes/pass", check=True)

    def test_cycles_leave_nothing_but_their_entries_in_the_ledger(self):
        cycles = 10000 if FULL else 60
        self.bpfman("load", "file", self.host.pass1, "-a", "stays", "xdp", "--iface", self.pair.interface, check=True)
        for number in range(30):
            self.cycle(number)
        before, (tables, entries, free) = self.state(), self.tables()
        start = time.monotonic()
        for number in range(cycles):
            self.cycle(number)
        self.assertEqual(self.state(), before)
        now, last, free_now = self.tables()
        added = last - entries
        self.assertEqual(added, 4 * cycles, "an entry a verb")
        grown = {name: now[name] - tables.get(name, 0) for name in now if now[name] != tables.get(name, 0) and name != "ledger"}
        self.assertTrue(all(size <= 8192 for size in grown.values()), f"tables that grow: {grown}")
        self.assertLessEqual(free_now - free, 4, "pages that nothing uses")
        size = (now["ledger"] - tables["ledger"]) / added
        self.assertLess(size, 1500, "bytes of an entry")
        log = self.bpfman.json("list", "links")["links"]
        self.assertEqual([one["program"] for one in log], ["stays/pass"])
        print(f"{cycles} cycles in {time.monotonic() - start:.0f} s; ledger: {added} entries of {size:.0f} bytes", flush=True)
        self.bpfman("unload", "--all", check=True)
        self.assertNothingLeft()
