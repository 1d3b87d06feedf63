#pragma once

#include <fleetprov/json/document.hpp>
#include <fleetprov/templates/detail/evaluator.hpp>
#include <fleetprov/templates/detail/shape.hpp>
#include <fleetprov/templates/document.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// An inline policy before its template's parameters are known.
namespace fleetprov::templates::detail {

/// The document of a policy object, or of a text that functions put together, with every function replaced: by what it
/// gives with the Defaults, by a name of its own where a value is open. An ARN whose region or account id is open has `*`
/// there.
class policy_stand_in {
 public:
  policy_stand_in(const provisioning_template& subject, const policy_source& from)
      : shapes_(subject, {&nothing_given_, &nothing_open_}), from_(from) {
    if (from.object) fill(document_.emplace(*from.object), from.at.pointer);
    else read(write(shapes_.text(*from.text)));
  }

  /// Nothing for a text that is JSON with certain values of its parameters only.
  const std::optional<json::value>& document() const noexcept { return document_; }
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

  /// Pointers are those inside the text.
  void read(const written& whole) {
    if (whole.text.find(opening) != std::string::npos || whole.text.find(closing) != std::string::npos) return;
    std::string marked;
    std::size_t done = 0;
    for (const auto& [begin, end] : whole.open) {
      marked.append(whole.text, done, begin - done).append(opening).append(whole.text, begin, end - begin).append(closing);
      done = end;
    }
    marked.append(whole.text, done);
    const auto source = json::document::from_text(std::move(marked));
    if (source.has_errors()) return;
    remove_marks(document_.emplace(source.value->root()), "");
  }

  void remove_marks(json::value& v, const std::string& pointer) {
    if (v.is_string()) put(v, pointer, without_marks(v.text));
    for (std::size_t i = 0; i < v.items.size(); ++i) remove_marks(v.items[i], json::child_pointer(pointer, i));
    for (json::member& m : v.members) {
      m.key = without_marks(m.key).text;
      remove_marks(m.held, json::child_pointer(pointer, m.key));
    }
  }

  static written without_marks(std::string_view text) {
    written out;
    for (std::size_t at = text.find(opening); at != std::string_view::npos; at = text.find(opening)) {
      const std::size_t end = text.find(closing, at);
      out.text.append(text.substr(0, at));
      const std::size_t begin = out.text.size();
      out.text.append(text.substr(at + opening.size(), end - at - opening.size()));
      out.open.emplace_back(begin, out.text.size());
      text.remove_prefix(end + closing.size());
    }
    out.text.append(text);
    return out;
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
          if (letters_and_digits.find(c) != std::string_view::npos) out.text += c;
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

  static constexpr std::string_view letters_and_digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  // Around what stands for parameters while the text is read: private-use characters, which JSON takes as they are.
  static constexpr std::string_view opening = "\xEE\x80\x80", closing = "\xEE\x80\x81";

  std::map<std::string, std::string> nothing_given_;
  std::set<std::string> nothing_open_;
  shape_reader shapes_;
  const policy_source& from_;
  std::optional<json::value> document_;
  std::set<std::string> opaque_;
  bool is_telling_ = true;
};

}  // namespace fleetprov::templates::detail
