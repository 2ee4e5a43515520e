// SPDX-License-Identifier: Apache-2.0
// A template of -o jsonpath=, up to the first end of line, and behind it the document that it is
// applied to.
#include "bpfman/cli/jsonpath.h"
#include "bpfman/cli/yaml.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bpfman;
  std::string_view text = fuzz::text_of(data, size);
  std::size_t end = std::min(text.find('\n'), text.size());
  std::string_view json = text.substr(std::min(end + 1, text.size()));
  Result<cli::jsonpath::Template> made = cli::jsonpath::parse(text.substr(0, end));
  FUZZ_CHECK(made.ok() || made.error().code() == Code::InvalidArgument, "a template is invalid");
  Result<std::string> yaml = cli::yaml_of(json);
  if (!made.ok()) {
    return 0;
  }
  Result<std::string> out = cli::jsonpath::apply(*made, json);
  FUZZ_CHECK(out.ok() || out.error().code() == Code::ResourceExhausted || !yaml.ok(),
             "a template can be applied to every document");
  return 0;
}
