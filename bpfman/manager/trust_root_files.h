// SPDX-License-Identifier: Apache-2.0
// What the trust root has on disk: the file that policies use, a record of what was put there, and
// the TUF files that the next update compares with. A file that somebody else has put there is
// never lost.
#pragma once

#include "bpfman/model/digest.h"
#include "bpfman/model/layout.h"
#include "bpfman/trust/tuf_client.h"

namespace bpfman {

struct TrustRootRecord {
  std::string mirror;              // of the last update from one; "" for none
  Digest initial_root;             // the TUF root in which trust began
  Digest installed;                // the trust root that was put there
  Digest replaced;                 // what it took the place of
  std::string origin;              // where it came from: a URL or a path
  std::int64_t updated_at = 0;     // Unix seconds
  std::uint64_t root_version = 0;  // of the TUF root; 0: none vouches for it
  std::int64_t expires = 0;        // when the first of the TUF files ends
  bool operator==(const TrustRootRecord&) const = default;
};

// Absence is an empty record. DataLoss: it is damaged.
Result<TrustRootRecord> read_trust_root_record(const Layout& layout);
Result<void> write_trust_root_record(const Layout& layout, const TrustRootRecord& record);

Result<trust::TufState> read_tuf_state(const Layout& layout);
// Files that did not change are left alone. In such an order that a crash in between leaves nothing
// that could be trusted wrongly.
Result<void> write_tuf_state(const Layout& layout,
                             const trust::TufState& before,
                             const trust::TufState& after);

struct InstalledTrustRoot {
  bool changed = false;
  std::string copy;  // where the file of before is kept; "" for none
};

enum class Foreign { Refuse, Replace };

// Puts `bytes`, which `record` describes, where policies look, and writes the record. A file that
// is not of a former call is kept under a name of its own. AlreadyExists: there is one, and it
// shall be refused.
Result<InstalledTrustRoot> install_trust_root(const Layout& layout,
                                              TrustRootRecord record,
                                              ByteView bytes,
                                              Foreign foreign);

}  // namespace bpfman
