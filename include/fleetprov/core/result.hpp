#pragma once

#include <fleetprov/config.hpp>

#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace fleetprov {

/// Why a small, machine-facing step failed. Values are stable.
enum class errc : std::uint8_t {
  invalid_topic = 1,
  invalid_topic_filter,
  invalid_template_name,
  invalid_arn,
  invalid_client_id,
  invalid_thing_name,
  out_of_order,
  timed_out,
  rejected,
  crypto,
  encoding,
  too_large,
  too_deep,
  invalid_utf8,
  duplicate_key,
  missing_field,
  wrong_type,
  storage,
  not_found,
  unsupported,
  disconnected,
  subscription_refused,
  busy,
  invalid_name,
};

/// A short English phrase for people, without a full stop.
constexpr std::string_view describe(errc code) noexcept {
  switch (code) {
    case errc::invalid_topic: return "invalid topic name";
    case errc::invalid_topic_filter: return "invalid topic filter";
    case errc::invalid_template_name: return "invalid provisioning template name";
    case errc::invalid_arn: return "invalid ARN";
    case errc::invalid_client_id: return "invalid client id";
    case errc::invalid_thing_name: return "invalid thing name";
    case errc::out_of_order: return "not possible in this state";
    case errc::timed_out: return "timed out";
    case errc::rejected: return "rejected by the service";
    case errc::crypto: return "cryptographic operation failed";
    case errc::encoding: return "malformed encoding";
    case errc::too_large: return "too large";
    case errc::too_deep: return "nested too deeply";
    case errc::invalid_utf8: return "invalid UTF-8";
    case errc::duplicate_key: return "duplicate key";
    case errc::missing_field: return "required field is missing";
    case errc::wrong_type: return "field has the wrong type";
    case errc::storage: return "storage failed";
    case errc::not_found: return "not found";
    case errc::unsupported: return "not supported";
    case errc::disconnected: return "connection lost";
    case errc::subscription_refused: return "subscription refused";
    case errc::busy: return "another request of this kind is outstanding";
    case errc::invalid_name: return "invalid name";
  }
  return "unknown error";
}

/// What went wrong and, for input, at which byte (0 where no position applies).
struct failure {
  errc code;
  std::uint32_t offset = 0;

  friend constexpr bool operator==(const failure& a, const failure& b) noexcept {
    return a.code == b.code && a.offset == b.offset;
  }
  friend constexpr bool operator!=(const failure& a, const failure& b) noexcept { return !(a == b); }
};

/// A value or a failure, usable in constant expressions and without exceptions.
/// Reading the value of a failed result (or the error of a good one) aborts.
template <class T>
class [[nodiscard]] result {
 public:
  using value_type = T;

  constexpr result(const T& value) : state_(std::in_place_index<0>, value) {}
  constexpr result(T&& value) : state_(std::in_place_index<0>, std::move(value)) {}
  constexpr result(errc code, std::uint32_t offset = 0) noexcept
      : state_(std::in_place_index<1>, failure{code, offset}) {}
  constexpr result(failure why) noexcept : state_(std::in_place_index<1>, why) {}

  constexpr bool has_value() const noexcept { return state_.index() == 0; }
  constexpr explicit operator bool() const noexcept { return has_value(); }

  constexpr const T& operator*() const& noexcept { return std::get<0>(state_); }
  constexpr T& operator*() & noexcept { return std::get<0>(state_); }
  constexpr T&& operator*() && noexcept { return std::get<0>(std::move(state_)); }
  constexpr const T* operator->() const noexcept { return &std::get<0>(state_); }
  constexpr T* operator->() noexcept { return &std::get<0>(state_); }
  constexpr const failure& error() const noexcept { return std::get<1>(state_); }

  template <class U>
  constexpr T value_or(U&& fallback) const& {
    return has_value() ? **this : static_cast<T>(std::forward<U>(fallback));
  }

  /// Calls `next` with the value, or passes the failure on. `next` returns a result.
  template <class Next>
  constexpr auto and_then(Next&& next) const& -> std::invoke_result_t<Next, const T&> {
    if (!has_value()) return error();
    return std::forward<Next>(next)(**this);
  }

 private:
  std::variant<T, failure> state_;
};

/// The result of an action that yields nothing.
template <>
class [[nodiscard]] result<void> {
 public:
  using value_type = void;

  constexpr result() noexcept = default;
  constexpr result(errc code, std::uint32_t offset = 0) noexcept
      : error_{code, offset}, failed_(true) {}
  constexpr result(failure why) noexcept : error_(why), failed_(true) {}

  constexpr bool has_value() const noexcept { return !failed_; }
  constexpr explicit operator bool() const noexcept { return !failed_; }
  constexpr const failure& error() const noexcept {
    FLEETPROV_ASSERT(failed_);
    return error_;
  }

 private:
  failure error_{errc::invalid_topic, 0};
  bool failed_ = false;
};

}  // namespace fleetprov
