#pragma once

#include <fleetprov/core/diagnostic.hpp>
#include <fleetprov/templates/rules.hpp>

#include <string>
#include <utility>
#include <vector>

namespace fleetprov::templates::detail {

/// Collects findings of this module's rules.
class report {
 public:
  diagnostic& add(rule_id id, std::string pointer, source_range where, std::string message, std::string help = {}) {
    diagnostic d;
    d.broken = &row_of(id);
    d.level = d.broken->level;
    d.pointer = std::move(pointer);
    d.where = where;
    d.message = std::move(message);
    d.help = std::move(help);
    findings_.push_back(std::move(d));
    return findings_.back();
  }
  diagnostic& add(severity level, rule_id id, std::string pointer, source_range where, std::string message,
                  std::string help = {}) {
    diagnostic& d = add(id, std::move(pointer), where, std::move(message), std::move(help));
    d.level = level;
    return d;
  }
  void append(std::vector<diagnostic> more) {
    for (diagnostic& d : more) findings_.push_back(std::move(d));
  }
  std::vector<diagnostic>& all() noexcept { return findings_; }
  std::vector<diagnostic> take() {
    sort_diagnostics(findings_);
    return std::move(findings_);
  }

 private:
  std::vector<diagnostic> findings_;
};

/// The place of a missing property: the object's opening brace.
constexpr source_range opening_brace(source_range object) noexcept {
  return object.empty() ? object : source_range{object.begin, object.begin + 1};
}

}  // namespace fleetprov::templates::detail
