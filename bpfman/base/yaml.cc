// SPDX-License-Identifier: Apache-2.0
#include "bpfman/base/yaml.h"

#include <algorithm>

#include <yaml.h>

namespace bpfman {
namespace {

constexpr std::size_t kMaxNodes = 100'000;
constexpr std::size_t kMaxDepth = 100;

class Parser {
 public:
  Parser(std::string_view text, const std::string& name) : name_(name) {
    good_ = ::yaml_parser_initialize(&parser_) == 1;
    if (good_) {
      ::yaml_parser_set_input_string(
          &parser_, reinterpret_cast<const unsigned char*>(text.data()), text.size());
    }
  }

  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  ~Parser() {
    if (good_) {
      ::yaml_parser_delete(&parser_);
    }
  }

  Result<std::vector<YamlNode>> run() {
    if (!good_) {
      return Error(Code::ResourceExhausted, "no memory to read " + name_);
    }
    std::vector<YamlNode> out;
    for (;;) {
      ::yaml_document_t document;
      if (::yaml_parser_load(&parser_, &document) == 0) {
        return syntax_error();
      }
      const ::yaml_node_t* root = ::yaml_document_get_root_node(&document);
      bool end = root == nullptr;
      Result<YamlNode> node = end ? Result<YamlNode>(YamlNode()) : convert(document, *root, 0);
      ::yaml_document_delete(&document);
      if (end) {
        return out;
      }
      YamlNode whole = TRY(std::move(node));
      if (whole.kind != YamlNode::Kind::Null) {
        out.push_back(std::move(whole));
      }
    }
  }

 private:
  Error error(std::uint32_t line, const std::string& what) const {
    return Error(Code::InvalidArgument, name_ + ":" + std::to_string(line) + ": " + what);
  }

  Error syntax_error() const {
    std::string what = parser_.problem == nullptr ? "no YAML" : parser_.problem;
    if (parser_.context != nullptr) {
      what += std::string(" ") + parser_.context;
    }
    std::size_t line = parser_.problem_mark.line;
    if (parser_.error == YAML_READER_ERROR) {
      line = parser_.mark.line;  // the reader has no mark of its own
    }
    return error(static_cast<std::uint32_t>(line + 1), what);
  }

  Result<YamlNode> convert(::yaml_document_t& document,
                           const ::yaml_node_t& from,
                           std::size_t depth) {
    YamlNode out;
    out.line = static_cast<std::uint32_t>(from.start_mark.line + 1);
    // Aliases are expanded, so a small file can mean a huge tree, or an endless one.
    if (++nodes_ > kMaxNodes || depth > kMaxDepth) {
      return error(out.line, "too much: at most 100,000 nodes in 100 levels are read");
    }
    switch (from.type) {
      case YAML_SCALAR_NODE:
        convert_scalar(from, out);
        return out;
      case YAML_SEQUENCE_NODE:
        out.kind = YamlNode::Kind::List;
        for (const int* item = from.data.sequence.items.start; item != from.data.sequence.items.top;
             ++item) {
          YamlNode node =
              TRY(convert(document, *::yaml_document_get_node(&document, *item), depth + 1));
          out.items.push_back(std::move(node));
        }
        return out;
      case YAML_MAPPING_NODE:
        out.kind = YamlNode::Kind::Map;
        TRY(convert_members(document, from, depth, out));
        return out;
      case YAML_NO_NODE:
        break;
    }
    return out;
  }

  static void convert_scalar(const ::yaml_node_t& from, YamlNode& out) {
    out.text.assign(reinterpret_cast<const char*>(from.data.scalar.value), from.data.scalar.length);
    out.quoted = from.data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    bool null = !out.quoted && (out.text.empty() || out.text == "~" || out.text == "null");
    out.kind = null ? YamlNode::Kind::Null : YamlNode::Kind::Scalar;
  }

  Result<void> convert_members(::yaml_document_t& document,
                               const ::yaml_node_t& from,
                               std::size_t depth,
                               YamlNode& out) {
    for (const ::yaml_node_pair_t* pair = from.data.mapping.pairs.start;
         pair != from.data.mapping.pairs.top;
         ++pair) {
      YamlNode key =
          TRY(convert(document, *::yaml_document_get_node(&document, pair->key), depth + 1));
      if (key.kind != YamlNode::Kind::Scalar) {
        return error(key.line, "a key has to be a word");
      }
      if (const YamlNode* first = out.find(key.text); first != nullptr) {
        return error(key.line,
                     key.text + " stands twice, in line " + std::to_string(first->line) + " too");
      }
      YamlNode value =
          TRY(convert(document, *::yaml_document_get_node(&document, pair->value), depth + 1));
      out.members.emplace_back(std::move(key), std::move(value));
    }
    return {};
  }

  const std::string& name_;
  ::yaml_parser_t parser_{};
  bool good_ = false;
  std::size_t nodes_ = 0;
};

}  // namespace

namespace {

class Emitter {
 public:
  Emitter() {
    good_ = ::yaml_emitter_initialize(&emitter_) == 1;
    if (good_) {
      ::yaml_emitter_set_output(&emitter_, &Emitter::write, &out_);
      ::yaml_emitter_set_unicode(&emitter_, 1);
      ::yaml_emitter_set_width(&emitter_, -1);
    }
  }

  Emitter(const Emitter&) = delete;
  Emitter& operator=(const Emitter&) = delete;

  ~Emitter() {
    if (good_) {
      ::yaml_emitter_delete(&emitter_);
    }
  }

  Result<std::string> run(const YamlNode& root) {
    ::yaml_document_t document;
    if (!good_ || ::yaml_document_initialize(&document, nullptr, nullptr, nullptr, 1, 1) == 0) {
      return no_memory();
    }
    if (add(document, root) == 0) {
      ::yaml_document_delete(&document);
      return Error(Code::InvalidArgument, "a text that is no UTF-8 cannot be written as YAML");
    }
    // The document belongs to the emitter from here on.
    if (::yaml_emitter_dump(&emitter_, &document) == 0 || ::yaml_emitter_close(&emitter_) == 0) {
      return Error(Code::Internal,
                   std::string("cannot write YAML: ") +
                       (emitter_.problem == nullptr ? "no memory" : emitter_.problem));
    }
    return std::move(out_);
  }

 private:
  static Error no_memory() { return Error(Code::ResourceExhausted, "no memory to write YAML"); }

  static int write(void* into, unsigned char* text, std::size_t size) {
    static_cast<std::string*>(into)->append(reinterpret_cast<const char*>(text), size);
    return 1;
  }

  // The node's number in the document; 0: it cannot be written.
  static int add(::yaml_document_t& document, const YamlNode& node) {
    switch (node.kind) {
      case YamlNode::Kind::List: {
        int list = ::yaml_document_add_sequence(&document, nullptr, YAML_BLOCK_SEQUENCE_STYLE);
        for (const YamlNode& item : node.items) {
          int child = add(document, item);
          if (child == 0 || ::yaml_document_append_sequence_item(&document, list, child) == 0) {
            return 0;
          }
        }
        return list;
      }
      case YamlNode::Kind::Map: {
        int map = ::yaml_document_add_mapping(&document, nullptr, YAML_BLOCK_MAPPING_STYLE);
        for (const auto& [key, value] : node.members) {
          int name = add(document, key);
          int child = name == 0 ? 0 : add(document, value);
          if (child == 0 || ::yaml_document_append_mapping_pair(&document, map, name, child) == 0) {
            return 0;
          }
        }
        return map;
      }
      case YamlNode::Kind::Null:
        return add_scalar(document, "null", YAML_PLAIN_SCALAR_STYLE);
      case YamlNode::Kind::Scalar:
        return add_scalar(document,
                          node.text,
                          node.quoted ? YAML_DOUBLE_QUOTED_SCALAR_STYLE : YAML_PLAIN_SCALAR_STYLE);
    }
    return 0;
  }

  static int add_scalar(::yaml_document_t& document,
                        const std::string& text,
                        ::yaml_scalar_style_t style) {
    return ::yaml_document_add_scalar(&document,
                                      nullptr,
                                      reinterpret_cast<const unsigned char*>(text.data()),
                                      static_cast<int>(text.size()),
                                      style);
  }

  ::yaml_emitter_t emitter_{};
  bool good_ = false;
  std::string out_;
};

}  // namespace

const YamlNode* YamlNode::find(std::string_view key) const {
  auto found = std::find_if(
      members.begin(), members.end(), [&](const auto& one) { return one.first.text == key; });
  return found == members.end() ? nullptr : &found->second;
}

Result<std::string> emit_yaml(const YamlNode& node) {
  return Emitter().run(node);
}

Result<std::vector<YamlNode>> parse_yaml(std::string_view text, const std::string& name) {
  return Parser(text, name).run();
}

}  // namespace bpfman
