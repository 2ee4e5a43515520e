// SPDX-License-Identifier: Apache-2.0
// Messages of containerd, and the frames they come in.
#include "bpfman/container/grpc_channel.h"
#include "bpfman/container/protobuf_wire.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bpfman;
  std::string_view message = fuzz::text_of(data, size);
  container::ProtobufReader reader(message);
  container::ProtobufField field;
  std::size_t bytes = 0;
  container::ProtobufWriter again;
  while (reader.next(field)) {
    FUZZ_CHECK(field.number >= 1, "fields are counted from 1");
    bytes += field.bytes.size() + 1;
    if (field.is_bytes) {
      again.message(field.number, field.bytes);
    }
  }
  FUZZ_CHECK(bytes <= size, "nothing is read twice");
  container::ProtobufReader second(again.encoded());
  while (second.next(field)) {
  }
  FUZZ_CHECK(!second.failed(), "what is written can be read");

  std::unique_ptr<ByteSource> body = make_memory_source(fuzz::bytes_of(data, size));
  container::GrpcFrames frames(*body);
  std::size_t framed = 0;
  for (;;) {
    Result<std::optional<std::string>> frame = frames.next();
    if (!frame.ok() || !frame->has_value()) {
      break;
    }
    framed += (*frame)->size() + 5;
  }
  FUZZ_CHECK(framed <= size, "a frame is not longer than what came");
  return 0;
}
