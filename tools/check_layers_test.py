#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check_layers.py has to find what it is there for, and its table has to be the one of docs/architecture.md."""

import os
import re
import sys
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import check_layers  # noqa: E402

HEAD = "// SPDX-License-Identifier: Apache-2.0\n"


def texts(path, body):
    return [text for _, text in check_layers.check_text(path, HEAD + body)]


class CheckLayers(unittest.TestCase):
    def test_a_room_may_include_lower_rooms_only(self):
        self.assertEqual(texts("bpfman/plan/x.cc", '#include "bpfman/model/ids.h"\n'), [])
        self.assertIn("room plan may not include room kernel (bpfman/kernel/pins.h)",
                      texts("bpfman/plan/x.cc", '#include "bpfman/kernel/pins.h"\n'))
        for sibling in ("kernel", "store", "container"):
            self.assertEqual(len(texts("bpfman/image/x.cc", f'#include "bpfman/{sibling}/x.h"\n')), 1, sibling)

    def test_a_room_may_include_itself_and_a_main_every_room(self):
        self.assertEqual(texts("bpfman/store/x.cc", '#include "bpfman/store/sqlite.h"\n'), [])
        self.assertEqual(texts("apps/bpfman.cc", '#include "bpfman/cli/cli.h"\n'), [])

    def test_a_room_that_is_not_in_the_table_is_a_breach(self):
        self.assertEqual(texts("bpfman/cloud/x.cc", ""), ["room cloud is not in the table"])

    def test_heavy_headers_stay_in_their_rooms(self):
        for header, home, foreign in (("bpf/libbpf.h", "kernel/x.cc", "manager/x.cc"),
                                      ("sqlite3.h", "store/x.cc", "manager/x.cc"),
                                      ("curl/curl.h", "net/x.cc", "image/x.cc"),
                                      ("CLI/CLI.hpp", "cli/x.cc", "manager/x.cc"),
                                      ("nlohmann/json.hpp", "image/oci_json.cc", "image/oci.cc"),
                                      ("toml++/toml.h", "base/toml.cc", "base/text.cc")):
            self.assertEqual(texts("bpfman/" + home, f"#include <{header}>\n"), [], header)
            self.assertEqual(len(texts("bpfman/" + foreign, f"#include <{header}>\n")), 1, header)

    def test_only_tests_may_include_test_support(self):
        line = '#include "tests/support/fake_kernel.h"\n'
        self.assertEqual(texts("bpfman/manager/executor_test.cc", line), [])
        self.assertEqual(len(texts("bpfman/manager/executor.cc", line)), 1)

    def test_wrapped_calls_are_found_outside_of_comments(self):
        self.assertEqual(len(texts("bpfman/image/x.cc", 'auto x = getenv("HOME");\n')), 1)
        self.assertEqual(texts("bpfman/image/x.cc", "// getenv(3) is not called here\n"), [])

    def test_relative_includes_and_missing_licences_are_found(self):
        self.assertEqual(len(texts("bpfman/image/x.cc", '#include "oci.h"\n')), 1)
        self.assertEqual(len(check_layers.check_text("bpfman/image/x.cc", "int x;\n")), 1)

    def test_fuzzers_share_a_header_that_the_library_may_not_see(self):
        line = '#include "fuzz/fuzz.h"\n'
        self.assertEqual(texts("fuzz/x_fuzz.cc", line), [])
        self.assertEqual(len(texts("bpfman/image/x.cc", line)), 1)

    def test_the_table_is_that_of_the_architecture_page(self):
        with open(os.path.join(os.path.dirname(HERE), "docs", "architecture.md"), encoding="utf-8") as file:
            page = file.read()
        present = page.split("## Rooms", 1)[1].split("Planned rooms", 1)[0]
        rooms = set(re.findall(r"^ {6}(\w+)/ ", present, re.M))
        self.assertEqual(rooms, set(check_layers.ROOMS))


if __name__ == "__main__":
    unittest.main()
