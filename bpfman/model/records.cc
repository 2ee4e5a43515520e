// SPDX-License-Identifier: Apache-2.0
#include "bpfman/model/records.h"

namespace bpfman {

std::string_view to_string(Strategy strategy) {
  switch (strategy) {
    case Strategy::Direct:
      return "direct";
  }
  return "direct";
}

}  // namespace bpfman
