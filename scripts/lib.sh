# SPDX-License-Identifier: Apache-2.0
# Shared by the scripts of this directory; sourced, not run. Package names are those of Debian 12.

BUILD_PACKAGES="g++ cmake ninja-build pkg-config clang llvm make libbpf-dev libelf-dev zlib1g-dev libzstd-dev
  libsqlite3-dev libssl-dev libsodium-dev libre2-dev libfmt-dev libcli11-dev nlohmann-json3-dev libtomlplusplus-dev libyaml-dev libcurl4-openssl-dev
  libgrpc++-dev libprotobuf-dev protobuf-compiler protobuf-compiler-grpc ca-certificates"
DEMO_PACKAGES="docker.io podman iproute2 iputils-ping"
TEST_PACKAGES="libgtest-dev libgmock-dev librapidcheck-dev libbenchmark-dev ccache iproute2 iputils-ping docker.io
  containerd podman buildah crun fuse-overlayfs docker-registry openssl curl skopeo xdp-tools bpftool strace jq python3 python3-grpcio python3-protobuf zsh fish
  clang-19 clang-tidy-19 lld-19
  clang-format-19 libclang-rt-19-dev qemu-system-x86 busybox-static cpio xz-utils"

say() { printf '\n\033[1m==> %s\033[0m\n' "$*"; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# install_packages NAME...: installs what is missing. Without root it only says what is missing.
install_packages() {
  local missing=() name
  for name in "$@"; do
    dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$name")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  [ "$(id -u)" -eq 0 ] || die "missing packages: ${missing[*]} (run as root to have them installed)"
  say "installing ${#missing[@]} packages: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  # A policy that forbids starting services: the scripts start what they need themselves, privately.
  local policy=/usr/sbin/policy-rc.d made=
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' > "$policy" && chmod 0755 "$policy" && made=1
  fi
  local status=0
  { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}"; } \
    > /tmp/bpfman-apt.$$.log 2>&1 || status=$?
  [ -n "$made" ] && rm -f "$policy"
  if [ $status -ne 0 ]; then
    tail -20 /tmp/bpfman-apt.$$.log >&2
    die "apt-get failed ($status)"
  fi
  rm -f /tmp/bpfman-apt.$$.log
}

# launcher: the compiler cache, where there is one.
launcher() { command -v ccache >/dev/null 2>&1 && printf -- '-DCMAKE_CXX_COMPILER_LAUNCHER=ccache'; }
