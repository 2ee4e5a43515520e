// SPDX-License-Identifier: Apache-2.0
// Tells when network interfaces come, go or change: RTNLGRP_LINK of some network namespaces.
// Source: rtnetlink(7), netlink(7).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bpfman/base/unique_fd.h"
#include "bpfman/kernel/kernel_ops.h"

namespace bpfman::kernel {

class LinkMonitor final : public LinkWatch {
 public:
  // A namespace that is gone is left out.
  static Result<std::unique_ptr<LinkWatch>> open(const std::vector<std::string>& namespaces);

  Result<bool> wait(std::int64_t timeout_ms) override;

 private:
  explicit LinkMonitor(std::vector<UniqueFd> sockets) : sockets_(std::move(sockets)) {}

  std::vector<UniqueFd> sockets_;
};

}  // namespace bpfman::kernel
