#pragma once
// The only file that includes Catch2: works with Debian 12's v2 and with v3.

#if __has_include(<catch2/catch_test_macros.hpp>)
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/catch_tostring.hpp>
#include <catch2/generators/catch_generators_all.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
namespace test {
using Catch::Matchers::ContainsSubstring;
}
#else
#include <catch2/catch.hpp>

#include <string>
namespace test {
inline auto ContainsSubstring(const std::string& part) { return Catch::Matchers::Contains(part); }
}  // namespace test
#endif
