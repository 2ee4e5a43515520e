// SPDX-License-Identifier: Apache-2.0
// peak_rss COMMAND...: runs a command and prints its peak resident size in KiB. A small program of
// its own, because the kernel counts what the parent of a new process had resident as the child's.
#include <cstdio>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("usage: peak_rss COMMAND...\n", stderr);
    return 2;
  }
  pid_t child = ::fork();
  if (child == 0) {
    int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    ::dup2(nowhere, STDOUT_FILENO);
    ::execvp(argv[1], argv + 1);
    ::_exit(127);
  }
  int status = 0;
  struct rusage usage = {};
  if (child < 0 || ::wait4(child, &status, 0, &usage) != child || status != 0) {
    return 1;
  }
  std::printf("%ld\n", usage.ru_maxrss);
  return 0;
}
