#pragma once

#include <fleetprov/policies/actions.hpp>
#include <fleetprov/policies/evaluate.hpp>
#include <fleetprov/policies/principal.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fleetprov::policies {

/// Documents compiled for one principal, for the hot path of a broker: variables are filled in, conditions on
/// the connection are decided and statements that can no longer match are gone. What is left compares names.
/// Owns all it needs. Decisions allocate nothing and cannot fail; `evaluate` gives the same answers with reasons.
class bound_policy {
 public:
  /// Allows nothing.
  bound_policy() = default;

  /// `principal` is `make_context(...)`: it holds for every request of the connection. In it,
  /// iot:ConnectAttributes and iot:LastWillTopic are ignored for iot:Connect (they come with each CONNECT).
  static bound_policy bind(const std::vector<named_document>& documents, const context& principal,
                           const arn_scope& where = {}, job_action_names names = job_action_names::exact);

  /// One action on `<type>/<name>` in the bound region and account; the type is the action's own. For
  /// actions without a resource the name is ignored. For iot:Connect: a clean session without a will.
  decision decide(action what, std::string_view name) const noexcept;

  /// iot:Connect on client/<client id> with what the packet says. The will's own actions are not asked here.
  decision decide_connect(std::string_view client_id, const connect_facts& packet) const noexcept;

  /// All that a CONNECT needs: iot:Connect and, with a will, iot:Publish on its topic and iot:RetainPublish
  /// if it is retained. The first answer that is not `allowed`.
  // assumption: AWS does not say when a will is authorized; it is at CONNECT here.
  decision authorize_connect(std::string_view client_id, const connect_facts& packet) const noexcept;

  /// All that a PUBLISH needs: iot:Publish and, retained, iot:RetainPublish (AWS IoT Core policy actions).
  decision authorize_publish(std::string_view topic, retention retain) const noexcept;

 private:
  friend class bound_policy_compiler;

  /// `around`: one run wildcard between `head` and `tail` literal bytes, either may be none.
  enum class shape : std::uint8_t { everything, exact, around, general, exact_folded };
  struct text_test {
    std::uint32_t begin = 0, size = 0;  // of texts_
    std::uint32_t head = 0, tail = 0;   // literal bytes before the first and after the last wildcard
    shape how = shape::exact;
  };
  /// A condition of iot:Connect that needs the packet.
  struct packet_test {
    std::uint8_t attribute_sets = 0;  // bit per set of connect attributes for which it holds
    bool asks_will = false;           // else the bits decide
    bool without_will = false;        // the answer for a packet without a will
    polarity sign = polarity::positive;
    std::uint32_t first = 0, count = 0;  // of tests_, against the will topic
  };
  struct compiled_statement {
    std::uint32_t first = 0, count = 0;  // of tests_, against the name
    list_mode mode = list_mode::any_of;
    std::uint32_t first_packet_test = 0, packet_test_count = 0;
  };
  struct span {
    std::uint32_t first = 0, count = 0;  // of statements_
  };
  struct action_rows {
    span denies, allows;
  };

  static bool fits(const text_test& test, std::string_view text, std::string_view name) noexcept;
  bool matches(const text_test& test, std::string_view name) const noexcept;
  bool any_matches(std::uint32_t first, std::uint32_t count, std::string_view name) const noexcept;
  bool holds(const packet_test& test, const connect_facts& packet) const noexcept;
  bool applies(const compiled_statement& s, std::string_view name, const connect_facts& packet) const noexcept;
  bool any_applies(span rows, std::string_view name, const connect_facts& packet) const noexcept;
  decision decide(action what, std::string_view name, const connect_facts& packet) const noexcept;

  std::string texts_;
  std::vector<text_test> tests_;
  std::vector<packet_test> packet_tests_;
  std::vector<compiled_statement> statements_;
  std::array<action_rows, action_table.size()> rows_{};
};

}  // namespace fleetprov::policies

#include <fleetprov/policies/detail/policy_binder.hpp>
