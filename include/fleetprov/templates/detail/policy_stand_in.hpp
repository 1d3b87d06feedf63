#pragma once

#include <fleetprov/json/document.hpp>
#include <fleetprov/templates/detail/evaluator.hpp>
#include <fleetprov/templates/detail/shape.hpp>
#include <fleetprov/templates/document.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// An inline policy before its template's parameters are known.
namespace fleetprov::templates::detail {

/// The document of a policy object with every function replaced: by what it gives with the Defaults, by a name of its
/// own where a value is open. An ARN whose region or account id is open has `*` there.
class policy_stand_in {
 public:
  policy_stand_in(const provisioning_template& subject, const policy_source& from)
      : shapes_(subject, {&nothing_given_, &nothing_open_}), from_(from), document_(*from.object) {
    fill(document_, from.at.pointer);
  }

  const json::value& document() const noexcept { return document_; }
  /// Whether what stands there says nothing about the text that it stands for.
  bool is_opaque(const std::string& pointer) const { return opaque_.count(pointer) != 0; }
  /// Whether actions, resources and effects are known well enough to say what they mean together.
  bool is_telling() const noexcept { return is_telling_; }

 private:
  struct written {
    std::string text;
    std::vector<std::pair<std::size_t, std::size_t>> open;  ///< what stands for parameters: begin and end
  };

  void fill(json::value& v, const std::string& pointer) {
    if (v.is(json::kind::null) && v.text != "null") {
      replace(v, pointer, from_.computed[index_of(v.text)]);
      return;
    }
    for (std::size_t i = 0; i < v.items.size(); ++i) fill(v.items[i], json::child_pointer(pointer, i));
    for (json::member& m : v.members) fill(m.held, json::child_pointer(pointer, m.key));
  }

  void replace(json::value& v, const std::string& pointer, const expression& from) {
    if (const auto elements = shapes_.list(from)) {
      v.what = json::kind::array;
      v.text.clear();
      for (std::size_t i = 0; i < elements->size(); ++i) {
        json::value each;
        each.where = v.where;
        put(each, json::child_pointer(pointer, i), write((*elements)[i]));
        v.items.push_back(std::move(each));
      }
      return;
    }
    put(v, pointer, write(shapes_.text(from)));
  }

  static written write(const shape& from) {
    written out;
    for (const shape_piece& p : from.pieces) {
      const std::size_t begin = out.text.size();
      if (p.is_fixed()) {
        out.text += p.text;
      } else if (!p.alternatives.empty()) {
        out.text += p.alternatives.front();
      } else {
        out.text += 'x';
        for (const char c : p.parameter)
          if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) out.text += c;
        out.open.emplace_back(begin, out.text.size());
      }
    }
    return out;
  }

  void put(json::value& v, const std::string& pointer, written from) {
    if (!open_head(from)) {
      opaque_.insert(pointer);
      is_telling_ = is_telling_ && pointer.find("/Condition/") != std::string::npos;
    }
    v.what = json::kind::string;
    v.text = std::move(from.text);
  }

  /// Writes `*` for an open region and account id. False: what is open decides what the text is.
  static bool open_head(written& from) {
    if (from.open.empty()) return true;
    std::array<std::size_t, 5> colons{};
    std::size_t at = 0;
    for (std::size_t& colon : colons) {
      colon = from.text.find(':', at);
      if (colon == std::string::npos) return false;
      at = colon + 1;
    }
    const std::size_t name = from.text.find('/', at);  // npos: a type alone
    for (auto piece = from.open.rbegin(); piece != from.open.rend(); ++piece) {
      const auto [begin, end] = *piece;
      if (begin > name) continue;
      const bool is_region = begin == colons[2] + 1 && end == colons[3];
      const bool is_account = begin == colons[3] + 1 && end == colons[4];
      if (!is_region && !is_account) return false;
      from.text.replace(begin, end - begin, "*");
    }
    return true;
  }

  std::map<std::string, std::string> nothing_given_;
  std::set<std::string> nothing_open_;
  shape_reader shapes_;
  const policy_source& from_;
  json::value document_;
  std::set<std::string> opaque_;
  bool is_telling_ = true;
};

}  // namespace fleetprov::templates::detail
