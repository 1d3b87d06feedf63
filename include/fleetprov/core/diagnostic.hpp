#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fleetprov {

/// error: AWS would reject it or the evaluation is undefined; warning: accepted but dangerous or
/// pointless; note: style.
enum class severity : std::uint8_t { note, warning, error };

constexpr std::string_view name_of(severity level) noexcept {
  return level == severity::error ? "error" : level == severity::warning ? "warning" : "note";
}

/// 1-based; columns count code points; 0 = unknown.
struct position {
  std::uint32_t line = 0, column = 0;
  friend constexpr bool operator==(const position& a, const position& b) noexcept {
    return a.line == b.line && a.column == b.column;
  }
};

/// Byte offsets into the document, half open; {0, 0} where there is no place.
struct source_range {
  std::uint32_t begin = 0, end = 0;
  constexpr bool empty() const noexcept { return begin == end; }
  friend constexpr bool operator==(const source_range& a, const source_range& b) noexcept {
    return a.begin == b.begin && a.end == b.end;
  }
};

/// One row of a module's rule table. Ids are stable for ever: a family letter (`J` JSON, `P` policy,
/// `T` template) and a number that is never reused.
struct rule {
  std::string_view id;        ///< "P014"
  std::string_view name;      ///< "type-mismatch"
  severity level;             ///< default severity
  std::string_view summary;   ///< one line: what the rule finds
  std::string_view why;       ///< why it matters, a sentence or two
  std::string_view source;    ///< AWS document and section, or "fleetprov"
  std::string_view bad;       ///< smallest example that fires
  std::string_view good;      ///< the same, mended
};

/// One finding in a document.
struct diagnostic {
  const rule* broken = nullptr;  ///< points into a constexpr table
  severity level = severity::error;
  std::string pointer;           ///< RFC 6901; "" is the document
  source_range where;            ///< bytes in the document; empty if built in memory
  std::string message;           ///< what is wrong: one line, lower case, no full stop
  std::string help;              ///< what to do; may be empty
};

/// A document-level answer: the value if there is one, and every finding, warnings included.
template <class T>
struct outcome {
  std::optional<T> value;
  std::vector<diagnostic> diagnostics;

  [[nodiscard]] bool has_errors() const noexcept {
    return std::any_of(diagnostics.begin(), diagnostics.end(),
                       [](const diagnostic& d) { return d.level == severity::error; });
  }
  explicit operator bool() const noexcept { return value.has_value() && !has_errors(); }
};

/// Order for people: by place, then by rule id.
inline void sort_diagnostics(std::vector<diagnostic>& all) {
  std::stable_sort(all.begin(), all.end(), [](const diagnostic& a, const diagnostic& b) {
    if (a.where.begin != b.where.begin) return a.where.begin < b.where.begin;
    return (a.broken ? a.broken->id : std::string_view()) < (b.broken ? b.broken->id : std::string_view());
  });
}

}  // namespace fleetprov
