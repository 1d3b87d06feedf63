#pragma once

#include <fleetprov/policies/detail/lint_view.hpp>
#include <fleetprov/policies/detail/nearest_name.hpp>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace fleetprov::policies::detail {

/// Names of the control plane that people write into policies of devices. AWS IoT API Reference.
inline constexpr std::string_view control_plane_actions[] = {
    "iot:AddThingToThingGroup", "iot:AttachPolicy", "iot:AttachPrincipalPolicy", "iot:AttachThingPrincipal",
    "iot:CreateCertificateFromCsr", "iot:CreateJob", "iot:CreateKeysAndCertificate", "iot:CreatePolicy",
    "iot:CreateProvisioningClaim", "iot:CreateThing", "iot:CreateThingGroup", "iot:DeleteThing",
    "iot:DescribeCertificate", "iot:DescribeEndpoint", "iot:DescribeJob", "iot:DescribeThing", "iot:DescribeThingGroup",
    "iot:DetachPolicy", "iot:DetachThingPrincipal", "iot:ListThings", "iot:OpenTunnel", "iot:RegisterCertificate",
    "iot:RegisterThing", "iot:SearchIndex", "iot:UpdateCertificate", "iot:UpdateThing"};

/// Those among them that devices ask for by topics of fleet provisioning.
inline constexpr std::string_view provisioning_actions[] = {
    "iot:CreateCertificateFromCsr", "iot:CreateKeysAndCertificate", "iot:RegisterThing"};

template <std::size_t N>
bool is_one_of(std::string_view name, const std::string_view (&names)[N]) noexcept {
  return std::any_of(std::begin(names), std::end(names),
                     [&](std::string_view known) { return equal_folded(known, name); });
}

inline std::string nearest_action(std::string_view wanted) {
  std::string best;
  std::size_t least = 4;
  for (const action_facts& row : action_table) {
    const std::size_t distance = edit_distance(folded(row.name), wanted, 3);
    if (distance >= least) continue;
    least = distance;
    best = std::string(row.name);
  }
  return best;
}

inline void lint_action_name(const action_node& a, findings& out) {
  const std::string_view name = a.folded;
  const std::size_t colon = name.find(':');
  if (colon == std::string_view::npos) return;
  const std::string_view service = name.substr(0, colon);
  const bool has_wildcards = name.find_first_of("*?") != std::string_view::npos;
  if (service.find_first_of("*?") != std::string_view::npos) {
    out.add("P054", a, "wildcard in the service of " + show(a.text), "write `iot:`");
    return;
  }
  if (service == "greengrass") return;
  if (service != "iot" && service != "iotjobsdata") {
    out.add("P052", a, "device requests are never about the service of " + show(a.text),
            "grants of other AWS services belong in the IAM role behind a role alias");
    return;
  }
  if (name == "iot:publishretain") {
    out.add("P051", a, "there is no action `iot:PublishRetain`", "write `iot:RetainPublish`");
    return;
  }
  if (has_wildcards) {
    bool is_old = false;
    for (const action_facts& row : action_table) {
      if (glob_match(name, folded(row.name))) return;
      is_old = is_old || (!row.old_name.empty() && glob_match(name, folded(row.old_name)));
    }
    if (is_old)
      out.add("P053", a, "only old spellings of job actions match " + show(a.text),
              "write " + show("iotjobsdata:" + a.text.substr(colon + 1)));
    else out.add("P050", a, "no action matches " + show(a.text));
    return;
  }
  const action_facts* row = find_action(name, spelling::any);
  if (row == nullptr && is_one_of(name, control_plane_actions)) {
    out.add("P050", a, show(a.text) + " is a control-plane action: an IoT policy cannot grant it",
            is_one_of(name, provisioning_actions)
                ? "a device asks for it by publishing: allow the topics that `fleetprov topics` lists"
                : "grant it in an IAM policy, to those who call the AWS API");
  } else if (row == nullptr) {
    const std::string nearest = nearest_action(name);
    out.add("P050", a, "unknown action " + show(a.text), nearest.empty() ? "" : "did you mean `" + nearest + "`?");
  } else if (!row->old_name.empty() && equal_folded(row->old_name, name)) {
    out.add("P053", a, "old spelling of a job action: " + show(a.text), "write `" + std::string(row->name) + "`");
  }
}

inline void lint_actions(document_view& view, findings& out, work_budget& budget) {
  for (const statement_view& s : view.statements()) {
    const auto& actions = s.node->actions;
    for (const action_node& a : actions) {
      lint_action_name(a, out);
      if (s.node->what == effect::allow && s.node->action_mode == list_mode::any_of &&
          (a.folded == "*" || a.folded == "iot:*" || a.folded == "*:*"))
        out.add("P056", a, show(a.text) + " allows every action",
                "name the actions: a device needs iot:Connect, iot:Publish, iot:Subscribe, iot:Receive");
    }
    if (s.node->what == effect::allow && s.node->action_mode == list_mode::none_of)
      out.add("P118", s.node->action_key, "an Allow with NotAction grants everything else",
              "list what is allowed in Action");
    // A pattern covers another text if it matches it letter by letter; `?` must not stand for a `*`.
    for (std::size_t i = 0; i < actions.size(); ++i)
      for (std::size_t j = 0; j < actions.size(); ++j) {
        if (i == j || !budget.take(4)) continue;
        const std::string &wide = actions[j].folded, &narrow = actions[i].folded;
        const bool wildcards = wide.find('*') != std::string::npos && wide.find('?') == std::string::npos;
        if (wide == narrow ? j < i : wildcards && glob_match(wide, narrow)) {
          out.add("P076", actions[i], show(actions[i].text) + " is covered by " + show(actions[j].text), "remove it");
          break;
        }
      }
  }
}

}  // namespace fleetprov::policies::detail
