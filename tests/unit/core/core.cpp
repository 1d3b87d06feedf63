#include <fleetprov/core/after.hpp>
#include <fleetprov/core/diagnostic.hpp>
#include <fleetprov/core/error_category.hpp>
#include <fleetprov/core/inline_text.hpp>
#include <fleetprov/core/result.hpp>
#include <fleetprov/core/secret.hpp>
#include <fleetprov/core/utf8.hpp>

#include "support/catch.hpp"

#include <array>
#include <chrono>
#include <csetjmp>
#include <csignal>
#include <memory>
#include <set>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

using namespace fleetprov;

namespace {

constexpr result<int> half(int whole) {
  if (whole % 2 != 0) return {errc::encoding, static_cast<std::uint32_t>(whole)};
  return whole / 2;
}

static_assert(half(4).has_value() && *half(4) == 2);
static_assert(half(3).error() == failure{errc::encoding, 3});
static_assert(half(8).and_then(half).and_then(half).value_or(0) == 1);
static_assert(half(6).and_then(half).error() == failure{errc::encoding, 3});
static_assert(result<void>().has_value() && !result<void>(errc::busy).has_value());

constexpr inline_text<5> joined = inline_text<5>("ab").append("").append("cde");
static_assert(joined.view() == "abcde" && joined.size() == 5 && inline_text<5>().empty());
static_assert(inline_text<5>("ab") == inline_text<5>("a").append("b") && inline_text<5>("a") != inline_text<5>("b"));

static_assert(!std::is_copy_constructible_v<secret> && std::is_nothrow_move_constructible_v<secret>);
static_assert(!std::is_convertible_v<std::string, secret> && !std::is_convertible_v<secret, std::string>);

static_assert(is_valid_utf8("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80") && find_invalid_utf8("ab\x80") == 2);
static_assert(count_code_points("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80") == 4);
static_assert(code_point_at("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", 3) == 0x20AC &&
              code_point_at("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", 6) == 0x1F600);
static_assert(find_invisible("a b\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80") == 12 && find_invisible("ab\xE2\x80\x8B") == 2 &&
              find_invisible({"x\0y", 3}) == 1);

sigjmp_buf behind_the_call;

template <class Call>
bool aborts(Call call) {
  struct sigaction ours {}, before {};
  ours.sa_handler = [](int) { siglongjmp(behind_the_call, 1); };
  ::sigaction(SIGABRT, &ours, &before);
  volatile bool aborted = true;
  if (sigsetjmp(behind_the_call, 1) == 0) {
    call();
    aborted = false;
  }
  ::sigaction(SIGABRT, &before, nullptr);
  return aborted;
}

}  // namespace

TEST_CASE("a broken contract aborts, whatever the build") {
  const result<void> good, bad = errc::busy;
  CHECK(aborts([&] { (void)good.error(); }));
  CHECK_FALSE(aborts([&] { (void)bad.error(); }));
  CHECK(aborts([] { (void)inline_text<2>("abc"); }));
  CHECK_FALSE(aborts([] { (void)inline_text<3>("abc"); }));
}

TEST_CASE("a result holds a value or a failure and passes failures on") {
  const result<int> good = half(10);
  REQUIRE(good.has_value());
  CHECK(*good == 5);
  CHECK(half(5).error().offset == 5);
  CHECK(half(5).value_or(-1) == -1);
  CHECK(good.value_or(-1) == 5);
  CHECK(good.and_then(half).error() == failure{errc::encoding, 5});
  CHECK(half(5).and_then(half).error() == failure{errc::encoding, 5});
  CHECK(half(5).error() != failure{errc::encoding, 7});
  CHECK(half(5).error() != failure{errc::crypto, 5});
  result<std::unique_ptr<int>> moved = std::make_unique<int>(7);
  const std::unique_ptr<int> taken = *std::move(moved);
  CHECK(*taken == 7);
}

TEST_CASE("every error code has a description of its own and an std::error_code") {
  std::set<std::string_view> seen;
  int codes = 0;
  for (int value = 1; value < 256; ++value) {
    const std::string_view text = describe(static_cast<errc>(value));
    if (text == "unknown error") break;
    ++codes;
    CHECK(seen.insert(text).second);
    const std::error_code code = static_cast<errc>(value);
    CHECK(code.value() == value);
    CHECK(code.message() == text);
    CHECK(std::string(code.category().name()) == "fleetprov");
  }
  CHECK(codes == static_cast<int>(errc::invalid_name));
  const std::error_code from_failure = make_error_code(failure{errc::timed_out, 3});
  CHECK(from_failure == errc::timed_out);
}

TEST_CASE("a secret moves its one buffer, clones on demand and empties itself") {
  secret first("private");
  const char* const bytes = first.reveal().data();
  secret second = std::move(first);
  CHECK(second.reveal().data() == bytes);
  CHECK(second.reveal() == "private");
  CHECK(bytes[second.size()] == '\0');
  CHECK(first.empty());  // NOLINT: emptiness after a move is part of the contract
  const secret copy = second.clone();
  CHECK(copy.reveal() == "private");
  CHECK(copy.reveal().data() != bytes);
  second = secret("other");
  CHECK(second.reveal() == "other");
  secret& itself = second;
  second = std::move(itself);
  CHECK(second.reveal() == "other");
  second.clear();
  CHECK(second.empty());
  CHECK(second.reveal().empty());
}

TEST_CASE("wiping overwrites every byte") {
  std::array<char, 9> bytes{'s', 'e', 'c', 'r', 'e', 't', '!', '!', '!'};
  wipe(bytes.data(), bytes.size());
  for (const char c : bytes) CHECK(c == '\0');
}

TEST_CASE("UTF-8 is checked as RFC 3629 says") {
  for (const char* good : {"", "a", "\x7F", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80", "\xEF\xBF\xBF",
                           "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    CAPTURE(good);
    CHECK(is_valid_utf8(good));
  }
  for (const char* bad : {"\x80", "\xC0\x80", "\xC1\xBF", "\xC2", "\xC2\x41", "\xE0\x9F\xBF", "\xE2\x82", "\xED\xA0\x80", "\xED\xBF\xBF",
                          "\xF0\x8F\xBF\xBF", "\xF0\x9F\x98", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xE2\x82\x41", "\xE2\x82\xC0",
                          "\xF0\x9F\x98\x7F", "\xF0\x9F\x98\xFF"}) {
    CAPTURE(bad);
    CHECK(find_invalid_utf8(bad) == 0);
  }
}

TEST_CASE("characters of Unicode's category Other show nothing, their neighbours do") {
  for (const std::string hidden : {"\n", "\x1F", "\x7F", "\xC2\x80", "\xC2\x9F", "\xC2\xAD", "\xE2\x80\x8B", "\xE2\x80\xAE", "\xEE\x80\x80",
                                   "\xEF\xB7\x90", "\xEF\xBB\xBF", "\xEF\xBF\xBE", "\xF0\x9F\xBF\xBF", "\xF3\xA0\x80\x81",
                                   "\xF3\xB0\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    CAPTURE(code_point_at(hidden, 0));
    CHECK(find_invisible("x" + hidden + "y") == 1);
  }
  for (const std::string seen : {" ", "~", "\xC2\xA0", "\xC2\xAC", "\xC2\xAE", "\xE2\x80\x8A", "\xE2\x80\x90", "\xE2\x80\xA8", "\xED\x9F\xBB",
                                 "\xEF\xA4\x80", "\xEF\xBF\xBD", "\xF0\x9F\x98\x80", "\xF3\xA0\x84\x80"}) {
    CAPTURE(code_point_at(seen, 0));
    CHECK(find_invisible(seen) == seen.size());
  }
}

TEST_CASE("a byte that is no UTF-8 is found wherever it stands in texts of any length") {
  for (std::size_t length = 1; length <= 26; ++length)
    for (std::size_t at = 0; at < length; ++at) {
      CAPTURE(length, at);
      std::string text(length, '\x7F');
      CHECK(is_valid_utf8(text));
      text[at] = '\x80';
      CHECK(find_invalid_utf8(text) == at);
      text.insert(0, "\xC3\xA9");
      CHECK(find_invalid_utf8(text) == at + 2);
    }
}

TEST_CASE("diagnostics are sorted by place and then by rule") {
  static constexpr rule one{"P001", "", severity::error, "", "", "", "", ""}, two{"P002", "", severity::note, "", "", "", "", ""};
  std::vector<diagnostic> all(5);
  all[0].broken = &two, all[0].where = {5, 6};
  all[1].broken = &one, all[1].where = {5, 9};
  all[2].broken = &two, all[2].where = {1, 2};
  all[3].where = {5, 7};  // of no rule: before those that have one
  all[4].broken = &one, all[4].where = {5, 8};
  sort_diagnostics(all);
  CHECK(all[0].where.begin == 1);
  CHECK(all[1].broken == nullptr);
  CHECK(all[2].where.end == 9);
  CHECK(all[3].where.end == 8);
  CHECK(all[4].broken == &two);
  outcome<int> answer;
  answer.value = 1;
  CHECK(static_cast<bool>(answer));
  answer.diagnostics = std::move(all);
  CHECK(answer.has_errors());
  CHECK_FALSE(static_cast<bool>(answer));
}

TEST_CASE("places are equal in both their numbers") {
  const position here{2, 3};
  CHECK(here == position{2, 3});
  CHECK_FALSE(here == position{1, 3});
  CHECK_FALSE(here == position{2, 4});
  const source_range range{5, 9};
  CHECK(range == source_range{5, 9});
  CHECK_FALSE(range == source_range{4, 9});
  CHECK_FALSE(range == source_range{5, 8});
}

TEST_CASE("a span without limit leads to the end of the clock and not beyond") {
  using std::chrono::milliseconds;
  using std::chrono::seconds;
  STATIC_REQUIRE(after(milliseconds(5), milliseconds(7)) == milliseconds(12));
  STATIC_REQUIRE(after(milliseconds(5), seconds(7)) == milliseconds(7005));
  STATIC_REQUIRE(after(milliseconds(0), milliseconds::max()) == milliseconds::max());
  STATIC_REQUIRE(after(milliseconds(-5), milliseconds::max()) == milliseconds::max());
  STATIC_REQUIRE(after(milliseconds(-5), milliseconds(7)) == milliseconds(2));
  CHECK(after(milliseconds::max() - milliseconds(3), milliseconds(2)) == milliseconds::max() - milliseconds(1));
  CHECK(after(milliseconds::max() - milliseconds(3), milliseconds(4)) == milliseconds::max());
  CHECK(after(milliseconds(5), seconds::max()) == milliseconds::max());
  const std::chrono::time_point<std::chrono::steady_clock> now(seconds(3));
  CHECK(after(now, seconds(2)) == now + seconds(2));
  CHECK(after(now, milliseconds::max()) == std::chrono::steady_clock::time_point::max());
}
