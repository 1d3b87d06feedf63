#pragma once
// Optional bridge to std::error_code; in no umbrella.

#include <fleetprov/core/result.hpp>

#include <string>
#include <system_error>

namespace fleetprov {

/// The category `fleetprov` of all `errc` values.
inline const std::error_category& error_category() noexcept {
  class category final : public std::error_category {
   public:
    const char* name() const noexcept override { return "fleetprov"; }
    std::string message(int value) const override { return std::string(describe(static_cast<errc>(value))); }
  };
  static const category only;
  return only;
}

/// Found by argument-dependent lookup: `std::error_code why = errc::timed_out;`
inline std::error_code make_error_code(errc code) noexcept { return {static_cast<int>(code), error_category()}; }

/// The code of a failure; its offset is dropped.
inline std::error_code make_error_code(const failure& why) noexcept { return make_error_code(why.code); }

}  // namespace fleetprov

template <>
struct std::is_error_code_enum<fleetprov::errc> : std::true_type {};
