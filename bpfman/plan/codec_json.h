// SPDX-License-Identifier: Apache-2.0
// JSON of plain structs. Each struct lists its fields once, in fields(); the same list writes and
// reads it, so the two cannot drift apart. That is why this file is made of templates. For the
// *_json.cc files of this room only.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include <nlohmann/json.hpp>

#include "bpfman/base/strong_id.h"
#include "bpfman/base/text.h"
#include "bpfman/model/digest.h"

namespace bpfman::plan::codec {

using Json = nlohmann::json;

class Writer;
class Reader;

template <typename T>
concept Record = requires(T value, Writer& writer) { fields(writer, value); };

// First argument of what is looked up in this namespace, whatever the type of the others.
struct Here {};

// The member that tells which alternative of a variant it is.
template <typename Variant>
constexpr const char* kTag = "is";

// An enumeration with to_string() and from_name(Here, text, value).
template <typename T>
concept Named = std::is_enum_v<T>;

template <typename T>
concept Number = std::is_integral_v<T> && !std::is_same_v<T, bool>;

// What the templates below call before they are defined.
template <Record T>
Json encode(const T& value);
template <Record T>
bool decode(const Json& json, T& value);
template <typename T>
Json encode(const std::optional<T>& value);
template <typename T>
bool decode(const Json& json, std::optional<T>& value);
template <typename T>
Json encode(const std::vector<T>& value);
template <typename T>
bool decode(const Json& json, std::vector<T>& value);
template <typename K, typename T>
Json encode(const std::map<K, T>& value);
template <typename K, typename T>
bool decode(const Json& json, std::map<K, T>& value);
template <typename... Ts>
Json encode(const std::variant<Ts...>& value);
template <typename... Ts>
bool decode(const Json& json, std::variant<Ts...>& value);

// ---- values
// ------------------------------------------------------------------------------------------------

template <Number T>
Json encode(T value) {
  return value;
}

template <Number T>
bool decode(const Json& json, T& value) {
  if constexpr (std::is_signed_v<T>) {
    if (!json.is_number_integer()) {
      return false;
    }
    std::int64_t number = json.get<std::int64_t>();
    value = static_cast<T>(number);
    return static_cast<std::int64_t>(value) == number;
  } else {
    if (!json.is_number_unsigned()) {
      return false;
    }
    std::uint64_t number = json.get<std::uint64_t>();
    value = static_cast<T>(number);
    return static_cast<std::uint64_t>(value) == number;
  }
}

inline Json encode(bool value) {
  return value;
}

inline bool decode(const Json& json, bool& value) {
  if (json.is_boolean()) {
    value = json.get<bool>();
  }
  return json.is_boolean();
}

inline Json encode(const std::string& value) {
  return value;
}

inline bool decode(const Json& json, std::string& value) {
  if (json.is_string()) {
    value = json.get_ref<const std::string&>();
  }
  return json.is_string();
}

inline Json encode(const Bytes& value) {
  return encode_base64(value);
}

inline bool decode(const Json& json, Bytes& value) {
  std::optional<Bytes> parsed =
      json.is_string() ? decode_base64(json.get_ref<const std::string&>()) : std::nullopt;
  value = parsed.value_or(Bytes());
  return parsed.has_value();
}

inline Json encode(const Digest& value) {
  return value.text();
}

inline bool decode(const Json& json, Digest& value) {
  if (!json.is_string()) {
    return false;
  }
  const std::string& text = json.get_ref<const std::string&>();
  std::optional<Digest> parsed = text.empty() ? Digest() : Digest::parse(text);
  value = parsed.value_or(Digest());
  return parsed.has_value();
}

template <Named T>
Json encode(T value) {
  return to_string(value);
}

template <Named T>
bool decode(const Json& json, T& value) {
  return json.is_string() && from_name(Here{}, json.get_ref<const std::string&>(), value);
}

template <typename Tag, typename Rep>
Json encode(StrongId<Tag, Rep> value) {
  return value.value();
}

template <typename Tag, typename Rep>
bool decode(const Json& json, StrongId<Tag, Rep>& value) {
  Rep number{};
  bool good = decode(json, number);
  value = StrongId<Tag, Rep>(number);
  return good;
}

// ---- structs
// -----------------------------------------------------------------------------------------------

class Writer {
 public:
  template <typename T>
  void operator()(const char* name, const T& value) {
    out_[name] = encode(value);
  }

  template <typename T>
  void added(const char* name, const T& value) {
    (*this)(name, value);
  }

  // Only what says something: see Reader.
  template <typename T>
  void optional(const char* name, const T& value) {
    if (value != T{}) {
      (*this)(name, value);
    }
  }

  Json take() { return std::move(out_); }

 private:
  Json out_ = Json::object();
};

class Reader {
 public:
  explicit Reader(const Json& json) : json_(json), good_(json.is_object()) {}

  template <typename T>
  void operator()(const char* name, T& value) {
    if (!good_) {
      return;
    }
    auto found = json_.find(name);
    good_ = found != json_.end() && decode(*found, value);
  }

  // A member that texts of older versions do not have: a journal must outlive an upgrade.
  template <typename T>
  void added(const char* name, T& value) {
    if (good_ && json_.contains(name)) {
      (*this)(name, value);
    }
  }

  template <typename T>
  void optional(const char* name, T& value) {
    added(name, value);
  }

  bool good() const { return good_; }

 private:
  const Json& json_;
  bool good_;
};

// For fields(): `T` is const when it is written.
template <typename T, typename Expected>
concept Same = std::is_same_v<std::remove_const_t<T>, Expected>;

template <Record T>
Json encode(const T& value) {
  Writer writer;
  fields(writer, value);
  return writer.take();
}

template <Record T>
bool decode(const Json& json, T& value) {
  Reader reader(json);
  fields(reader, value);
  return reader.good();
}

// ---- containers
// --------------------------------------------------------------------------------------------

template <typename T>
Json encode(const std::optional<T>& value) {
  return value.has_value() ? encode(*value) : Json(nullptr);
}

template <typename T>
bool decode(const Json& json, std::optional<T>& value) {
  if (json.is_null()) {
    value.reset();
    return true;
  }
  T inner{};
  bool good = decode(json, inner);
  value = std::move(inner);
  return good;
}

template <typename T>
Json encode(const std::vector<T>& value) {
  Json out = Json::array();
  for (const T& item : value) {
    out.push_back(encode(item));
  }
  return out;
}

template <typename T>
bool decode(const Json& json, std::vector<T>& value) {
  if (!json.is_array()) {
    return false;
  }
  value.clear();
  for (const Json& item : json) {
    T element{};
    if (!decode(item, element)) {
      return false;
    }
    value.push_back(std::move(element));
  }
  return true;
}

// With texts for keys an object, else an array of [key, value].
template <typename K, typename T>
Json encode(const std::map<K, T>& value) {
  constexpr bool kTexts = std::is_same_v<K, std::string>;
  Json out = kTexts ? Json::object() : Json::array();
  for (const auto& [key, item] : value) {
    if constexpr (kTexts) {
      out[key] = encode(item);
    } else {
      out.push_back(Json::array({encode(key), encode(item)}));
    }
  }
  return out;
}

template <typename K, typename T>
bool decode(const Json& json, std::map<K, T>& value) {
  value.clear();
  if constexpr (std::is_same_v<K, std::string>) {
    if (!json.is_object()) {
      return false;
    }
    for (const auto& [name, item] : json.items()) {
      if (!decode(item, value[name])) {
        return false;
      }
    }
  } else {
    if (!json.is_array()) {
      return false;
    }
    for (const Json& pair : json) {
      K key{};
      if (!pair.is_array() || pair.size() != 2 || !decode(pair[0], key) ||
          !decode(pair[1], value[key])) {
        return false;
      }
    }
  }
  return true;
}

// ---- variants: the alternative's fields, and its name, see name_of(Here, value)
// ---------------------------------------

template <typename Variant, std::size_t Index = 0>
bool decode_alternative(const Json& json, const std::string& name, Variant& value) {
  if constexpr (Index == std::variant_size_v<Variant>) {
    return false;
  } else {
    using T = std::variant_alternative_t<Index, Variant>;
    T alternative{};
    if (name != name_of(Here{}, alternative)) {
      return decode_alternative<Variant, Index + 1>(json, name, value);
    }
    Reader reader(json);
    fields(reader, alternative);
    value = std::move(alternative);
    return reader.good();
  }
}

template <typename... Ts>
Json encode(const std::variant<Ts...>& value) {
  return std::visit(
      [](const auto& alternative) {
        Writer writer;
        fields(writer, alternative);
        Json out = writer.take();
        out[kTag<std::variant<Ts...>>] = name_of(Here{}, alternative);
        return out;
      },
      value);
}

template <typename... Ts>
bool decode(const Json& json, std::variant<Ts...>& value) {
  if (!json.is_object()) {
    return false;
  }
  auto name = json.find(kTag<std::variant<Ts...>>);
  return name != json.end() && name->is_string() &&
         decode_alternative(json, name->template get_ref<const std::string&>(), value);
}

// Names come from ELF files and command lines; what is no UTF-8 is replaced rather than thrown at.
inline std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace bpfman::plan::codec
