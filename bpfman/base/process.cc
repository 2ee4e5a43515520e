// SPDX-License-Identifier: Apache-2.0
#include "bpfman/base/process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bpfman/base/text.h"
#include "bpfman/base/unique_fd.h"

namespace bpfman {
namespace {

struct Pipe {
  UniqueFd reader;
  UniqueFd writer;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) {
    return os_error(errno, "make a pipe");
  }
  return Pipe{UniqueFd::adopt(fds[0]), UniqueFd::adopt(fds[1])};
}

std::vector<std::string> merged_environment(const std::vector<std::string>& added) {
  std::vector<std::string> merged = added;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    std::string_view text = *variable;
    std::string_view name = text.substr(0, text.find('=') + 1);
    bool replaced = false;
    for (const std::string& one : added) {
      replaced = replaced || one.starts_with(name);
    }
    if (!replaced) {
      merged.emplace_back(text);
    }
  }
  return merged;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts) {
    out.push_back(text.data());
  }
  out.push_back(nullptr);
  return out;
}

bool become(const ProcessUser& user) {
  gid_t group = user.gid;
  return ::setgroups(1, &group) == 0 && ::setresgid(group, group, group) == 0 &&
         ::setresuid(user.uid, user.uid, user.uid) == 0;
}

// Only async-signal-safe calls: this runs between fork and exec.
[[noreturn]] void run_child(const ProcessRequest& request,
                            char* const* argv,
                            char* const* envp,
                            int in,
                            int out,
                            int err,
                            int report) {
  ::dup2(out, STDOUT_FILENO);
  ::dup2(err, STDERR_FILENO);
  int source = in >= 0 ? in : ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (source >= 0) {
    ::dup2(source, STDIN_FILENO);
  }
  if ((request.user.has_value() && !become(*request.user)) ||
      (!request.directory.empty() && ::chdir(request.directory.c_str()) != 0)) {
    int os = errno;
    [[maybe_unused]] ssize_t written = ::write(report, &os, sizeof os);
    ::_exit(127);
  }
  ::execvpe(argv[0], argv, envp);
  int os = errno;
  [[maybe_unused]] ssize_t written = ::write(report, &os, sizeof os);
  ::_exit(127);
}

bool drain(int fd, std::string& into) {
  std::array<char, 16384> buffer{};
  ssize_t count = ::read(fd, buffer.data(), buffer.size());
  if (count > 0) {
    into.append(buffer.data(), static_cast<std::size_t>(count));
    return true;
  }
  return count < 0 && (errno == EINTR || errno == EAGAIN);
}

constexpr std::size_t kInputLimit = 4096;

// A pipe that holds all of `text` already: nobody has to wait for the child to read it.
Result<UniqueFd> filled_pipe(const std::string& text) {
  if (text.empty()) {
    return UniqueFd();
  }
  if (text.size() > kInputLimit) {
    return Error(Code::InvalidArgument, "more than 4096 bytes of input for a process");
  }
  Pipe pipe = TRY(make_pipe());
  if (::write(pipe.writer.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return os_error(errno, "fill a pipe");
  }
  return std::move(pipe.reader);
}

enum class End { Closed, TimedOut, Flooded };

// Reads what the child says until it closes both pipes, or kills it.
End collect(pid_t pid, const ProcessRequest& request, int out, int err, ProcessOutput& into) {
  using Clock = std::chrono::steady_clock;
  Clock::time_point deadline = Clock::now() + std::chrono::milliseconds(request.timeout_ms);
  bool out_open = true;
  bool err_open = true;
  while (out_open || err_open) {
    std::array<pollfd, 2> waits = {pollfd{out_open ? out : -1, POLLIN, 0},
                                   pollfd{err_open ? err : -1, POLLIN, 0}};
    int wait_ms = -1;
    if (request.timeout_ms != 0) {
      wait_ms = static_cast<int>(std::max<std::int64_t>(
          0,
          std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count()));
    }
    if (::poll(waits.data(), waits.size(), wait_ms) == 0) {
      ::kill(pid, SIGKILL);
      return End::TimedOut;
    }
    if (waits[0].revents != 0) {
      out_open = drain(out, into.out);
    }
    if (waits[1].revents != 0) {
      err_open = drain(err, into.err);
    }
    if (request.output_limit != 0 &&
        std::max(into.out.size(), into.err.size()) > request.output_limit) {
      ::kill(pid, SIGKILL);
      return End::Flooded;
    }
  }
  return End::Closed;
}

}  // namespace

Result<ProcessOutput> run_process(const ProcessRequest& request) {
  Pipe out = TRY(make_pipe());
  Pipe err = TRY(make_pipe());
  Pipe report = TRY(make_pipe());
  UniqueFd in = TRY(filled_pipe(request.input));
  std::vector<std::string> arguments = request.arguments;
  std::vector<std::string> environment =
      request.only_this_environment ? request.environment : merged_environment(request.environment);
  std::vector<char*> argv = pointers(arguments);
  std::vector<char*> envp = pointers(environment);
  pid_t pid = ::fork();
  if (pid < 0) {
    return os_error(errno, "fork");
  }
  if (pid == 0) {
    run_child(request,
              argv.data(),
              envp.data(),
              in.valid() ? in.get() : -1,
              out.writer.get(),
              err.writer.get(),
              report.writer.get());
  }
  out.writer.reset();
  err.writer.reset();
  report.writer.reset();

  ProcessOutput result;
  End end = collect(pid, request, out.reader.get(), err.reader.get(), result);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  int exec_error = 0;
  if (::read(report.reader.get(), &exec_error, sizeof exec_error) == sizeof exec_error) {
    return os_error(exec_error, "run " + request.arguments[0]);
  }
  if (end == End::TimedOut) {
    return Error(Code::Unavailable,
                 "run " + request.arguments[0] + ": no end after " +
                     std::to_string(request.timeout_ms) + " ms");
  }
  if (end == End::Flooded) {
    return Error(Code::ResourceExhausted,
                 "run " + request.arguments[0] + ": it prints more than " +
                     std::to_string(request.output_limit) + " bytes");
  }
  result.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return result;
}

}  // namespace bpfman
