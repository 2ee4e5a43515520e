// SPDX-License-Identifier: Apache-2.0
// Which grammar a command line speaks, and the words of it that may be left out.
#include <algorithm>
#include <array>

#include "bpfman/base/text.h"
#include "bpfman/cli/upstream.h"

namespace bpfman::cli {
namespace {

constexpr std::array<std::string_view, 10> kGlobalWithValue = {"--root-dir",
                                                               "--runtime-dir",
                                                               "--image-cache-dir",
                                                               "--config",
                                                               "--log",
                                                               "--lock-timeout",
                                                               "--docker-host",
                                                               "--storage-root",
                                                               "--containerd-address",
                                                               "--containerd-root"};
constexpr std::array<std::string_view, 3> kGlobalAlone = {
    "--verbose", "--strict", "--trust-database"};

template <std::size_t N>
bool contains(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// The next place from `at` on where no global flag stands, nor the value of one.
std::size_t skip_global_flags(const std::vector<std::string>& words, std::size_t at) {
  while (at < words.size()) {
    std::string_view word = words[at];
    std::size_t equals = word.find('=');
    std::string_view flag = word.substr(0, equals);
    if (contains(kGlobalWithValue, flag)) {
      at += equals == std::string_view::npos ? 2 : 1;
    } else if (contains(kGlobalAlone, flag)) {
      ++at;
    } else {
      break;
    }
  }
  return std::min(at, words.size());
}

std::string word_at(const std::vector<std::string>& words, std::size_t at) {
  return at < words.size() ? words[at] : std::string();
}

bool is_flag(const std::string& word) {
  return word.starts_with('-');
}

bool is_program_choice(const std::string& word) {
  std::size_t colon = word.find(':');
  return colon != std::string::npos && parse_program_type(word.substr(0, colon)).has_value();
}

bool is_setting(const std::string& word) {
  return word.find('=') != std::string::npos;
}

bool is_action(const std::string& word) {
  return parse_action(HookKind::Xdp, to_lower(word)).has_value() ||
         parse_action(HookKind::TcIngress, to_lower(word)).has_value();
}

struct ListFlag {
  std::string_view name;
  bool (*takes)(const std::string& word);
};

constexpr std::array<ListFlag, 4> kListFlags = {ListFlag{"--programs", is_program_choice},
                                                ListFlag{"--global", is_setting},
                                                ListFlag{"-g", is_setting},
                                                ListFlag{"--proceed-on", is_action}};

// v0.6 takes several values behind one flag, with blanks between them: "--programs xdp:a tc:b". The
// flag is repeated for each, where no word of the command could stand there.
std::vector<std::string> repeat_list_flags(const std::vector<std::string>& words) {
  bool attach = word_at(words, skip_global_flags(words, 0)) == "attach";
  bool named = std::any_of(words.begin(), words.end(), [](const std::string& word) {
    return word == "-i" || word.starts_with("--image-url") || word.starts_with("--path");
  });
  if (!attach && !named) {
    return words;
  }
  std::vector<std::string> out;
  const ListFlag* flag = nullptr;  // whose values come
  std::size_t values = 0;
  for (const std::string& word : words) {
    if (is_flag(word)) {
      const auto* found = std::find_if(kListFlags.begin(),
                                       kListFlags.end(),
                                       [&](const ListFlag& one) { return one.name == word; });
      flag = found == kListFlags.end() ? nullptr : found;
      values = 0;
    } else if (flag != nullptr && ++values > 1) {
      if (flag->takes(word)) {
        out.emplace_back(flag->name);
      } else {
        flag = nullptr;
      }
    }
    out.push_back(word);
  }
  return out;
}

bool asks_for_help(const std::string& word) {
  return word == "-h" || word == "--help";
}

}  // namespace

Grammar grammar_of(const std::vector<std::string>& words) {
  std::size_t at = skip_global_flags(words, 0);
  std::string noun = word_at(words, at);
  if (noun == "program" || noun == "dispatcher") {
    return Grammar::Nouns;
  }
  bool ours = word_at(words, skip_global_flags(words, at + 1)) == "set";
  return noun == "link" && !ours ? Grammar::Nouns : Grammar::Own;
}

std::vector<std::string> complete_words(std::vector<std::string> words) {
  auto insert = [&](std::size_t at, const char* word) {
    words.insert(words.begin() + static_cast<std::ptrdiff_t>(at), word);
  };
  if (word_at(words, 0) == "--csi-support") {
    insert(0, "serve");
    return words;
  }
  std::size_t noun_at = skip_global_flags(words, 0);
  std::string noun = word_at(words, noun_at);
  if (noun == "load" || noun == "attach") {
    return repeat_list_flags(words);
  }
  if (noun != "program" && noun != "link") {
    return words;
  }
  std::size_t verb_at = skip_global_flags(words, noun_at + 1);
  std::string verb = word_at(words, verb_at);
  if (verb.empty() || (is_flag(verb) && !asks_for_help(verb))) {
    insert(noun_at + 1, "list");
    return words;
  }
  if (noun == "program" && verb == "load") {
    std::string source = word_at(words, skip_global_flags(words, verb_at + 1));
    if (source != "file" && source != "image" && !asks_for_help(source)) {
      insert(verb_at + 1, "file");
    }
  }
  return words;
}

}  // namespace bpfman::cli
