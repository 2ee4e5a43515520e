// SPDX-License-Identifier: Apache-2.0
// What a server needs of the process that it runs in.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "bpfman/manager/api.h"
#include "bpfman/rpc/kernel_facts.h"

namespace bpfman::rpc {

// What an Api is made for.
struct Call {
  bool finds_images = false;     // the configuration is needed
  std::int64_t patience_ms = 0;  // how long it may wait for others; 0: as long as usual
};

// A state of the database. Equal ones mean: nothing was written in between.
struct Generation {
  std::uint64_t opening = 0;
  std::int64_t version = 0;
  bool operator==(const Generation&) const = default;
};

// All are called by several threads at once.
using MakeApi = std::function<Result<std::unique_ptr<Api>>(const Call&)>;
// nullopt: there is no such program any more.
using FindFacts = std::function<Result<std::optional<KernelFacts>>(ProgramId)>;
using FindKernelProgram = std::function<Result<std::optional<KernelProgram>>(ProgramId)>;
using ListKernelPrograms = std::function<Result<std::vector<KernelProgram>>()>;
// nullopt: it is not known.
using FindGeneration = std::function<std::optional<Generation>()>;

// What a server needs.
struct World {
  MakeApi make_api;
  FindFacts find_facts;
  FindKernelProgram find_program;
  ListKernelPrograms list_programs;
  FindGeneration find_generation;
};

}  // namespace bpfman::rpc
