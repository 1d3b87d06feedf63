#pragma once

#include <fleetprov/core/detail/cbor_cursor.hpp>
#include <fleetprov/core/detail/hex.hpp>
#include <fleetprov/core/diagnostic.hpp>
#include <fleetprov/core/result.hpp>
#include <fleetprov/core/utf8.hpp>
#include <fleetprov/json/rules.hpp>

// Its lexer alone: the whole library costs every file that includes this more than a second of compile time.
#if defined(__has_include)
#if __has_include(<nlohmann/detail/input/lexer.hpp>)
#define FLEETPROV_HAS_JSON_LEXER
#endif
#endif
#ifdef FLEETPROV_HAS_JSON_LEXER
#undef FLEETPROV_HAS_JSON_LEXER
#include <nlohmann/detail/conversions/to_chars.hpp>
#include <nlohmann/detail/input/input_adapters.hpp>
#include <nlohmann/detail/input/lexer.hpp>
#else
#include <nlohmann/json.hpp>  // the single-header release
#endif

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

namespace fleetprov::json {

/// What a reader accepts. Defaults suit documents that people write.
struct limits {
  std::size_t max_bytes = 1024 * 1024;
  std::size_t max_depth = 64;
};

enum class kind : std::uint8_t { null, boolean, number, string, array, object };

constexpr std::string_view name_of(kind what) noexcept {
  switch (what) {
    case kind::null: return "null";
    case kind::boolean: return "a boolean";
    case kind::number: return "a number";
    case kind::string: return "a string";
    case kind::array: return "an array";
    case kind::object: return "an object";
  }
  return "?";  // GCOVR_EXCL_LINE: every kind is above
}

struct member;

/// One value with its place. Object members keep their order and their duplicates.
class value {
 public:
  kind what = kind::null;
  std::string text;           ///< string: decoded; number: as written; boolean: "true" / "false"
  std::vector<value> items;   ///< array elements
  std::vector<member> members;  ///< object members
  source_range where;         ///< bytes of the whole value; a container's starts at its bracket

  bool is(kind k) const noexcept { return what == k; }
  bool is_string() const noexcept { return what == kind::string; }
  bool is_object() const noexcept { return what == kind::object; }
  bool is_array() const noexcept { return what == kind::array; }

  /// The first member with this key (exact), or null.
  const member* find_member(std::string_view key) const noexcept;
  /// Its value, or null.
  const value* find(std::string_view key) const noexcept;
};

/// One member of an object. An object may hold several with one key.
struct member {
  std::string key;         ///< decoded
  source_range key_where;  ///< bytes of the key, its quotes included
  value held;
};

inline const member* value::find_member(std::string_view key) const noexcept {
  for (const member& m : members)
    if (m.key == key) return &m;
  return nullptr;
}
inline const value* value::find(std::string_view key) const noexcept {
  const member* m = find_member(key);
  return m ? &m->held : nullptr;
}

/// Appends one reference token to a JSON pointer (RFC 6901 escaping).
inline std::string child_pointer(std::string_view parent, std::string_view key) {
  std::string out(parent);
  out += '/';
  for (const char c : key) {
    if (c == '~') out += "~0";
    else if (c == '/') out += "~1";
    else out += c;
  }
  return out;
}
inline std::string child_pointer(std::string_view parent, std::size_t index) {
  return std::string(parent) + '/' + std::to_string(index);
}

/// Maps byte offsets to lines and columns; built once per document.
class line_table {
 public:
  line_table() = default;
  explicit line_table(std::string_view text) {
    starts_.push_back(0);
    for (std::size_t i = 0; i < text.size(); ++i)
      if (text[i] == '\n') starts_.push_back(static_cast<std::uint32_t>(i + 1));
  }
  /// 1-based line and code-point column of `offset` in the same `text`; beyond its end, of the end.
  position locate(std::string_view text, std::uint32_t offset) const noexcept {
    if (starts_.empty()) return {};
    auto next = std::upper_bound(starts_.begin(), starts_.end(), offset);
    const std::uint32_t begin = *(next - 1);
    const auto before = text.substr(begin, offset - begin);
    return {static_cast<std::uint32_t>(next - starts_.begin()),
            static_cast<std::uint32_t>(count_code_points(before) + 1)};
  }
  /// The text of a 1-based line without its line break.
  std::string_view line(std::string_view text, std::uint32_t number) const noexcept {
    if (number == 0 || number > starts_.size()) return {};
    std::size_t begin = starts_[number - 1];
    std::size_t end = number < starts_.size() ? starts_[number] : text.size();
    while (end > begin && (text[end - 1] == '\n' || text[end - 1] == '\r')) --end;
    return text.substr(begin, end - begin);
  }

 private:
  std::vector<std::uint32_t> starts_;
};

namespace detail {

/// Feeds the library's lexer byte by byte and says how many it took (positions come from here:
/// nlohmann/json has none on values before 3.12).
class counting_iterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;
  counting_iterator(const char* at, std::size_t* consumed) : at_(at), consumed_(consumed) {}
  reference operator*() const { return *at_; }
  counting_iterator& operator++() {
    ++at_;
    ++*consumed_;
    return *this;
  }
  counting_iterator operator++(int) {
    auto old = *this;
    ++*this;
    return old;
  }
  friend bool operator==(const counting_iterator& a, const counting_iterator& b) { return a.at_ == b.at_; }
  friend bool operator!=(const counting_iterator& a, const counting_iterator& b) { return a.at_ != b.at_; }

 private:
  const char* at_;
  std::size_t* consumed_;  // shared: the parser copies iterators
};

enum class trouble : std::uint8_t { none, syntax, too_deep, number };

/// Whether `text[at]` stands where an escape `\\u` still wants one of its four hexadecimal digits.
inline bool cuts_escape(std::string_view text, std::size_t at) noexcept {
  std::size_t u = at;
  while (u > 0 && at - u < 4 && fleetprov::detail::hex_value(text[u - 1]) >= 0) --u;
  if (at - u >= 4 || u < 2 || text[u - 1] != 'u') return false;
  std::size_t first = u - 1;  // of the run of backslashes before it; an even number of them are characters
  while (first > 0 && text[first - 1] == '\\') --first;
  return (u - 1 - first) % 2 == 1;
}

/// Builds the tree of `value` from events and stops at the first offence.
class tree_builder {
 public:
  tree_builder(std::string_view source, const std::size_t* consumed, bool is_text, limits cap,
               std::vector<diagnostic>* duplicates)
      : source_(source), consumed_(consumed), is_text_(is_text), cap_(cap), duplicates_(duplicates) {}

  bool null() { return scalar(kind::null, "null"); }
  bool boolean(bool v) { return scalar(kind::boolean, v ? "true" : "false"); }
  bool number_integer(std::int64_t v) { return number(std::to_string(v)); }
  bool number_unsigned(std::uint64_t v) { return number(std::to_string(v)); }
  bool number_float(double v) {
    std::array<char, 64> text{};
    const char* end = nlohmann::detail::to_chars(text.data(), text.data() + text.size(), v);
    return number(std::string(text.data(), static_cast<std::size_t>(end - text.data())));
  }
  /// The number that stands next in the source text.
  bool number_as_written() { return number({}); }
  bool string(std::string& v) { return scalar(kind::string, std::move(v)); }
  bool start_object() { return open(kind::object); }
  bool start_array() { return open(kind::array); }
  bool end_container() { return close(); }
  bool is_open() const noexcept { return !open_.empty(); }
  bool in_object() const noexcept { return open_.back()->what == kind::object; }
  void key(std::string& k) {
    const source_range where = token(*consumed_);
    value& object = *open_.back();
    if (is_repeated(object, k)) {
      diagnostic d;
      d.broken = &rules[5];
      d.level = rules[5].level;
      d.where = where;
      d.pointer = child_pointer(pointer(), k);
      d.message = "duplicate key `" + k + "`";
      d.help = "keep one of the two; JSON readers disagree on which one counts";
      duplicates_->push_back(std::move(d));
    }
    object.members.push_back(member{std::move(k), where, value{}});
  }
  bool overflow() { return stop(trouble::number, skip_blanks(last_end_)); }
  /// `at`: how many bytes the lexer has read, at least one: the end of the input counts too.
  bool syntax_error(std::size_t at) {
    std::size_t offset = std::min(at - 1, source_.size());
    // The lexer stops inside a first character that begins like a byte order mark.
    while (offset < source_.size() && (static_cast<unsigned char>(source_[offset]) & 0xC0U) == 0x80U) --offset;
    // Good tokens in the wrong place are reported at their last byte; people look at the first.
    const std::size_t begin = skip_blanks(last_end_);
    if (begin < offset && offset < source_.size() && !cuts_escape(source_, offset) && is_whole_token(source_.substr(begin, offset - begin + 1)))
      offset = begin;
    return stop(trouble::syntax, offset);
  }

  trouble found() const noexcept { return found_; }
  std::size_t offset() const noexcept { return offset_; }
  value take() { return std::move(root_); }

 private:
  bool stop(trouble what, std::size_t at) {
    found_ = what;
    offset_ = at;
    return false;
  }
  static bool is_whole_token(std::string_view text) noexcept {
    return (text.front() == '"' && text.back() == '"') || text == "true" || text == "false" || text == "null" ||
           text.find_first_not_of("+-.0123456789eE") == std::string_view::npos;
  }
  std::size_t skip_blanks(std::size_t at) const noexcept {
    while (at < source_.size() && (source_[at] == ' ' || source_[at] == '\t' || source_[at] == '\n' ||
                                   source_[at] == '\r' || source_[at] == ',' || source_[at] == ':'))
      ++at;
    return at;
  }
  /// The place of the token that ends at `end` (text: nothing but blanks, `,` and `:` lies between
  /// two events).
  source_range token(std::size_t end) noexcept {
    const std::size_t begin = is_text_ ? skip_blanks(last_end_) : last_end_;
    last_end_ = end;
    return {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)};
  }
  value& slot() {
    if (open_.empty()) return root_;
    value& parent = *open_.back();
    if (parent.what == kind::object) return parent.members.back().held;
    parent.items.emplace_back();
    return parent.items.back();
  }
  bool scalar(kind what, std::string text) {
    value& v = slot();
    v.what = what;
    v.text = std::move(text);
    v.where = token(*consumed_);
    return true;
  }
  bool number(std::string written) {
    std::size_t end = *consumed_;
    if (is_text_) {  // the lexer reads one byte past a number: find its end by its alphabet
      const std::size_t begin = skip_blanks(last_end_);
      end = begin;
      while (end < source_.size() && std::string_view("+-.0123456789eE").find(source_[end]) != std::string_view::npos)
        ++end;
      written.assign(source_.substr(begin, end - begin));
    }
    value& v = slot();
    v.what = kind::number;
    v.text = std::move(written);
    v.where = token(end);
    return true;
  }
  bool open(kind what) {
    if (open_.size() >= cap_.max_depth) return stop(trouble::too_deep, is_text_ ? *consumed_ - 1 : *consumed_);
    value& v = slot();
    v.what = what;
    v.where = token(*consumed_);
    open_.push_back(&v);
    keys_.emplace_back();
    return true;
  }
  /// Linear for small objects, hashed beyond: an object of n keys must not cost n * n.
  bool is_repeated(const value& object, const std::string& k) {
    constexpr std::size_t small = 16;
    auto& known = keys_.back();
    if (object.members.size() < small) return object.find_member(k) != nullptr;
    if (known.empty())
      for (const member& m : object.members) known.insert(m.key);
    return !known.insert(k).second;
  }
  bool close() {
    value& v = *open_.back();
    v.where.end = static_cast<std::uint32_t>(*consumed_);
    last_end_ = *consumed_;
    open_.pop_back();
    keys_.pop_back();
    return true;
  }
  std::string pointer() const {
    std::string out;
    for (std::size_t i = 0; i + 1 < open_.size(); ++i) {
      const value& v = *open_[i];
      out = v.what == kind::object ? child_pointer(out, v.members.back().key)
                                   : child_pointer(out, v.items.size() - 1);
    }
    return out;
  }

  std::string_view source_;
  const std::size_t* consumed_;
  bool is_text_;
  limits cap_;
  std::vector<diagnostic>* duplicates_;
  value root_;
  // invariant: each pointer is the last element of its parent's container, so that growing a
  // container never moves a value that is still open.
  std::vector<value*> open_;
  std::vector<std::unordered_set<std::string>> keys_;  // parallel to open_
  trouble found_ = trouble::none;
  std::size_t offset_ = 0;
  std::size_t last_end_ = 0;
};

/// What the library's lexer asks of a JSON type.
struct lexed_types {
  using number_integer_t = std::int64_t;
  using number_unsigned_t = std::uint64_t;
  using number_float_t = double;
  using string_t = std::string;
};

/// Feeds one JSON text (RFC 8259) to a `tree_builder`, which bounds the depth: the grammar, on top of nlohmann/json's lexer.
class text_feeder {
 public:
  text_feeder(std::string_view text, std::size_t* consumed, tree_builder* to)
      : lexer_(nlohmann::detail::input_adapter(counting_iterator(text.data(), consumed),
                                               counting_iterator(text.data() + text.size(), consumed)),
               false),
        to_(to) {}

  /// False: the builder knows where and why.
  bool feed_document() {
    token next = lexer_.scan();
    for (;;) {
      if (next == token::begin_object || next == token::begin_array) {
        const bool is_object = next == token::begin_object;
        if (!(is_object ? to_->start_object() : to_->start_array())) return false;
        next = lexer_.scan();
        if (next == (is_object ? token::end_object : token::end_array)) {
          (void)to_->end_container();
        } else {
          if (is_object && !feed_key(next)) return false;
          continue;
        }
      } else if (!feed_scalar(next)) {
        return false;
      }
      // A value is complete, and perhaps the containers around it.
      for (;;) {
        if (!to_->is_open()) return lexer_.scan() == token::end_of_input ? true : unexpected();
        next = lexer_.scan();
        if (next != (to_->in_object() ? token::end_object : token::end_array)) break;
        (void)to_->end_container();
      }
      if (next != token::value_separator) return unexpected();
      next = lexer_.scan();
      if (to_->in_object() && !feed_key(next)) return false;
    }
  }

 private:
  using input = decltype(nlohmann::detail::input_adapter(std::declval<counting_iterator>(), std::declval<counting_iterator>()));
  using lexer = nlohmann::detail::lexer<lexed_types, input>;
  using token = typename lexer::token_type;

  /// The key that `next` is, its colon, and the first token of its value into `next`.
  bool feed_key(token& next) {
    if (next != token::value_string) return unexpected();
    to_->key(lexer_.get_string());
    if (lexer_.scan() != token::name_separator) return unexpected();
    next = lexer_.scan();
    return true;
  }

  bool feed_scalar(token what) {
    switch (what) {
      case token::literal_true:
      case token::literal_false: return to_->boolean(what == token::literal_true);
      case token::literal_null: return to_->null();
      case token::value_string: return to_->string(lexer_.get_string());
      case token::value_float:
        if (!std::isfinite(lexer_.get_number_float())) return to_->overflow();
        [[fallthrough]];
      case token::value_unsigned:
      case token::value_integer: return to_->number_as_written();
      default: return unexpected();
    }
  }

  bool unexpected() { return to_->syntax_error(lexer_.get_position().chars_read_total); }

  lexer lexer_;
  tree_builder* to_;
};

/// Feeds one CBOR item to a `tree_builder`, which bounds the depth and so the recursion. Not
/// nlohmann/json's reader: it recurses without bound on nested strings of indefinite length.
class cbor_feeder {
 public:
  cbor_feeder(std::string_view bytes, std::size_t* consumed, tree_builder* to) : in_(bytes), consumed_(consumed), to_(to) {}

  /// False: malformed (`why` says where), not allowed in a document (`wrong_type`), or stopped by the builder.
  bool feed_document() {
    if (!feed()) return false;
    return in_.left() == 0 ? true : in_.fail(errc::encoding, in_.at());
  }
  bool failed() const noexcept { return in_.failed(); }
  failure why() const noexcept { return in_.why(); }

 private:
  using type = fleetprov::detail::cbor_type;
  using head = fleetprov::detail::cbor_head;

  bool feed() {
    const std::size_t begin = in_.at();
    const std::optional<head> h = in_.read_head();
    if (!h) return false;
    *consumed_ = in_.at();
    switch (h->type) {
      case type::unsigned_integer: return to_->number_unsigned(h->value);
      case type::negative_integer: return negative(h->value);
      case type::text: {
        std::string text;
        if (!read_text(begin, *h, text)) return false;
        return to_->string(text);
      }
      case type::array:
      case type::map: return container(begin, *h);
      case type::simple: return simple(begin, *h);
      case type::bytes:
      case type::tag: break;
    }
    return in_.fail(errc::wrong_type, begin);
  }

  bool negative(std::uint64_t argument) {
    if (argument <= static_cast<std::uint64_t>(INT64_MAX)) return to_->number_integer(-1 - static_cast<std::int64_t>(argument));
    return to_->number_float(-1.0 - static_cast<double>(argument));
  }

  bool read_text(std::size_t begin, const head& h, std::string& out) {
    if (h.indefinite) {
      while (const auto chunk = in_.take_chunk(type::text)) out += *chunk;
    } else if (const auto whole = in_.take_string(begin, h)) {
      out = *whole;
    }
    *consumed_ = in_.at();
    return !in_.failed();
  }

  bool container(std::size_t begin, const head& h) {
    const bool is_map = h.type == type::map;
    if (!in_.fits(begin, h) || !(is_map ? to_->start_object() : to_->start_array())) return false;
    fleetprov::detail::cbor_elements elements{h.value, h.indefinite};
    while (!in_.at_end(elements))
      if (in_.failed() || (is_map && !feed_key()) || !feed()) return false;
    *consumed_ = in_.at();
    return to_->end_container();
  }

  bool feed_key() {
    const std::size_t begin = in_.at();
    const std::optional<head> h = in_.read_head();
    if (!h) return false;
    if (h->type != type::text) return in_.fail(errc::wrong_type, begin);
    std::string text;
    if (!read_text(begin, *h, text)) return false;
    to_->key(text);
    return true;
  }

  bool simple(std::size_t begin, const head& h) {
    if (h.is_break()) return in_.fail(errc::encoding, begin);
    if (h.argument_size >= 2) {
      const double value = floating(h);
      return std::isfinite(value) ? to_->number_float(value) : in_.fail(errc::wrong_type, begin);
    }
    if (h.value == 20 || h.value == 21) return to_->boolean(h.value == 21);
    return h.value == 22 ? to_->null() : in_.fail(errc::wrong_type, begin);
  }

  static double floating(const head& h) noexcept {
    if (h.argument_size == 8) {
      double out = 0;
      std::memcpy(&out, &h.value, sizeof out);
      return out;
    }
    if (h.argument_size == 4) {
      const auto bits = static_cast<std::uint32_t>(h.value);
      float out = 0;
      std::memcpy(&out, &bits, sizeof out);
      return static_cast<double>(out);
    }
    const auto exponent = static_cast<int>(h.value >> 10U & 31U);  // RFC 8949 appendix D
    const auto mantissa = static_cast<double>(h.value & 1023U);
    const double size = exponent == 0    ? std::ldexp(mantissa, -24)
                        : exponent != 31 ? std::ldexp(mantissa + 1024, exponent - 25)
                                         : HUGE_VAL;
    return (h.value & 0x8000U) != 0 ? -size : size;
  }

  fleetprov::detail::cbor_cursor in_;
  std::size_t* consumed_;
  tree_builder* to_;
};

inline diagnostic finding(std::size_t rule_index, std::size_t offset, std::size_t size, std::string message,
                          std::string help) {
  diagnostic d;
  d.broken = &rules[rule_index];
  d.level = d.broken->level;
  d.where.begin = static_cast<std::uint32_t>(offset < size ? offset : size);
  d.where.end = static_cast<std::uint32_t>(offset < size ? offset + 1 : size);
  d.message = std::move(message);
  d.help = std::move(help);
  return d;
}

/// Whether a value may end with this byte: of a string, object, array, number, `true`, `false` or `null`.
constexpr bool ends_value(char c) noexcept {
  return std::string_view("\"}]0123456789el").find(c) != std::string_view::npos;
}

/// The length of a Unicode blank that JSON does not know at `text[at]`, or 0.
inline std::size_t foreign_blank(std::string_view text, std::size_t at) noexcept {
  for (const std::string_view blank :
       {"\xC2\xA0", "\xE2\x80\x80", "\xE2\x80\x82", "\xE2\x80\x83", "\xE2\x80\x87", "\xE2\x80\x89", "\xE2\x80\x8A",
        "\xE2\x80\x8B", "\xE2\x80\xAF", "\xE3\x80\x80", "\xEF\xBB\xBF"})
    if (text.substr(at, blank.size()) == blank) return blank.size();
  return 0;
}

/// The character at `at`, which is inside the text.
inline std::string show_character(std::string_view text, std::size_t at) {
  const auto c = static_cast<unsigned char>(text[at]);
  if (c >= 0x20 && c < 0x7F) return std::string("`") + text[at] + "`";
  if (c < 0x80) return "control character 0x" + fleetprov::detail::to_hex(&c, 1);
  std::size_t end = at + 1;
  while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) ++end;
  return "`" + std::string(text.substr(at, end - at)) + "`";
}

}  // namespace detail

/// A parsed document that keeps its source text (JSON only) and the place of every value.
class document {
 public:
  /// Reads JSON text (RFC 8259, strict). Bad input gives `J...` findings and no value; a document
  /// with duplicate keys has both a value (first key wins in `find`) and an error for each.
  static outcome<document> from_text(std::string text, limits cap = {});

  /// Reads one CBOR item (RFC 8949): maps with text keys, arrays, text, numbers, booleans, null.
  /// Offsets are byte offsets into the CBOR.
  static outcome<document> from_cbor(const std::uint8_t* data, std::size_t size, limits cap = {});

  const value& root() const noexcept { return root_; }
  std::string_view text() const noexcept { return text_; }
  /// 1-based line and code-point column; {0, 0} for a CBOR document.
  position locate(std::uint32_t offset) const noexcept { return lines_.locate(text_, offset); }
  std::string_view line(std::uint32_t number) const noexcept { return lines_.line(text_, number); }
  const line_table& lines() const noexcept { return lines_; }

  /// The value at an RFC 6901 pointer, or null.
  const value* find(std::string_view pointer) const noexcept;

 private:
  std::string text_;
  value root_;
  line_table lines_;
};

namespace detail {

/// The escape of a lone surrogate because of which the lexer stopped at `at`, or npos.
inline std::size_t find_lone_surrogate(std::string_view text, std::size_t at) noexcept {
  const auto is_half = [&](std::size_t i, std::string_view second_digits) {
    const std::string_view escape = text.substr(i, 6);
    return escape.size() == 6 && escape[0] == '\\' && escape[1] == 'u' && (escape[2] == 'd' || escape[2] == 'D') &&
           second_digits.find(escape[3]) != std::string_view::npos && fleetprov::detail::hex_value(escape[4]) >= 0 &&
           fleetprov::detail::hex_value(escape[5]) >= 0;
  };
  const std::size_t start = text.substr(0, at + 1).rfind('"');  // of the string that is being read
  if (start == std::string_view::npos) return start;
  for (std::size_t i = start + 1; i < text.size() && text[i] != '"'; ++i) {
    if (text[i] != '\\') continue;
    if (is_half(i, "89abAB") && is_half(std::min(i + 6, text.size()), "cdefCDEF")) i += 11;
    else if (is_half(i, "89abcdefABCDEF")) return i;
    else ++i;
  }
  return std::string_view::npos;
}

}  // namespace detail

inline outcome<document> document::from_text(std::string text, limits cap) {
  outcome<document> out;
  const auto refuse = [&](std::size_t rule_index, std::size_t offset, std::string message, std::string help) {
    out.diagnostics.push_back(
        detail::finding(rule_index, offset, text.size(), std::move(message), std::move(help)));
  };
  if (text.size() > cap.max_bytes) {
    refuse(3, 0, "the document has " + std::to_string(text.size()) + " bytes, the limit is " + std::to_string(cap.max_bytes), "");
    return out;
  }
  if (std::string_view(text).substr(0, 3) == "\xEF\xBB\xBF") {
    refuse(2, 0, "the text starts with a byte order mark", "save the file as UTF-8 without BOM");
    return out;
  }
  if (const std::size_t bad = find_invalid_utf8(text); bad != text.size()) {
    refuse(2, bad, "the text is not UTF-8 at byte " + std::to_string(bad), "save the file as UTF-8");
    return out;
  }
  if (const std::size_t nul = text.find('\0'); nul != std::string::npos) {
    refuse(2, nul, "the text holds a NUL byte", "");
    return out;
  }
  std::size_t consumed = 0;
  detail::tree_builder builder(text, &consumed, true, cap, &out.diagnostics);
  if (!detail::text_feeder(text, &consumed, &builder).feed_document()) {
    out.diagnostics.clear();
    const std::size_t at = builder.offset();
    switch (builder.found()) {
      case detail::trouble::too_deep:
        refuse(4, at, "nested more than " + std::to_string(cap.max_depth) + " levels deep", "");
        break;
      case detail::trouble::number:
        refuse(6, at, "the number does not fit a double", "");
        break;
      default: {
        if (at < text.size() && detail::foreign_blank(text, at) != 0) {
          refuse(1, at, "a no-break or other Unicode blank stands where JSON allows only space, tab and line breaks",
                 "replace it with an ordinary space; such blanks come in with text copied from web pages");
          break;
        }
        std::size_t before = at;
        while (before > 0 && (text[before - 1] == ' ' || text[before - 1] == '\t' || text[before - 1] == '\n' ||
                              text[before - 1] == '\r'))
          --before;
        const char last = before > 0 ? text[before - 1] : '\0';
        const char here = at < text.size() ? text[at] : '\0';
        const std::size_t half = detail::find_lone_surrogate(text, at);
        if (half != std::string::npos) {
          refuse(0, half, "`" + text.substr(half, 6) + "` is half of a surrogate pair, which is no character",
                 "write both halves, or the character itself");
        } else if (at < text.size() && detail::cuts_escape(text, at)) {
          refuse(0, at, "unexpected " + detail::show_character(text, at) + " in an escape", "`\\u` takes four hexadecimal digits");
        } else if (text.empty() || (before == 0 && at >= text.size())) {
          refuse(0, at, "the document is empty", "");
        } else if (at >= text.size()) {
          refuse(0, at, "the text ends inside the document", "a closing `}`, `]` or `\"` is missing");
        } else if (last == ',' && (here == '}' || here == ']')) {
          refuse(0, before - 1, "trailing comma before `" + std::string(1, here) + "`", "delete the comma");
        } else if ((here == '"' || here == '{' || here == '[') && detail::ends_value(last)) {
          refuse(0, at, "unexpected `" + std::string(1, here) + "`", "a comma is probably missing after the value before it");
        } else if (here == '/' || here == '#') {
          refuse(0, at, "unexpected `" + std::string(1, here) + "`", "JSON has no comments");
        } else {
          refuse(0, at, "unexpected " + detail::show_character(text, at), "");
        }
      }
    }
    return out;
  }
  document made;
  made.root_ = builder.take();
  made.lines_ = line_table(text);
  made.text_ = std::move(text);
  out.value = std::move(made);
  return out;
}

inline outcome<document> document::from_cbor(const std::uint8_t* data, std::size_t size, limits cap) {
  outcome<document> out;
  const auto refuse = [&](std::size_t rule_index, std::size_t offset, std::string message) {
    out.diagnostics.push_back(detail::finding(rule_index, offset, size, std::move(message), ""));
  };
  if (size > cap.max_bytes) {
    refuse(3, 0, "the document has " + std::to_string(size) + " bytes, the limit is " + std::to_string(cap.max_bytes));
    return out;
  }
  const char* bytes = reinterpret_cast<const char*>(data);
  std::size_t consumed = 0;
  detail::tree_builder builder(std::string_view(bytes, size), &consumed, false, cap, &out.diagnostics);
  detail::cbor_feeder feeder(std::string_view(bytes, size), &consumed, &builder);
  if (!feeder.feed_document()) {
    out.diagnostics.clear();
    if (!feeder.failed()) {  // the builder stopped it
      refuse(4, builder.offset(), "nested more than " + std::to_string(cap.max_depth) + " levels deep");
    } else {
      const failure why = feeder.why();
      const std::string at = " at byte " + std::to_string(why.offset);
      if (why.code == errc::invalid_utf8) refuse(2, why.offset, "a text string is not UTF-8" + at);
      else if (why.code == errc::wrong_type) refuse(0, why.offset, "CBOR that JSON has no like of" + at);
      else refuse(0, why.offset, "not well-formed CBOR" + at);
    }
    return out;
  }
  document made;
  made.root_ = builder.take();
  out.value = std::move(made);
  return out;
}

inline const value* document::find(std::string_view pointer) const noexcept {
  const value* at = &root_;
  while (!pointer.empty()) {
    if (pointer.front() != '/') return nullptr;
    pointer.remove_prefix(1);
    const std::size_t end = pointer.find('/');
    const std::string_view raw = pointer.substr(0, end);
    pointer = end == std::string_view::npos ? std::string_view() : pointer.substr(end);
    if (at->is_array()) {
      std::size_t index = 0;
      if (raw.empty() || raw.size() > 9 || (raw.size() > 1 && raw[0] == '0')) return nullptr;  // RFC 6901: no leading zeros
      for (const char c : raw) {
        if (c < '0' || c > '9') return nullptr;
        index = index * 10 + static_cast<std::size_t>(c - '0');
      }
      if (index >= at->items.size()) return nullptr;
      at = &at->items[index];
      continue;
    }
    std::string key;
    for (std::size_t i = 0; i < raw.size(); ++i) {
      if (raw[i] != '~') {
        key += raw[i];
        continue;
      }
      const std::string_view escape = raw.substr(i++, 2);
      if (escape != "~0" && escape != "~1") return nullptr;
      key += escape == "~1" ? '/' : '~';
    }
    at = at->find(key);
    if (at == nullptr) return nullptr;
  }
  return at;
}

}  // namespace fleetprov::json
