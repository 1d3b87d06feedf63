#pragma once

#include <fleetprov/core/diagnostic.hpp>
#include <fleetprov/policies/detail/lint_rules.hpp>

#include <array>
#include <cstddef>
#include <string_view>

namespace fleetprov::policies {

namespace detail {

/// Rows P001 to P049: grammar, found by `parse` (P014 by `lint`).
inline constexpr std::array grammar_rules{
    rule{"P001", "policy-not-object", severity::error, "the document is not a JSON object",
         "A policy is an object with Version and Statement.", "IAM User Guide, Grammar of the IAM JSON policy language",
         R"([])", R"({"Version": "2012-10-17", "Statement": []})"},
    rule{"P002", "missing-statement", severity::error, "no Statement", "A policy without Statement is malformed.",
         "IAM policy validation: Missing statement", R"({"Version": "2012-10-17"})",
         R"({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}]})"},
    rule{"P003", "empty-statement-list", severity::error, "Statement is an empty array",
         "A policy that says nothing is treated as malformed.", "fleetprov (docs/fidelity.md)", R"({"Statement": []})",
         R"({"Statement": [{"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}]})"},
    rule{"P004", "unknown-element", severity::error, "an element the policy grammar does not have",
         "Element names are exact. A condition operator beside Condition is not a condition: it is an error.",
         "IAM policy validation: Invalid policy element", R"("Bool": {"iot:Connection.Thing.IsAttached": "true"})",
         R"("Condition": {"Bool": {"iot:Connection.Thing.IsAttached": "true"}})"},
    rule{"P005", "wrong-type", severity::error, "a value of the wrong JSON type",
         "Action and Resource take a string or an array of strings.", "IAM policy validation: Data type mismatch",
         R"("Action": ["iot:Publish", 1])", R"("Action": ["iot:Publish"])"},
    rule{"P006", "invalid-version", severity::error, "Version is neither 2012-10-17 nor 2008-10-17",
         "Version names the policy language, not your revision of the document.", "IAM JSON policy elements: Version",
         R"("Version": "2024-01-01")", R"("Version": "2012-10-17")"},
    rule{"P007", "missing-version", severity::warning, "no Version",
         "Without Version the language of 2008 applies, in which `${...}` is literal text.",
         "IAM policy validation: Missing version", R"({"Statement": [...]})",
         R"({"Version": "2012-10-17", "Statement": [...]})"},
    rule{"P008", "missing-effect", severity::error, "a statement without Effect", "Effect has no default.",
         "IAM policy validation: Missing effect", R"({"Action": "iot:Receive", "Resource": "*"})",
         R"({"Effect": "Allow", "Action": "iot:Receive", "Resource": "*"})"},
    rule{"P009", "invalid-effect", severity::error, "Effect is neither Allow nor Deny", "The value is case-sensitive.",
         "IAM JSON policy elements: Effect", R"("Effect": "allow")", R"("Effect": "Allow")"},
    rule{"P010", "missing-action", severity::error, "a statement without Action or NotAction",
         "A statement has to say which actions it is about.", "IAM policy validation: Missing action",
         R"({"Effect": "Allow", "Resource": "*"})", R"({"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"})"},
    rule{"P011", "action-and-not-action", severity::error, "Action and NotAction in one statement",
         "A statement takes exactly one of them.", "IAM policy validation: Unsupported element combination",
         R"("Action": "iot:Publish", "NotAction": "iot:Connect")", R"("Action": "iot:Publish")"},
    rule{"P012", "missing-resource", severity::error, "a statement without Resource or NotResource",
         "A statement has to say which resources it is about.", "IAM policy validation: Missing resource",
         R"({"Effect": "Allow", "Action": "iot:Connect"})",
         R"({"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"})"},
    rule{"P013", "resource-and-not-resource", severity::error, "Resource and NotResource in one statement",
         "A statement takes exactly one of them.", "IAM policy validation: Unsupported element combination",
         R"("Resource": "*", "NotResource": "*")", R"("Resource": "*")"},
    rule{"P014", "type-mismatch", severity::warning, "action and resource type can never meet",
         "Subscribe is checked on topicfilter/..., Publish and Receive on topic/..., Connect on client/...; a pair "
         "that cannot meet grants nothing.",
         "AWS IoT Core action resources", R"("Action": "iot:Subscribe", "Resource": "arn:...:topic/a")",
         R"("Action": "iot:Subscribe", "Resource": "arn:...:topicfilter/a")"},
    rule{"P015", "principal-present", severity::error, "Principal or NotPrincipal in an attached policy",
         "An IoT policy is attached to a certificate or a thing group, which are the principal.",
         "IAM policy validation: Unsupported principal", R"("Principal": "*")", R"("Effect": "Allow")"},
    rule{"P016", "empty-action-list", severity::error, "Action or NotAction is an empty array",
         "The statement has no effect.", "IAM policy validation: Empty array action", R"("Action": [])",
         R"("Action": ["iot:Publish"])"},
    rule{"P017", "empty-resource-list", severity::error, "Resource or NotResource is an empty array",
         "The statement has no effect.", "IAM policy validation: Empty array resource", R"("Resource": [])",
         R"("Resource": ["*"])"},
    rule{"P018", "action-syntax", severity::error, "an action that is not of the form service:Name",
         "Actions carry their service prefix, as in iot:Publish; only `*` stands alone.",
         "IAM JSON policy elements: Action", R"("Action": "Publish")", R"("Action": "iot:Publish")"},
    rule{"P019", "resource-not-arn", severity::error, "a resource that is not an ARN",
         "AWS answers: Policy document is Malformed: the following resources are invalid.",
         "AWS IoT CreatePolicy, MalformedPolicyException", R"("Resource": "topic/a")",
         R"("Resource": "arn:aws:iot:us-east-1:123456789012:topic/a")"},
    rule{"P020", "array-in-string", severity::error, "a JSON array inside a string",
         "AWS answers: the resource is not in valid ARN format.", "AWS IoT CreatePolicy, MalformedPolicyException",
         R"("Resource": "[\"arn:aws:iot:us-east-1:123456789012:topic/a\"]")",
         R"("Resource": ["arn:aws:iot:us-east-1:123456789012:topic/a"])"},
    rule{"P021", "arn-missing-field", severity::error, "an ARN with fewer than six fields",
         "The form is arn:partition:iot:region:account:type/name.", "IAM policy validation: Missing ARN field",
         R"("Resource": "arn:aws:us-east-1:123456789012:client/a")",
         R"("Resource": "arn:aws:iot:us-east-1:123456789012:client/a")"},
    rule{"P022", "short-arn-pattern", severity::warning, "a short ARN that ends in `*`",
         "It is taken as a plain pattern over the whole ARN and usually grants more than meant.",
         "fleetprov (docs/fidelity.md)", R"("Resource": "arn:aws:iot:*")",
         R"("Resource": "arn:aws:iot:us-east-1:123456789012:topic/a")"},
    rule{"P023", "variable-in-arn-head", severity::error, "a policy variable before the fifth colon of an ARN",
         "Variables are substituted in the resource part only.", "IAM policy elements: Variables and tags",
         R"("Resource": "arn:aws:iot:${AWS::Region}:123456789012:topic/a")",
         R"("Resource": "arn:aws:iot:us-east-1:123456789012:topic/a")"},
    rule{"P024", "invalid-condition-operator", severity::error, "a condition operator that does not exist",
         "Operator names are exact, capitals included.", "IAM policy validation: Invalid condition operator",
         R"("Condition": {"stringEquals": {"iot:ClientId": "a"}})",
         R"("Condition": {"StringEquals": {"iot:ClientId": "a"}})"},
    rule{"P025", "null-with-if-exists", severity::warning, "NullIfExists",
         "Null already asks whether the key exists; it is evaluated as Null.",
         "IAM policy validation: Null with IfExists", R"("Condition": {"NullIfExists": {"iot:ClientId": "true"}})",
         R"("Condition": {"Null": {"iot:ClientId": "true"}})"},
    rule{"P026", "missing-brace-in-variable", severity::warning, "`${` without a closing brace",
         "The entry matches nothing.", "IAM policy validation: Missing brace in variable",
         R"("Resource": "arn:aws:iot:us-east-1:123456789012:topic/${iot:ClientId")",
         R"("Resource": "arn:aws:iot:us-east-1:123456789012:topic/${iot:ClientId}")"},
    rule{"P027", "empty-variable", severity::warning, "`${}` names no variable", "The entry matches nothing.",
         "IAM policy validation: Empty variable", R"("Resource": "arn:aws:iot:us-east-1:123456789012:topic/${}")",
         R"("Resource": "arn:aws:iot:us-east-1:123456789012:topic/${iot:ClientId}")"},
    rule{"P028", "missing-quote-in-variable", severity::warning, "a default value without single quotes",
         "The form is ${key, 'text'}; the entry matches nothing.",
         "IAM policy validation: Missing quote in variable", R"("${iot:ClientId, none}")", R"("${iot:ClientId, 'none'}")"},
    rule{"P029", "space-in-variable", severity::warning, "a blank inside the name of a policy variable",
         "No variable has a blank in its name; the entry matches nothing.",
         "IAM policy validation: Unsupported space in variable", R"("${ iot:ClientId }")", R"("${iot:ClientId}")"},
    rule{"P030", "variable-in-old-version", severity::warning, "`${...}` in a document of the 2008 language",
         "Without Version 2012-10-17 the text is literal and matches nothing real.",
         "IAM policy validation: Variable unsupported in version",
         R"({"Version": "2008-10-17", ... "${iot:ClientId}"})", R"({"Version": "2012-10-17", ... "${iot:ClientId}"})"},
    rule{"P031", "policy-too-large", severity::error, "more than 2048 characters, blanks between tokens not counted",
         "AWS IoT Core refuses larger documents.", "AWS IoT API CreatePolicy; AWS IoT Core quotas",
         "(a document over 2048 characters)", R"({"Version": "2012-10-17", "Statement": [...]})"},
    rule{"P032", "id-element", severity::note, "an Id element", "IAM forbids it in identity policies; it has no effect.",
         "fleetprov (docs/fidelity.md)", R"({"Id": "x", "Version": "2012-10-17", ...})",
         R"({"Version": "2012-10-17", ...})"},
    rule{"P033", "arn-leading-slash", severity::warning, "a slash before the resource type",
         "No request carries such an ARN: the entry matches nothing.", "AWS IoT Core action resources",
         R"("arn:aws:iot:us-east-1:123456789012:/thing/a")", R"("arn:aws:iot:us-east-1:123456789012:thing/a")"},
    rule{"P034", "wildcard-in-arn-type", severity::warning, "a wildcard inside the resource type",
         "IAM does not allow it; it is taken as a plain pattern.", "IAM User Guide, Amazon Resource Names",
         R"("arn:aws:iot:us-east-1:123456789012:topic*/a")", R"("arn:aws:iot:us-east-1:123456789012:topic/a")"},
    rule{"P035", "arn-partition", severity::warning, "an unknown partition in an ARN",
         "Partitions are aws, aws-cn and aws-us-gov.", "IAM policy validation: Invalid partition",
         R"("arn:amazon:iot:us-east-1:123456789012:topic/a")", R"("arn:aws:iot:us-east-1:123456789012:topic/a")"},
    rule{"P036", "arn-service", severity::warning, "an ARN of another service",
         "Device requests are about arn:...:iot:...; the entry matches nothing.",
         "IAM policy validation: Invalid ARN resource", R"("arn:aws:sns:us-east-1:123456789012:topic/a")",
         R"("arn:aws:iot:us-east-1:123456789012:topic/a")"},
    rule{"P037", "arn-region", severity::warning, "something that is no region in an ARN",
         "The entry matches nothing unless the field is a region or a pattern.",
         "IAM policy validation: Invalid ARN Region", R"("arn:aws:iot::123456789012:topic/a")",
         R"("arn:aws:iot:us-east-1:123456789012:topic/a")"},
    rule{"P038", "arn-account", severity::warning, "something that is no account id in an ARN",
         "An account id has twelve digits.", "IAM policy validation: Invalid ARN account",
         R"("arn:aws:iot:us-east-1:1234567890:topic/a")", R"("arn:aws:iot:us-east-1:123456789012:topic/a")"},
    rule{"P039", "arn-resource-type", severity::warning, "an unknown resource type, or a type without a name",
         "Types are client, topic, topicfilter, thing and rolealias (plus registry types no device action takes).",
         "AWS IoT Core action resources", R"("arn:aws:iot:us-east-1:123456789012:topics/a")",
         R"("arn:aws:iot:us-east-1:123456789012:topic/a")"},
    rule{"P040", "duplicate-condition-key", severity::warning, "the same condition key twice in different case",
         "Condition keys ignore case: both entries apply.",
         "IAM policy validation: Duplicate keys with different case",
         R"({"StringEquals": {"iot:ClientId": "a", "iot:clientid": "a"}})", R"({"StringEquals": {"iot:ClientId": "a"}})"},
    rule{"P041", "variable-in-action", severity::warning, "a policy variable where none is substituted",
         "Variables work in resources and in String and ARN condition values.",
         "IAM policy validation: Variable unsupported in element", R"("Action": "iot:${iot:ClientId}")",
         R"("Action": "iot:Publish")"},
    rule{"P042", "variable-for-operator", severity::warning, "a policy variable in the value of an operator without them",
         "Only String and ARN operators substitute variables; here the text is literal.",
         "IAM policy validation: Invalid variable for operator", R"({"Bool": {"aws:SecureTransport": "${iot:ClientId}"}})",
         R"({"Bool": {"aws:SecureTransport": "true"}})"},
    rule{"P043", "empty-condition", severity::note, "an empty Condition or operator",
         "It has no effect: the statement applies unconditionally.", "IAM policy validation: Empty object condition",
         R"("Condition": {})", R"("Condition": {"Bool": {"iot:Connection.Thing.IsAttached": "true"}})"},
    rule{"P044", "empty-condition-values", severity::note, "a condition key with an empty list of values",
         "ForAllValues then passes only a request without values, everything else never passes.",
         "IAM policy validation: Empty array condition", R"({"StringEquals": {"iot:ClientId": []}})",
         R"({"StringEquals": {"iot:ClientId": ["a"]}})"},
    rule{"P045", "nul-character", severity::error, "the escape of a NUL character",
         "No topic, filter or name may hold NUL, so nothing of that text could ever be asked for.",
         "MQTT 5 section 1.5.4; RFC 8259 section 7", R"({"Resource": "arn:aws:iot:us-east-1:123456789012:topic/a\u0000"})",
         R"({"Resource": "arn:aws:iot:us-east-1:123456789012:topic/a"})"},
};

template <std::size_t N, std::size_t M>
constexpr std::array<rule, N + M> joined(const std::array<rule, N>& first, const std::array<rule, M>& second) noexcept {
  std::array<rule, N + M> out{};
  for (std::size_t i = 0; i < N; ++i) out[i] = first[i];
  for (std::size_t i = 0; i < M; ++i) out[N + i] = second[i];
  return out;
}

}  // namespace detail

/// Findings about policy documents: P001 to P049 of `parse`, P050 to P149 of `lint`, P150 and up of
/// `lint_role`. Errors are what AWS IoT Core rejects; ids are never reused.
inline constexpr auto rules = detail::joined(detail::grammar_rules, detail::lint_rules);

/// The rule with this id, or null.
constexpr const rule* find_rule(std::string_view id) noexcept {
  for (const rule& r : rules)
    if (r.id == id) return &r;
  return nullptr;
}

namespace detail {
constexpr bool rules_are_ordered() noexcept {
  for (std::size_t i = 1; i < rules.size(); ++i)
    if (!(rules[i - 1].id < rules[i].id)) return false;
  return true;
}
static_assert(rules_are_ordered(), "rule ids ascend, so none is used twice");
}  // namespace detail

}  // namespace fleetprov::policies
