// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/kernel_symbols.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <map>
#include <set>

#include <bpf/btf.h>
#include <fnmatch.h>

#include "bpfman/base/file.h"
#include "bpfman/base/text.h"
#include "bpfman/kernel/btf_handle.h"
#include "bpfman/kernel/features.h"
#include "bpfman/kernel/libbpf_messages.h"
#include "bpfman/kernel/tracefs.h"

namespace bpfman::kernel {
namespace {

constexpr std::size_t kMostSymbolBytes = std::size_t{256} << 20;
constexpr std::size_t kMostBtfBytes = std::size_t{256} << 20;

// "ffffffff81000000 T vfs_read\t[module]"; nullopt for what is no function.
std::optional<KernelFunction> parse_line(std::string_view line) {
  std::size_t first = line.find(' ');
  if (first == std::string_view::npos || line.size() < first + 4) {
    return std::nullopt;
  }
  char kind = line[first + 1];
  if (kind != 't' && kind != 'T' && kind != 'w' && kind != 'W') {
    return std::nullopt;
  }
  KernelFunction function;
  std::string_view digits = line.substr(0, first);
  std::from_chars(digits.data(),  // NOLINT(bugprone-suspicious-stringview-data-usage): and its end
                  digits.data() + digits.size(),
                  function.address,
                  16);
  std::string_view name = line.substr(first + 3);
  function.name = name.substr(0, name.find_first_of("\t "));
  return function;
}

// Names of available_filter_functions; empty when there is no such file.
std::set<std::string> traceable_names() {
  std::set<std::string> names;
  Result<UniqueFd> tracefs = open_tracefs();
  if (!tracefs.ok()) {
    return names;
  }
  Result<UniqueFd> file = open_beneath(tracefs->get(), "available_filter_functions", 0);
  if (!file.ok()) {
    return names;
  }
  Result<Bytes> text = read_fd(file->get(), kMostSymbolBytes, "available_filter_functions");
  if (!text.ok()) {
    return names;
  }
  for (const std::string& line : split(as_text(*text), '\n')) {
    names.insert(line.substr(0, line.find_first_of(" \t")));
  }
  return names;
}

Error add_suggestions(Error error,
                      std::string_view name,
                      const std::vector<std::string>& candidates) {
  std::vector<std::string> near = suggest(name, candidates);
  if (near.empty()) {
    return error;
  }
  return std::move(error).with_hint("did you mean " + join(near, " or ") + "?");
}

}  // namespace

Result<std::vector<KernelFunction>> list_kernel_functions() {
  Bytes text = TRY(read_file("/proc/kallsyms", kMostSymbolBytes));
  std::vector<KernelFunction> functions;
  std::string_view rest = as_text(text);
  while (!rest.empty()) {
    std::size_t end = std::min(rest.find('\n'), rest.size());
    std::optional<KernelFunction> function = parse_line(rest.substr(0, end));
    if (function) {
      functions.push_back(*std::move(function));
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return functions;
}

Result<std::vector<std::string>> match_traceable_functions(const std::string& pattern) {
  std::vector<KernelFunction> functions = TRY(list_kernel_functions());
  std::map<std::string_view, int> times;
  for (const KernelFunction& function : functions) {
    ++times[function.name];
  }
  std::set<std::string> traceable = traceable_names();
  std::vector<std::string> matching;
  for (const auto& [name, count] : times) {
    std::string text(name);
    bool fits = count == 1 && ::fnmatch(pattern.c_str(), text.c_str(), 0) == 0;
    if (fits && (traceable.empty() || traceable.contains(text))) {
      matching.push_back(std::move(text));
    }
  }
  return matching;
}

Result<std::optional<std::uint64_t>> kernel_function_size(const std::string& name) {
  std::vector<KernelFunction> functions = TRY(list_kernel_functions());
  auto found = std::find_if(functions.begin(), functions.end(), [&](const KernelFunction& one) {
    return one.name == name;
  });
  if (found == functions.end() || found->address == 0) {
    return std::optional<std::uint64_t>();
  }
  std::uint64_t start = found->address;
  std::optional<std::uint64_t> size;
  for (const KernelFunction& one : functions) {
    if (one.address > start && (!size || one.address - start < *size)) {
      size = one.address - start;
    }
  }
  return size;
}

Error with_function_suggestions(Error error, std::string_view name) {
  Result<std::vector<KernelFunction>> functions = list_kernel_functions();
  if (!functions.ok()) {
    return error;
  }
  std::vector<std::string> names;
  for (KernelFunction& function : *functions) {
    names.push_back(std::move(function.name));
  }
  return add_suggestions(std::move(error), name, names);
}

Error with_btf_suggestions(Error error, std::string_view prefix, std::string_view name) {
  LibbpfMessages messages;
  BtfPtr types(btf__load_vmlinux_btf());
  if (types == nullptr) {
    return error;
  }
  std::vector<std::string> names;
  std::uint32_t count = btf__type_cnt(types.get());
  for (std::uint32_t id = 1; id < count; ++id) {
    const btf_type* type = btf__type_by_id(types.get(), id);
    bool trace = prefix == "btf_trace_" && btf_is_typedef(type);
    if (!trace && !btf_is_func(type)) {
      continue;
    }
    std::string_view known = btf__name_by_offset(types.get(), type->name_off);
    if (known.starts_with(prefix)) {
      names.emplace_back(known.substr(prefix.size()));
    }
  }
  return add_suggestions(std::move(error), name, names);
}

bool kernel_btf_has(std::string_view name) {
  Result<Bytes> bytes = read_file(kernel_btf_path(), kMostBtfBytes);
  std::string wanted = '\0' + std::string(name) + '\0';
  return bytes.ok() && as_text(*bytes).find(wanted) != std::string_view::npos;
}

}  // namespace bpfman::kernel
