#pragma once

#include <fleetprov/policies/bound_policy.hpp>
#include <fleetprov/policies/detail/residual.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fleetprov::policies {

/// Builds a `bound_policy`.
class bound_policy_compiler {
 public:
  bound_policy_compiler(const context& principal, const arn_scope& where, job_action_names names)
      : principal_(principal), where_(where), names_(names) {}

  bound_policy compile(const std::vector<named_document>& documents) {
    for (const action_facts& row : action_table) {
      auto& to = made_.rows_[static_cast<std::size_t>(row.what)];
      to.denies = compile_action(documents, row, effect::deny);
      to.allows = compile_action(documents, row, effect::allow);
    }
    return std::move(made_);
  }

 private:
  using shape = bound_policy::shape;

  bound_policy::span compile_action(const std::vector<named_document>& documents, const action_facts& row, effect what) {
    bound_policy::span out;
    out.first = size_of(made_.statements_);
    const auto names = detail::names_of(row.name, names_);
    for (const named_document& each : documents)
      for (const statement& s : each.document->statements)
        if (s.what == what && detail::action_matches(s, names)) compile_statement(s, row);
    out.count = size_of(made_.statements_) - out.first;
    return out;
  }

  void compile_statement(const statement& s, const action_facts& row) {
    if (s.resources.empty()) return;
    std::vector<const condition*> open;
    for (const condition& c : s.conditions) {
      if (row.what == action::connect && needs_packet(c)) open.push_back(&c);
      else if (!check(c, principal_).holds) return;
    }
    bound_policy::compiled_statement out;
    out.mode = s.resource_mode;
    out.first = size_of(made_.tests_);
    add_resource_tests(s, row);
    out.count = size_of(made_.tests_) - out.first;
    if (out.count == 0 && out.mode == list_mode::any_of) return;
    out.first_packet_test = size_of(made_.packet_tests_);
    for (const condition* c : open) add_packet_test(*c);
    out.packet_test_count = size_of(made_.packet_tests_) - out.first_packet_test;
    made_.statements_.push_back(out);
  }

  static bool needs_packet(const condition& c) noexcept {
    return detail::equal_folded(c.key.text, "iot:ConnectAttributes") || asks_will(c);
  }
  static bool asks_will(const condition& c) noexcept { return detail::equal_folded(c.key.text, "iot:LastWillTopic"); }

  /// The ARN up to the name: the name is what a request brings.
  std::string known_prefix(resource_type type) const {
    return topics::make_arn(where_.region, where_.account, name_of(type), "");
  }

  void add_resource_tests(const statement& s, const action_facts& row) {
    const std::string everything(1, glob::any_run);
    std::vector<std::string> all;
    for (const resource_node& r : s.resources) {
      const resolved_pattern filled = resolve(r.pattern, principal_);
      if (!filled.is_usable()) continue;
      if (row.takes == resource_type::none) {  // the request's resource is `*`, whatever the name
        if (filled.tokens.matches("*")) all.push_back(everything);
        continue;
      }
      for (std::string& rest : detail::residuals(filled.tokens.tokens(), known_prefix(row.takes)))
        all.push_back(std::move(rest));
    }
    if (std::find(all.begin(), all.end(), everything) != all.end()) all = {everything};
    for (const std::string& tokens : all) add_test(tokens);
  }

  void add_test(std::string_view tokens) {
    const std::string_view wild = "\xFE\xFF";
    const std::size_t first = tokens.find_first_of(wild);
    if (first == std::string_view::npos) {
      add_test(tokens, shape::exact, 0, 0);
      return;
    }
    const std::size_t last = tokens.find_last_of(wild);
    const bool one_run = first == last && tokens[first] == glob::any_run;
    const shape how = !one_run ? shape::general : tokens.size() == 1 ? shape::everything : shape::around;
    add_test(tokens, how, first, tokens.size() - last - 1);
  }
  void add_test(std::string_view tokens, shape how, std::size_t head, std::size_t tail) {
    bound_policy::text_test out;
    out.begin = static_cast<std::uint32_t>(made_.texts_.size());
    out.size = static_cast<std::uint32_t>(tokens.size());
    out.head = static_cast<std::uint32_t>(head);
    out.tail = static_cast<std::uint32_t>(tail);
    out.how = how;
    made_.texts_ += tokens;
    made_.tests_.push_back(out);
  }

  void add_packet_test(const condition& c) {
    bound_policy::packet_test out;
    if (!asks_will(c)) {
      for (std::uint8_t set = 0; set < 4; ++set)
        if (check(c, attributes_only(set)).holds) out.attribute_sets = static_cast<std::uint8_t>(out.attribute_sets | (1U << set));
    } else {
      add_will_test(c, out);
    }
    made_.packet_tests_.push_back(out);
  }

  /// The principal's context with one of the four sets of attributes: 1 persistent session, 2 will.
  context attributes_only(std::uint8_t set) const {
    connect_facts packet;
    if ((set & 1U) != 0) packet.session = session_kind::persistent;
    if ((set & 2U) != 0) packet.will = will_facts{};
    return with_connect(principal_, packet, where_);
  }

  void add_will_test(const condition& c, bound_policy::packet_test& out) {
    context none = principal_;
    none.erase("iot:LastWillTopic");
    out.asks_will = true;
    out.without_will = check(c, none).holds;
    out.first = size_of(made_.tests_);
    if (!takes_variables(c.parsed.compares) || c.values.empty()) {
      // No text operator: whatever the topic, an ARN is no number, date, address ... and the key is present.
      out.sign = polarity::positive;
      if (check(c, attributes_only(2)).holds) add_test("\xFF");
    } else {
      out.sign = c.parsed.sign;
      for (const condition_value& v : c.values) add_will_value(c.parsed.compares, resolve(v.pattern, principal_));
    }
    out.count = size_of(made_.tests_) - out.first;
  }

  void add_will_value(comparison how, const resolved_pattern& wanted) {
    if (!wanted.is_usable()) return;
    const std::string prefix = known_prefix(resource_type::topic);
    const std::string& tokens = wanted.tokens.tokens();
    if (how == comparison::string_equals_ignore_case) {
      if (detail::starts_folded(tokens, prefix)) add_test(std::string_view(tokens).substr(prefix.size()), shape::exact_folded, 0, 0);
      return;
    }
    if (how == comparison::arn_like) {
      const auto fields = detail::split_arn(wanted);
      const auto known = detail::split_arn(prefix);
      if (!fields) return;
      for (std::size_t i = 0; i < 5; ++i)
        if (!detail::match<glob::any_run, glob::any_one>((*fields)[i], (*known)[i])) return;
      for (const std::string& rest : detail::residuals((*fields)[5], (*known)[5])) add_test(rest);
      return;
    }
    for (const std::string& rest : detail::residuals(tokens, prefix)) add_test(rest);
  }

  template <class T>
  static std::uint32_t size_of(const std::vector<T>& all) noexcept {
    return static_cast<std::uint32_t>(all.size());
  }

  const context& principal_;
  const arn_scope& where_;
  job_action_names names_;
  bound_policy made_;
};

inline bound_policy bound_policy::bind(const std::vector<named_document>& documents, const context& principal,
                                       const arn_scope& where, job_action_names names) {
  return bound_policy_compiler(principal, where, names).compile(documents);
}

inline bool bound_policy::fits(const text_test& test, std::string_view text, std::string_view name) noexcept {
  const std::size_t head = test.head, tail = test.tail;
  return name.size() >= head + tail && name.substr(0, head) == text.substr(0, head) &&
         name.substr(name.size() - tail) == text.substr(text.size() - tail);
}

inline bool bound_policy::matches(const text_test& test, std::string_view name) const noexcept {
  const std::string_view text(texts_.data() + test.begin, test.size);
  switch (test.how) {
    case shape::everything: return true;
    case shape::exact: return name == text;
    case shape::around: return fits(test, text, name);
    case shape::general:
      return fits(test, text, name) &&
             detail::match<glob::any_run, glob::any_one>(text.substr(test.head, text.size() - test.head - test.tail),
                                                         name.substr(test.head, name.size() - test.head - test.tail));
    case shape::exact_folded: return detail::equal_folded(text, name);
  }
  return false;  // GCOVR_EXCL_LINE: every shape is above
}

inline bool bound_policy::any_matches(std::uint32_t first, std::uint32_t count, std::string_view name) const noexcept {
  for (std::uint32_t i = 0; i < count; ++i)
    if (matches(tests_[first + i], name)) return true;
  return false;
}

inline bool bound_policy::holds(const packet_test& test, const connect_facts& packet) const noexcept {
  if (!test.asks_will) {
    const unsigned set = (packet.session == session_kind::persistent ? 1U : 0U) | (packet.will ? 2U : 0U);
    return ((test.attribute_sets >> set) & 1U) != 0;
  }
  if (!packet.will) return test.without_will;
  return any_matches(test.first, test.count, packet.will->topic) == (test.sign == polarity::positive);
}

inline bool bound_policy::applies(const compiled_statement& s, std::string_view name,
                                  const connect_facts& packet) const noexcept {
  if (any_matches(s.first, s.count, name) != (s.mode == list_mode::any_of)) return false;
  for (std::uint32_t i = 0; i < s.packet_test_count; ++i)
    if (!holds(packet_tests_[s.first_packet_test + i], packet)) return false;
  return true;
}

inline bool bound_policy::any_applies(span rows, std::string_view name, const connect_facts& packet) const noexcept {
  for (std::uint32_t i = 0; i < rows.count; ++i)
    if (applies(statements_[rows.first + i], name, packet)) return true;
  return false;
}

inline decision bound_policy::decide(action what, std::string_view name, const connect_facts& packet) const noexcept {
  const action_rows& rows = rows_[static_cast<std::size_t>(what)];
  if (any_applies(rows.denies, name, packet)) return decision::explicit_deny;
  return any_applies(rows.allows, name, packet) ? decision::allowed : decision::implicit_deny;
}

inline decision bound_policy::decide(action what, std::string_view name) const noexcept {
  return decide(what, name, connect_facts{});
}

inline decision bound_policy::decide_connect(std::string_view client_id, const connect_facts& packet) const noexcept {
  return decide(action::connect, client_id, packet);
}

inline decision bound_policy::authorize_publish(std::string_view topic, retention retain) const noexcept {
  const decision plain = decide(action::publish, topic);
  if (plain != decision::allowed || retain == retention::not_retained) return plain;
  return decide(action::retain_publish, topic);
}

inline decision bound_policy::authorize_connect(std::string_view client_id, const connect_facts& packet) const noexcept {
  const decision connect = decide_connect(client_id, packet);
  if (connect != decision::allowed || !packet.will) return connect;
  return authorize_publish(packet.will->topic, packet.will->retain);
}

}  // namespace fleetprov::policies
