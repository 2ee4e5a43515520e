// SPDX-License-Identifier: Apache-2.0
// What a Docker engine answers, and what lies in its directory.
#include "bpfman/container/docker_inspect.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bpfman;
  std::string_view text = fuzz::text_of(data, size);
  Result<container::DockerInspect> inspect = container::parse_docker_inspect(text);
  FUZZ_CHECK(!inspect.ok() || !inspect->id.empty(), "an image has an id");
  (void)container::parse_docker_version(text);
  (void)container::parse_docker_info(text);
  (void)container::docker_error_message(text);
  (void)container::parse_created_container(text);
  (void)container::parse_container_ids(text);
  (void)container::find_in_repositories(text, "x:dev");
  (void)container::repository_ids(text);
  (void)container::parse_diff_ids(text);
  (void)container::data_root_of(text);
  (void)container::current_context_of(text);
  return 0;
}
