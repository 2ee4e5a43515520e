// SPDX-License-Identifier: Apache-2.0
// The inside of Store. Not for other rooms.
#pragma once

#include "bpfman/store/sqlite.h"
#include "bpfman/store/store.h"

namespace bpfman::store {

struct StoreState {
  Layout layout;
  Database database;

  // A store over an open database.
  static Store make(const Layout& layout, Database database);
  static StoreState& of(Store& store);
};

}  // namespace bpfman::store
