# SPDX-License-Identifier: Apache-2.0
# Libraries of others, all from Debian packages: bpfman_libbpf, bpfman_sqlite, bpfman_zstd, bpfman_zlib, bpfman_crypto,
# bpfman_sodium, bpfman_re2, bpfman_yaml, bpfman_grpc, and the header-only ones.
option(BPFMAN_LINK_STATIC "Link the static libraries of the -dev packages: a command starts 1.5 ms sooner" OFF)

find_package(PkgConfig REQUIRED)
find_package(fmt REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(CURL REQUIRED)  # headers only: the library is opened when the first request is made
find_path(TOMLPP_INCLUDE_DIR toml++/toml.h REQUIRED)  # header-only use, without exceptions, in one file
pkg_check_modules(LIBBPF REQUIRED IMPORTED_TARGET libbpf)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(RE2 REQUIRED IMPORTED_TARGET re2)
pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-0.1)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)

find_program(BPFMAN_PROTOC protoc REQUIRED)
find_program(BPFMAN_GRPC_PLUGIN grpc_cpp_plugin REQUIRED)
pkg_check_modules(GRPC REQUIRED IMPORTED_TARGET grpc++ protobuf)

# bpfman_dependency(NAME SHARED-TARGET ARCHIVE...): the interface library bpfman_NAME. With BPFMAN_LINK_STATIC it is the
# archives, those that others need last.
function(bpfman_dependency name shared)
  add_library(bpfman_${name} INTERFACE)
  if(NOT BPFMAN_LINK_STATIC)
    target_link_libraries(bpfman_${name} INTERFACE ${shared})
    return()
  endif()
  foreach(archive IN LISTS ARGN)
    find_library(BPFMAN_ARCHIVE_${archive} NAMES lib${archive}.a REQUIRED)
    target_link_libraries(bpfman_${name} INTERFACE ${BPFMAN_ARCHIVE_${archive}})
  endforeach()
endfunction()
bpfman_dependency(libbpf PkgConfig::LIBBPF bpf elf z)
bpfman_dependency(sqlite PkgConfig::SQLITE sqlite3)
bpfman_dependency(zstd PkgConfig::ZSTD zstd)
bpfman_dependency(zlib ZLIB::ZLIB z)
bpfman_dependency(crypto OpenSSL::Crypto crypto)
bpfman_dependency(sodium PkgConfig::SODIUM sodium)
bpfman_dependency(re2 PkgConfig::RE2 re2)
bpfman_dependency(yaml PkgConfig::YAML yaml)

# gRPC with its reflection service, for bpfman-rpc only. The static one is that without TLS (the socket is local), which
# makes the daemon half as large in memory; its parts need one another.
add_library(bpfman_grpc INTERFACE)
if(BPFMAN_LINK_STATIC)
  set(archives grpc++_reflection grpc++_unsecure grpc_unsecure gpr upb address_sorting cares re2 protobuf z)
  find_library(BPFMAN_ARCHIVE_abseil NAMES libabsl_base.a REQUIRED)
  cmake_path(GET BPFMAN_ARCHIVE_abseil PARENT_PATH directory)
  file(GLOB abseil ${directory}/libabsl_*.a)
  list(FILTER abseil EXCLUDE REGEX "flags_parse|flags_usage|test")
  foreach(archive IN LISTS archives)
    find_library(BPFMAN_ARCHIVE_${archive} NAMES lib${archive}.a REQUIRED)
    list(APPEND parts ${BPFMAN_ARCHIVE_${archive}})
  endforeach()
  target_link_libraries(bpfman_grpc INTERFACE -Wl,--start-group ${parts} ${abseil} -Wl,--end-group rt)
else()
  target_link_libraries(bpfman_grpc INTERFACE grpc++_reflection PkgConfig::GRPC)
endif()

if(BPFMAN_LINK_STATIC)
  target_link_libraries(bpfman_sqlite INTERFACE m)
  # Their symbols stay inside: libcurl, opened at run time, brings an OpenSSL of its own.
  add_link_options(-static-libstdc++ -static-libgcc -Wl,--exclude-libs,ALL -Wl,--gc-sections)
endif()
