// SPDX-License-Identifier: Apache-2.0
// resolve_bench --docker-host URL | --storage-root DIR | --containerd-address ADDR  REFERENCE
// [ITERATIONS]
//
// Finds and extracts one image in process, again and again with the same connections, and prints
// one JSON object: median and 99th percentile in microseconds, bytes read by read(2) and its kin
// for each extraction, size of the ELF, the route. bench/compare runs it against real engines.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include <fmt/core.h>

#include "bpfman/base/file.h"
#include "bpfman/base/text.h"
#include "bpfman/container/runtimes.h"
#include "bpfman/image/image_manager.h"

namespace bpfman {
namespace {

struct Arguments {
  container::RuntimeOptions runtimes;
  std::string reference;
  int iterations = 300;
};

Result<Arguments> parse(const std::vector<std::string>& words) {
  Arguments out;
  out.runtimes.docker = false;
  out.runtimes.containers_storage = false;
  out.runtimes.containerd = false;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "--docker-host" && i + 1 < words.size()) {
      out.runtimes.docker = true;
      out.runtimes.docker_hosts = {words[++i]};
    } else if (words[i] == "--storage-root" && i + 1 < words.size()) {
      out.runtimes.containers_storage = true;
      out.runtimes.storage_roots = {words[++i]};
    } else if (words[i] == "--containerd-address" && i + 1 < words.size()) {
      out.runtimes.containerd = true;
      out.runtimes.containerd_addresses = {words[++i]};
    } else if (out.reference.empty()) {
      out.reference = words[i];
    } else {
      out.iterations = static_cast<int>(parse_unsigned(words[i]).value_or(300));
    }
  }
  if (out.reference.empty()) {
    return Error(
        Code::InvalidArgument,
        "usage: resolve_bench --docker-host URL | --storage-root DIR | --containerd-address ADDR "
        "REFERENCE [ITERATIONS]");
  }
  return out;
}

// Bytes that this process has asked read(2), pread(2), recv(2), ... for. Source: proc(5),
// /proc/pid/io, rchar.
Result<std::uint64_t> bytes_read() {
  Bytes text = TRY(read_file("/proc/self/io", 4096));
  std::string_view line = as_text(text);
  line = line.substr(line.find("rchar: ") + 7);
  return parse_unsigned(line.substr(0, line.find('\n'))).value_or(0);
}

Result<void> run(const std::vector<std::string>& words) {
  Arguments arguments = TRY(parse(words));
  Environment environment = read_environment();
  image::ImageManager images(container::make_runtimes(environment, arguments.runtimes),
                             nullptr,
                             environment,
                             image::ImageManagerOptions{});
  ImageSource source{.reference = arguments.reference, .policy = PullPolicy::Never};
  image::ResolvedImage first = TRY(images.resolve(source));
  std::vector<double> microseconds;
  std::uint64_t before = TRY(bytes_read());
  std::uint64_t after_one = 0;
  for (int i = 0; i < arguments.iterations; ++i) {
    auto begin = std::chrono::steady_clock::now();
    image::ResolvedImage found = TRY(images.resolve(source));
    auto end = std::chrono::steady_clock::now();
    if (found.bytecode.digest != first.bytecode.digest) {
      return Error(Code::DataLoss, "two extractions gave different bytes");
    }
    microseconds.push_back(std::chrono::duration<double, std::micro>(end - begin).count());
    if (i == 0) {
      after_one = TRY(bytes_read());
    }
  }
  std::sort(microseconds.begin(), microseconds.end());
  fmt::print(
      "{{\"p50_us\": {:.1f}, \"p99_us\": {:.1f}, \"bytes_read\": {}, \"elf_bytes\": {}, \"route\": "
      "\"{}\", "
      "\"verification\": \"{}\"}}\n",
      microseconds[microseconds.size() / 2],
      microseconds[microseconds.size() * 99 / 100],
      after_one - before,
      first.record.bytecode_size,
      describe_source(first.record.provenance),
      to_string(first.record.provenance.verification));
  return {};
}

}  // namespace
}  // namespace bpfman

int main(int argc, char** argv) {
  bpfman::Result<void> done = bpfman::run(std::vector<std::string>(argv + 1, argv + argc));
  if (!done.ok()) {
    fmt::print(stderr, "resolve_bench: {}\n", done.error().message());
    return 1;
  }
  return 0;
}
