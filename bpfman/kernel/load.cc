// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/load.h"

#include "bpfman/base/file.h"
#include "bpfman/kernel/bpf_object.h"
#include "bpfman/kernel/map_info.h"
#include "bpfman/kernel/pins.h"
#include "bpfman/kernel/program_info.h"

namespace bpfman::kernel {
namespace {

// Refused before anything is loaded: directories made on another file system would be left behind.
Result<void> expect_bpffs(const std::string& path) {
  std::string directory = parent_path(path);
  bool on_bpffs = TRY(is_on_bpffs(directory));
  if (!on_bpffs) {
    return Error(Code::FailedPrecondition, directory + " is not on a bpffs");
  }
  return {};
}

Result<LoadedProgram> pin_all(const BpfObject& object, const LoadRequest& request) {
  LoadedProgram loaded;
  loaded.id = TRY(program_id(object.program_fd()));
  PinDirectory directory = TRY(PinDirectory::create(request.map_directory));
  std::vector<Pin> pins;
  for (const LoadedMap& map : object.maps()) {
    MapRecord record;
    record.name = map.name;
    record.id = TRY(map_id(map.fd));
    if (map.shared_pin) {
      record.pin_path = *map.shared_pin;
    } else if (!map.internal) {
      record.pin_path = join_path(request.map_directory, map.name);
      Pin pin = TRY(Pin::create(map.fd, record.pin_path));
      pins.push_back(std::move(pin));
    }
    loaded.maps.push_back(std::move(record));
  }
  Pin program = TRY(Pin::create(object.program_fd(), request.program_pin));
  program.keep();
  for (Pin& pin : pins) {
    pin.keep();
  }
  directory.keep();
  return loaded;
}

Result<LoadedProgram> load(const LoadRequest& request) {
  TRY(expect_bpffs(request.program_pin));
  BpfObject object = TRY(BpfObject::open(request.what.object, request.what.program));
  TRY(object.prepare(request.what));
  TRY(object.load());
  return pin_all(object, request);
}

}  // namespace

Result<LoadedProgram> load_program(const LoadRequest& request) {
  return load(request).with_context("load program " + request.what.program);
}

}  // namespace bpfman::kernel
