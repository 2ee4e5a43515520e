// SPDX-License-Identifier: Apache-2.0
// Error: what went wrong, as a value. A code (gRPC's set, with abseil's meaning), one lower-case
// line that names the object and the failed act, the errno if a system call was the cause, hints
// that say what to do, and optionally a typed detail. It lies behind one pointer, so a Result stays
// small. Source of the codes: https://grpc.io/docs/guides/status-codes/ ; exit statuses:
// docs/errors.md.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace bpfman {

// How to choose: retry this very call -> Unavailable; retry the whole operation -> Aborted;
// something must be put right first -> FailedPrecondition.
enum class Code {
  InvalidArgument,     // what the user typed can never be right
  NotFound,            // no such program, link, image, interface
  AlreadyExists,       // the place is taken
  PermissionDenied,    // missing privilege, or a policy said no
  FailedPrecondition,  // right request, wrong state of the world
  ResourceExhausted,   // a limit is reached
  Unavailable,         // daemon, registry or runtime out of reach
  Aborted,             // concurrent change; try the operation again
  Unimplemented,       // the kernel, or this version of ours, cannot do it
  DataLoss,            // digest mismatch, corrupt record
  Cancelled,           // the user interrupted it
  Internal,            // anything else: our bug or a system that broke its contract
};

// "not found", "already exists", ...: for people and for JSON.
std::string_view to_string(Code code);

// Exit status of the command line for an error of this code (docs/errors.md). InvalidArgument is 2,
// and so on.
int exit_status(Code code);

// The kernel refused a program. `tail` are the last informative lines, `full` the whole log.
struct VerifierLog {
  std::vector<std::string> tail;
  std::size_t omitted_lines = 0;
  std::string full;
  bool operator==(const VerifierLog&) const = default;
};

// The kernel or the host lacks something. `minimum_kernel` is "6.6" or empty when no version has
// it.
struct MissingFeature {
  std::string feature;
  std::string minimum_kernel;
  bool operator==(const MissingFeature&) const = default;
};

using ErrorDetail = std::variant<std::monostate, VerifierLog, MissingFeature>;

class [[nodiscard]] Error {
 public:
  // `os` is the errno that caused it, 0 if none; its text is appended to the message ("pin x: File
  // exists").
  Error(Code code, std::string message, int os = 0);
  Error(Error&&) noexcept;
  Error& operator=(Error&&) noexcept;
  Error(const Error& other);
  Error& operator=(const Error& other);
  ~Error();

  Code code() const;
  int os() const;
  const std::string& message() const;
  const std::vector<std::string>& hints() const;
  const ErrorDetail& detail() const;

  // "what: " is put before the message.
  Error&& with_context(std::string_view what) &&;
  // One line that says what the user can do; shown as "hint: ...".
  Error&& with_hint(std::string hint) &&;
  Error&& with_detail(ErrorDetail detail) &&;
  Error&& with_code(Code code) &&;

 private:
  struct Body;
  std::unique_ptr<Body> body_;
};

// Error for a failed system call: chooses the code from errno (ENOENT -> NotFound, EACCES/EPERM ->
// PermissionDenied, EEXIST -> AlreadyExists, EBUSY -> FailedPrecondition, ENOSPC/ENOMEM ->
// ResourceExhausted, ...).
Error os_error(int os, std::string what);

}  // namespace bpfman
