// SPDX-License-Identifier: Apache-2.0
#include <chrono>

#include "bpfman/base/json_fields.h"
#include "bpfman/base/text.h"
#include "bpfman/trust/trusted_root.h"

namespace bpfman::trust {
namespace {

constexpr std::size_t kMaxEntries = 100;

Error no_root(const std::string& why) {
  return Error(Code::InvalidArgument, "no trusted root of a Sigstore: " + why);
}

Result<Bytes> bytes_of(const Json& json, const char* name) {
  std::optional<Bytes> bytes = decode_base64(text_of(json, name));
  if (!bytes.has_value() || bytes->empty()) {
    return no_root(std::string(name) + " is no base64");
  }
  return std::move(*bytes);
}

Result<Validity> validity_of(const Json& json) {
  Validity out;
  std::string start = text_of(json, "start");
  std::string end = text_of(json, "end");
  if (!start.empty()) {
    std::optional<std::int64_t> time = parse_utc(start);
    if (!time.has_value()) {
      return no_root("\"" + start + "\" is no time");
    }
    out.start = *time;
  }
  if (!end.empty()) {
    out.end = parse_utc(end);
    if (!out.end.has_value()) {
      return no_root("\"" + end + "\" is no time");
    }
  }
  return out;
}

Result<const Json*> entries_of(const Json& root, const char* name) {
  static const Json none = Json::array();
  const Json& list = member(root, name);
  if (list.is_null()) {
    return &none;
  }
  if (!list.is_array() || list.size() > kMaxEntries) {
    return no_root(std::string(name) + " is no list of at most 100 entries");
  }
  return &list;
}

Result<std::vector<CertificateAuthority>> authorities_of(const Json& root, const char* name) {
  const Json* list = TRY(entries_of(root, name));
  std::vector<CertificateAuthority> out;
  for (const Json& entry : *list) {
    CertificateAuthority authority;
    authority.name = text_of(entry, "uri");
    const Json* certificates = TRY(entries_of(member(entry, "certChain"), "certificates"));
    for (const Json& certificate : *certificates) {
      Bytes der = TRY(bytes_of(certificate, "rawBytes"));
      authority.chain.push_back(std::move(der));
    }
    if (authority.chain.empty()) {
      return no_root("an authority without certificates");
    }
    authority.valid = TRY(validity_of(member(entry, "validFor")));
    out.push_back(std::move(authority));
  }
  return out;
}

Result<std::vector<Log>> logs_of(const Json& root, const char* name) {
  const Json* list = TRY(entries_of(root, name));
  std::vector<Log> out;
  for (const Json& entry : *list) {
    const Json& key = member(entry, "publicKey");
    Bytes der = TRY(bytes_of(key, "rawBytes"));
    PublicKey public_key = TRY(PublicKey::from_der(der).with_context(text_of(entry, "baseUrl")));
    Bytes id = TRY(bytes_of(member(entry, "logId"), "keyId"));
    Validity valid = TRY(validity_of(member(key, "validFor")));
    out.push_back(Log{.url = text_of(entry, "baseUrl"),
                      .id = std::move(id),
                      .key = std::move(public_key),
                      .valid = valid});
  }
  return out;
}

}  // namespace

std::optional<std::int64_t> parse_utc(std::string_view text) {
  // YYYY-MM-DDTHH:MM:SS[.fraction]Z
  if (text.size() < 20 || text.back() != 'Z' || text[4] != '-' || text[7] != '-' ||
      text[10] != 'T' || text[13] != ':' || text[16] != ':') {
    return std::nullopt;
  }
  if (text.size() > 20 && (text[19] != '.' || text.size() > 40 ||
                           text.substr(20, text.size() - 21).find_first_not_of("0123456789") !=
                               std::string_view::npos)) {
    return std::nullopt;
  }
  auto number = [&](std::size_t at, std::size_t size) {
    return parse_unsigned(text.substr(at, size));
  };
  auto year = number(0, 4);
  auto month = number(5, 2);
  auto day = number(8, 2);
  auto hour = number(11, 2);
  auto minute = number(14, 2);
  auto second = number(17, 2);
  if (!year || !month || !day || !hour || !minute || !second || *hour > 23 || *minute > 59 ||
      *second > 60) {
    return std::nullopt;
  }
  std::chrono::year_month_day date(std::chrono::year(static_cast<int>(*year)),
                                   std::chrono::month(static_cast<unsigned>(*month)),
                                   std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok()) {
    return std::nullopt;
  }
  std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return days * 86'400 + static_cast<std::int64_t>(*hour * 3600 + *minute * 60 + *second);
}

Result<TrustedRoot> parse_trusted_root(std::string_view text) {
  if (text.size() > kTrustedRootLimit) {
    return no_root("it has more than 1 MiB");
  }
  Json root = Json::parse(text, nullptr, false);
  if (!root.is_object()) {
    return no_root("it is no JSON object");
  }
  if (text_of(root, "mediaType").find("trustedroot") == std::string::npos) {
    return no_root("its mediaType is \"" + text_of(root, "mediaType") + "\"");
  }
  TrustedRoot out;
  out.authorities = TRY(authorities_of(root, "certificateAuthorities"));
  out.timestamp_authorities = TRY(authorities_of(root, "timestampAuthorities"));
  out.logs = TRY(logs_of(root, "tlogs"));
  out.certificate_logs = TRY(logs_of(root, "ctlogs"));
  if (out.authorities.empty() && out.timestamp_authorities.empty() && out.logs.empty()) {
    return no_root("it names nobody");
  }
  return out;
}

}  // namespace bpfman::trust
