// SPDX-License-Identifier: Apache-2.0
#include "bpfman/cli/completion_scripts.h"

namespace bpfman::cli {
namespace {

// bash splits words at ":" and "=", and puts candidates in place of what is behind the last of
// them.
constexpr std::string_view kBash = R"script(# bash completion for bpfman
_bpfman() {
  local line=${COMP_LINE:0:COMP_POINT} words=() last cut= word about
  read -ra words <<< "$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  last=${words[-1]}
  [[ $last == *[:=]* ]] && cut=${last%"${last##*[:=]}"}
  COMPREPLY=()
  while IFS=$'\t' read -r word about; do
    case $word in
      :files) compopt -o default 2>/dev/null ;;
      :directories) compopt -o dirnames 2>/dev/null ;;
      *) COMPREPLY+=("${word#"$cut"}") ;;
    esac
  done < <("${words[0]}" __complete -- "${words[@]:1}" 2>/dev/null)
  if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[:=] ]]; then
    compopt -o nospace 2>/dev/null
  fi
}
complete -F _bpfman bpfman
)script";

constexpr std::string_view kZsh = R"script(#compdef bpfman
# zsh completion for bpfman
_bpfman() {
  local -a lines described
  local line word about
  lines=("${(@f)$("${words[1]}" __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  for line in "${lines[@]}"; do
    word=${line%%$'\t'*}
    about=${line#*$'\t'}
    case $word in
      '') ;;
      :files) _files ;;
      :directories) _files -/ ;;
      *) described+=("${word//:/\\:}:${about}") ;;
    esac
  done
  (( ${#described} )) && _describe -t values 'bpfman' described
}
if [[ ${funcstack[1]} == _bpfman ]]; then
  _bpfman "$@"
else
  compdef _bpfman bpfman
fi
)script";

constexpr std::string_view kFish = R"script(# fish completion for bpfman
function __bpfman_complete
    set -l typed (commandline -opc)
    set -l current (commandline -ct)
    for line in ($typed[1] __complete -- $typed[2..-1] "$current" 2>/dev/null)
        switch $line
            case :files
                __fish_complete_path "$current"
            case :directories
                __fish_complete_directories "$current"
            case '*'
                echo $line
        end
    end
end
complete -c bpfman -f -a '(__bpfman_complete)'
)script";

}  // namespace

const std::vector<CompletionScript>& completion_scripts() {
  static const std::vector<CompletionScript> all = {
      {"bash", "For bash: source <(bpfman completion bash)", kBash},
      {"zsh", "For zsh: source <(bpfman completion zsh)", kZsh},
      {"fish", "For fish: bpfman completion fish | source", kFish},
  };
  return all;
}

}  // namespace bpfman::cli
