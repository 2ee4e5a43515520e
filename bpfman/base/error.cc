// SPDX-License-Identifier: Apache-2.0
#include "bpfman/base/error.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>

#include "bpfman/base/check.h"

namespace bpfman {

struct Error::Body {
  Code code;
  int os;
  std::string message;
  std::vector<std::string> hints;
  ErrorDetail detail;
};

namespace {

// ENOTSUPP is a kernel-internal number that leaks to user space and has no text in libc.
constexpr int kEnotsupp = 524;

std::string os_text(int os) {
  return os == kEnotsupp ? "Not supported by the kernel (ENOTSUPP)"
                         : std::generic_category().message(os);
}

Code code_of(int os) {
  switch (os) {
    case ENOENT:
    case ENODEV:
    case ENXIO:
    case ESRCH:
      return Code::NotFound;
    case EACCES:
    case EPERM:
    case EROFS:
      return Code::PermissionDenied;
    case EEXIST:
      return Code::AlreadyExists;
    case EBUSY:
    case ENOTEMPTY:
    case ENOTDIR:
    case EISDIR:
      return Code::FailedPrecondition;
    case ENOMEM:
    case ENOSPC:
    case EMFILE:
    case ENFILE:
    case EDQUOT:
    case E2BIG:
      return Code::ResourceExhausted;
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
    case ETIMEDOUT:
    case EAGAIN:
    case EINTR:
      return Code::Unavailable;
    case ENOSYS:
    case EOPNOTSUPP:
    case kEnotsupp:
      return Code::Unimplemented;
    case EINVAL:
      return Code::InvalidArgument;
    default:
      return Code::Internal;
  }
}

}  // namespace

std::string_view to_string(Code code) {
  switch (code) {
    case Code::InvalidArgument:
      return "invalid argument";
    case Code::NotFound:
      return "not found";
    case Code::AlreadyExists:
      return "already exists";
    case Code::PermissionDenied:
      return "permission denied";
    case Code::FailedPrecondition:
      return "failed precondition";
    case Code::ResourceExhausted:
      return "resource exhausted";
    case Code::Unavailable:
      return "unavailable";
    case Code::Aborted:
      return "aborted";
    case Code::Unimplemented:
      return "unimplemented";
    case Code::DataLoss:
      return "data loss";
    case Code::Cancelled:
      return "cancelled";
    case Code::Internal:
      return "internal";
  }
  return "internal";
}

int exit_status(Code code) {
  switch (code) {
    case Code::InvalidArgument:
      return 2;
    case Code::NotFound:
      return 3;
    case Code::AlreadyExists:
      return 4;
    case Code::PermissionDenied:
      return 5;
    case Code::FailedPrecondition:
      return 6;
    case Code::ResourceExhausted:
      return 7;
    case Code::Unavailable:
      return 8;
    case Code::Aborted:
      return 9;
    case Code::Unimplemented:
      return 10;
    case Code::DataLoss:
      return 11;
    case Code::Cancelled:
      return 130;  // as shells say of SIGINT
    case Code::Internal:
      return 1;
  }
  return 1;
}

Error::Error(Code code, std::string message, int os)
    : body_(std::make_unique<Body>(Body{code, os, std::move(message), {}, {}})) {
  if (os != 0) {
    body_->message += ": ";
    body_->message += os_text(os);
  }
}

Error::Error(Error&&) noexcept = default;
Error& Error::operator=(Error&&) noexcept = default;

Error::Error(const Error& other) : body_(std::make_unique<Body>(*other.body_)) {}

Error& Error::operator=(const Error& other) {
  if (this != &other) {
    body_ = std::make_unique<Body>(*other.body_);
  }
  return *this;
}

Error::~Error() = default;

Code Error::code() const {
  return body_->code;
}

int Error::os() const {
  return body_->os;
}

const std::string& Error::message() const {
  return body_->message;
}

const std::vector<std::string>& Error::hints() const {
  return body_->hints;
}

const ErrorDetail& Error::detail() const {
  return body_->detail;
}

Error&& Error::with_context(std::string_view what) && {
  body_->message = std::string(what) + ": " + body_->message;
  return std::move(*this);
}

Error&& Error::with_hint(std::string hint) && {
  body_->hints.push_back(std::move(hint));
  return std::move(*this);
}

Error&& Error::with_detail(ErrorDetail detail) && {
  body_->detail = std::move(detail);
  return std::move(*this);
}

Error&& Error::with_code(Code code) && {
  body_->code = code;
  return std::move(*this);
}

Error os_error(int os, std::string what) {
  return Error(code_of(os), std::move(what), os);
}

void check_failed(const char* file, int line, const char* expression, const char* why) {
  std::fprintf(stderr, "bpfman: bug: %s:%d: %s does not hold (%s)\n", file, line, expression, why);
  std::abort();
}

}  // namespace bpfman
