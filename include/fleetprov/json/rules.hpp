#pragma once

#include <fleetprov/core/diagnostic.hpp>

#include <array>

namespace fleetprov::json {

/// Findings of the reader itself: the document is not JSON (or CBOR) that any later stage may see.
inline constexpr std::array<rule, 7> rules{{
    {"J001", "json-syntax", severity::error, "the text is not JSON",
     "AWS parses strictly: no comments, no trailing commas, no missing braces. Nothing is repaired.",
     "RFC 8259; AWS API CreatePolicy, MalformedPolicyException", R"({"Version": "2012-10-17",})",
     R"({"Version": "2012-10-17"})"},
    {"J002", "json-no-break-space", severity::error, "blank that JSON does not allow (U+00A0 and its like)",
     "No-break spaces come in with text copied from web pages and look like blanks, but JSON allows only "
     "space, tab, CR and LF between tokens.",
     "RFC 8259 section 2; seen in an AWS documentation page", "{\xC2\xA0\"a\": 1}", "{ \"a\": 1}"},
    {"J003", "json-encoding", severity::error, "the text is not UTF-8, starts with a byte order mark or holds NUL",
     "JSON between systems is UTF-8 without a byte order mark.", "RFC 8259 section 8.1", "\xEF\xBB\xBF{}", "{}"},
    {"J004", "json-too-large", severity::error, "the document is larger than the limit",
     "No document AWS IoT accepts comes near the limit; reading on would only spend memory.", "fleetprov",
     "(a document over the limit)", "{}"},
    {"J005", "json-too-deep", severity::error, "the document is nested more deeply than the limit",
     "No policy or template nests this deeply; hostile documents do.", "fleetprov",
     "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", "[[]]"},
    {"J006", "json-duplicate-key", severity::error, "the same key twice in one object",
     "Most JSON libraries silently keep one of the two, so half of the document would be ignored.",
     "IAM User Guide, Grammar of the IAM JSON policy language", R"({"Effect": "Allow", "Effect": "Deny"})",
     R"({"Effect": "Deny"})"},
    {"J007", "json-number-range", severity::error, "a number that does not fit a double", "The value cannot be represented.",
     "RFC 8259 section 6", R"({"a": 1e999})", R"({"a": 1e9})"},
}};

}  // namespace fleetprov::json
