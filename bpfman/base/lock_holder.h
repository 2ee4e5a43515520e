// SPDX-License-Identifier: Apache-2.0
// Who holds a lock file that FileLock has made.
#pragma once

#include <string>
#include <string_view>

namespace bpfman {

// "held by pid 812 (bpfman attach) for 3 s"; "" when the file does not tell. Of the command only
// its name and its first plain word are said: the rest may hold secrets.
std::string describe_lock_holder(int fd);

// The same of /proc/PID/cmdline: words that end with a 0 byte. "bpfman attach".
std::string command_words(std::string_view cmdline);

}  // namespace bpfman
