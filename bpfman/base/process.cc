// SPDX-License-Identifier: Apache-2.0
#include "bpfman/base/process.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>

#include <fcntl.h>
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

// Only async-signal-safe calls: this runs between fork and exec.
[[noreturn]] void run_child(const ProcessRequest& request,
                            char* const* argv,
                            char* const* envp,
                            int out,
                            int err,
                            int report) {
  ::dup2(out, STDOUT_FILENO);
  ::dup2(err, STDERR_FILENO);
  int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (null >= 0) {
    ::dup2(null, STDIN_FILENO);
  }
  if (!request.directory.empty() && ::chdir(request.directory.c_str()) != 0) {
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

}  // namespace

Result<ProcessOutput> run_process(const ProcessRequest& request) {
  using Clock = std::chrono::steady_clock;
  Pipe out = TRY(make_pipe());
  Pipe err = TRY(make_pipe());
  Pipe report = TRY(make_pipe());
  std::vector<std::string> arguments = request.arguments;
  std::vector<std::string> environment = merged_environment(request.environment);
  std::vector<char*> argv = pointers(arguments);
  std::vector<char*> envp = pointers(environment);
  pid_t pid = ::fork();
  if (pid < 0) {
    return os_error(errno, "fork");
  }
  if (pid == 0) {
    run_child(
        request, argv.data(), envp.data(), out.writer.get(), err.writer.get(), report.writer.get());
  }
  out.writer.reset();
  err.writer.reset();
  report.writer.reset();

  ProcessOutput result;
  Clock::time_point deadline = Clock::now() + std::chrono::milliseconds(request.timeout_ms);
  bool out_open = true;
  bool err_open = true;
  bool timed_out = false;
  while (out_open || err_open) {
    std::array<pollfd, 2> waits = {pollfd{out_open ? out.reader.get() : -1, POLLIN, 0},
                                   pollfd{err_open ? err.reader.get() : -1, POLLIN, 0}};
    int wait_ms = -1;
    if (request.timeout_ms != 0) {
      wait_ms = static_cast<int>(std::max<std::int64_t>(
          0,
          std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count()));
    }
    int ready = ::poll(waits.data(), waits.size(), wait_ms);
    if (ready == 0) {
      timed_out = true;
      ::kill(pid, SIGKILL);
      break;
    }
    if (waits[0].revents != 0) {
      out_open = drain(out.reader.get(), result.out);
    }
    if (waits[1].revents != 0) {
      err_open = drain(err.reader.get(), result.err);
    }
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  int exec_error = 0;
  if (::read(report.reader.get(), &exec_error, sizeof exec_error) == sizeof exec_error) {
    return os_error(exec_error, "run " + request.arguments[0]);
  }
  if (timed_out) {
    return Error(Code::Unavailable,
                 "run " + request.arguments[0] + ": no end after " +
                     std::to_string(request.timeout_ms) + " ms");
  }
  result.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return result;
}

}  // namespace bpfman
